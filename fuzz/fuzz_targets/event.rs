//! Any JSON as an event. Whatever it is, there is an answer that keeps the contract; and if there is a call, then for a
//! user whom the event's path names.
#![no_main]

use cip::operation::Name;
use fuzz::{
    answer,
    function::{Called, Outcome, call, user_of},
    panics,
    reading::user_in,
};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::value::RawValue;
use std::collections::HashMap;

fuzz_target!(init: panics::tell_apart(), |data: &[u8]| -> Corpus {
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(data) else { return Corpus::Reject };
    let operation = operation_in(event.get());
    // Raw, as the rest of the event may be nested more deeply than a value can be.
    let fields: HashMap<String, Box<RawValue>> = serde_json::from_str(event.get()).unwrap_or_default();
    let Called { answer, subject } = call(operation, event, Outcome::of_group);
    let (_, code) = answer::check(operation, &answer);
    let Some(subject) = subject else {
        assert!(matches!(code.as_deref(), Some("invalid_request" | "not_found" | "method_not_allowed")), "{code:?}");
        return Corpus::Keep;
    };
    assert_eq!(code.as_deref(), Outcome::of_group(&subject).code());
    let paths = ["rawPath", "path"].iter().filter_map(|name| serde_json::from_str::<String>(fields.get(*name)?.get()).ok());
    let named = paths.flat_map(|path| [true, false].map(|is_decoded| user_in(&path, operation, is_decoded)));
    assert!(named.flatten().flatten().any(|user| user == user_of(&subject)), "nobody named this user");
    Corpus::Keep
});

/// The operation whose name comes first.
fn operation_in(event: &str) -> Name {
    let place = |operation: &Name| event.find(operation.as_str()).unwrap_or(usize::MAX);
    Name::ALL.into_iter().min_by_key(place).unwrap_or(Name::GetToken)
}
