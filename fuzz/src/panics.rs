//! Every panic is a find, in our own code and in a library, but for the one that stands for a bug in an operation. libFuzzer would
//! end at that one too.

use std::{panic::set_hook, process::abort};

/// The message of the panic that stands for a bug in an operation.
pub const PLANTED: &str = "a planted bug";

/// To be called once, at init: takes the place of libFuzzer's own hook.
pub fn tell_apart() {
    set_hook(Box::new(|panic| {
        if panic.payload_as_str() != Some(PLANTED) {
            eprintln!("{panic}");
            abort();
        }
    }));
}
