//! Every panic ends the run, in our own code and in libraries, except the one that stands for a bug in an operation. libFuzzer's own
//! hook would end the run at that one too.

use std::{panic::set_hook, process::abort};

/// The message of the panic that stands for a bug in an operation.
pub const PLANTED: &str = "a planted bug";

/// Replaces libFuzzer's panic hook. Call it once, at init.
pub fn install_hook() {
    set_hook(Box::new(|panic| {
        if panic.payload_as_str() != Some(PLANTED) {
            eprintln!("{panic}");
            abort();
        }
    }));
}
