//! Requests of pages as the gateways pass them on, of any shape. The result must be what a second parser of the request expects: a call
//! for exactly this user and group, or a refusal.
#![no_main]

use cip::{identity::Group, operation::Name};
use fuzz::{
    function::{Called, Outcome, call, user_of},
    gateway::{Expected, PageRequest},
    panics, response,
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use serde_json::value::to_raw_value;

#[derive(Arbitrary, Debug)]
struct Request<'a> {
    operation: u8,
    outcome: Outcome,
    sent: PageRequest<'a>,
}

fuzz_target!(init: panics::install_hook(), |request: Request| {
    let Request { operation, outcome, sent } = request;
    // In most cases, the function of the operation in the path.
    let operation = if operation < 200 { sent.operation() } else { Name::ALL[usize::from(operation) % 4] };
    let event = to_raw_value(&sent.event()).expect("an event is JSON");
    let Called { response, subject } = call(operation, event, move |_| outcome);
    let (body, code) = response::check(operation, &response);
    match sent.expected(operation) {
        Expected::Call(user, group) => {
            let subject = subject.expect("a call");
            assert_eq!((user_of(&subject), subject.group), (user.as_str(), group.map(Group)));
            assert_eq!(code.as_deref(), outcome.code());
            if let Some(entity) = body.get("entityId") {
                assert_eq!(*entity, *user);
            }
        }
        Expected::Refusal(codes) => {
            assert_eq!(subject, None, "{codes:?} was expected");
            assert!(code.as_deref().is_some_and(|code| codes.contains(&code)), "{code:?} is not in {codes:?}");
        }
    }
});
