//! Requests as pages send them and gateways hand them over, of any form. Each must lead to the call that a second reading
//! of it expects, for exactly that user and group, or to a refusal that it expects.
#![no_main]

use cip::{identity::Group, operation::Name};
use fuzz::{
    answer,
    function::{Called, Outcome, call, user_of},
    gateway::{Expected, Sent},
    panics,
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
    sent: Sent<'a>,
}

fuzz_target!(init: panics::tell_apart(), |request: Request| {
    let Request { operation, outcome, sent } = request;
    // Mostly the function that the request is meant for.
    let operation = if operation < 200 { sent.asked_for() } else { Name::ALL[usize::from(operation) % 4] };
    let event = to_raw_value(&sent.event()).expect("an event is JSON");
    let Called { answer, subject } = call(operation, event, move |_| outcome);
    let (body, code) = answer::check(operation, &answer);
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
            assert!(code.as_deref().is_some_and(|code| codes.contains(&code)), "{code:?} is none of {codes:?}");
        }
    }
});
