//! Values that YAML would read as something else than a string, as the SAM CLI's parser sees the file. That parser is a program of its own,
//! so here a strict YAML library takes its place: each value must be a quoted scalar.

use crate::world::World;
use saphyr_parser::{Event, Parser, ScalarStyle};

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_client_id_is_a_string_in_the_parameters() {
    for client_id in [
        "0x1", "1e5", "yes", "012", "1_000", "~", "a#b", "a:b", "it's", "\"x\"", "{a}", "&a", "-", "null", "12:30:45",
        "\\n",
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
        assert_eq!((&*text, style), (client_id, ScalarStyle::SingleQuoted));
        let (_, doctor) = world.doctor();
        assert!(doctor.contains("Client id") && !doctor.contains("is invalid"), "{doctor}");
    }
}
