//! Values that YAML or the SAM CLI could read as something else than the same string.

use crate::setup::world::World;
use saphyr_parser::{Event, Parser, ScalarStyle};

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_client_id_is_a_string_in_the_parameters() {
    for client_id in [
        "0x1", "1e5", "yes", "012", "1_000", "~", "a#b", "a:b", "it's", "\"x\"", "a\\'b", "{a}", "&a", "-", "null",
        "12:30:45", "\\n",
    ] {
        let world = World::start("odd").await;
        let mut answers = world.answers();
        answers[1] = client_id.into();
        let all: Vec<_> = ["setup"].into_iter().chain(answers.iter().map(String::as_str)).chain(["--yes"]).collect();
        let all: Vec<_> = if client_id.starts_with('-') {
            let joined = "--client-id=-";
            ["setup", joined].into_iter().chain(all[3..].iter().copied()).collect()
        } else {
            all
        };
        let found = world.cip(&all, &[], "");
        assert_eq!(found.code, 0, "{client_id}: {}", found.stderr);
        let parameters = world.read("parameters.yaml");
        let mut events = Parser::new_from_str(&parameters).map(|event| event.expect("valid").0);
        assert!(events.any(|event| matches!(event, Event::Scalar(text, ..) if text == "LiveChatClientId")));
        let Some(Event::Scalar(text, style, ..)) = events.next() else { panic!("{parameters}") };
        assert_eq!((unquoted(&unquoted(&text)).as_str(), style), (client_id, ScalarStyle::SingleQuoted));
        let (_, doctor) = world.doctor();
        assert!(doctor.contains("Client id") && !doctor.contains("is invalid"), "{doctor}");
    }
}

/// `_unquote_wrapped_quotes` in the SAM CLI's `samcli/cli/types.py`, which it calls when it reads the file and once more afterwards.
fn unquoted(text: &str) -> String {
    let is_wrapped = |quote: char| text.starts_with(quote) && text.ends_with(quote);
    let inner = if is_wrapped('"') || is_wrapped('\'') { &text[1..text.len() - 1] } else { text };
    inner.replace("\\ ", " ").replace("\\\"", "\"").replace("\\'", "'")
}
