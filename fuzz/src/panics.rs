//! libFuzzer ends at the first panic. But `lambda_http` panics on some events and `cip::http` makes an answer of that,
//! so here a panic is a find only if our own code panicked, or if nobody caught it.

use std::{
    panic::{AssertUnwindSafe, Location, catch_unwind, set_hook},
    process::abort,
    sync::{Mutex, PoisonError},
};

/// The message of the panic that stands for a bug in an operation.
pub const PLANTED: &str = "a planted bug";

static LATEST: Mutex<String> = Mutex::new(String::new());

/// To be called once, at init: takes the place of libFuzzer's own hook.
pub fn tell_apart() {
    set_hook(Box::new(|panic| {
        if panic.payload_as_str() == Some(PLANTED) {
            return;
        }
        if panic.location().is_some_and(is_of_a_library) {
            *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
            return;
        }
        eprintln!("{panic}");
        abort();
    }));
}

fn is_of_a_library(place: &Location) -> bool {
    place.file().contains("/registry/src/") || place.file().starts_with("/rustc/")
}

/// Runs a target. No panic may come out of it, not even a library's.
pub fn none_may_leave<T>(target: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(target)).unwrap_or_else(|_| {
        eprintln!("nobody caught this: {}", LATEST.lock().unwrap_or_else(PoisonError::into_inner));
        abort()
    })
}
