//! Any JSON as an event. There must always be a response that keeps the HTTP contract. If the operation is called, then for the user in
//! the event's path.
#![no_main]

use cip::operation::Name;
use fuzz::{
    function::{Called, Outcome, call, user_of},
    panics,
    path::user_in,
    response,
};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::value::RawValue;
use std::collections::HashMap;

fuzz_target!(init: panics::install_hook(), |data: &[u8]| -> Corpus {
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(data) else { return Corpus::Reject };
    let operation = operation_in(event.get());
    // Raw values, because a part of the event may be nested more deeply than serde_json parses.
    let fields: HashMap<String, Box<RawValue>> = serde_json::from_str(event.get()).unwrap_or_default();
    let Called { response, subject } = call(operation, event, Outcome::of_group);
    let (_, code) = response::check(operation, &response);
    let Some(subject) = subject else {
        assert!(matches!(code.as_deref(), Some("invalid_request" | "not_found" | "method_not_allowed")), "{code:?}");
        return Corpus::Keep;
    };
    assert_eq!(code.as_deref(), Outcome::of_group(&subject).code());
    let paths = ["rawPath", "path"].iter().filter_map(|name| serde_json::from_str::<String>(fields.get(*name)?.get()).ok());
    let named = paths.flat_map(|path| [true, false].map(|is_decoded| user_in(&path, operation, is_decoded)));
    assert!(named.flatten().flatten().any(|user| user == user_of(&subject)), "this user is not in the path");
    Corpus::Keep
});

/// The operation whose name comes first in the event.
fn operation_in(event: &str) -> Name {
    let position = |operation: &Name| event.find(operation.as_str()).unwrap_or(usize::MAX);
    Name::ALL.into_iter().min_by_key(position).unwrap_or(Name::GetToken)
}
