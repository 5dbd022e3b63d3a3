//! Without a terminal: all answers are options.

use crate::{setup::world::World, world::serve};
use axum::Router;
use serde_json::{Value, json};

const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-$'\"x";

#[tokio::test(flavor = "multi_thread")]
async fn options_answer_everything_and_the_result_is_json() {
    let world = World::start("options").await;
    let dry = world.setup(&["--dry-run", "--json", "--call-livechat"], "");
    assert_eq!((dry.code, world.read("parameters.yaml").contains("shop.example/")), (0, false), "{}", dry.stderr);
    let found = world.setup(&["--yes", "--json", "--call-livechat", "--guests"], "");
    assert_eq!(found.code, 0, "{}", found.stderr);
    let done: Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!(done["written"], serde_json::json!([".env", "parameters.yaml"]));
    assert_eq!(done["parameters"]["JwtAudience"], "livechat");
    assert_eq!(done["settings"]["GUESTS"], "true");
    let (is_good, text) = world.doctor();
    assert!(is_good, "{text}");
    let before = world.files();
    let again = world.cip(&["setup", "--yes"], &[], "");
    assert_eq!((again.code, world.files() == before), (0, true), "{}{}", again.stdout, again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_misspelt_is_named_and_nothing_is_written() {
    let world = World::start("missing").await;
    let before = world.files();
    let answers = world.answers();
    for option in ["--client-id", "--account", "--redirect-uri", "--provider"] {
        let at = answers.iter().position(|other| other == option).expect("there");
        let others = answers[..at].iter().chain(&answers[at + 2..]).map(String::as_str);
        let found = world.cip(&["setup"].into_iter().chain(others).chain(["--yes"]).collect::<Vec<_>>(), &[], "");
        assert_eq!(found.code, 2, "{}", found.stderr);
        assert!(found.stderr.contains(&format!("{option} is missing")), "{}", found.stderr);
    }
    for (options, words) in [
        (
            &["--set", "YOUR_TENNANT=x", "--yes"] as &[&str],
            "YOUR_TENNANT: auth0 has no such place. It has: YOUR_DOMAIN",
        ),
        (&[], "add --yes"),
        (&["--environment", "local", "--yes"], "choose another name"),
        (&["--environment", "../x", "--yes"], "expected letters"),
    ] {
        let found = world.setup(options, "");
        assert_eq!(found.code, 2, "{}", found.stderr);
        assert!(found.stderr.contains(words), "{words}: {}", found.stderr);
    }
    assert_eq!(world.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_env_alone_and_every_character_of_it_is_kept() {
    let world = World::start("secret").await;
    let mut answers: Vec<_> = world.answers().into_iter().take(8).collect();
    answers.extend(["--provider", "hmac", "--secret", "stdin", "--yes", "--json"].map(str::to_owned));
    let all: Vec<_> = ["setup"].into_iter().chain(answers.iter().map(String::as_str)).collect();
    let short = world.cip(&all, &[], "hunter2\n");
    assert_eq!(short.code, 2, "{}", short.stderr);
    assert!(short.stderr.contains("at least 32 bytes") && !short.stderr.contains("hunter2"), "{}", short.stderr);
    let found = world.cip(&all, &[], &format!("{SECRET}\n"));
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(!found.stdout.contains("hunter2") && !found.stderr.contains("hunter2"), "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("read -rs SECRET"), "{}", found.stdout);
    assert!(!world.read("parameters.yaml").contains("hunter2"));
    let settings = world.read(".env");
    assert!(settings.contains(r#"HMAC_SECRET='hunter2-hunter2-hunter2-hunter2-$'\''"x'"#), "{settings}");
    let (is_good, text) = world.doctor();
    assert!(is_good, "{text}");
    assert!(world.read("parameters.yaml").contains("\nHmacSecretArn: '' #"), "it is to be filled in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_that_cannot_be_read_is_written_only_with_consent() {
    let world = World::start("unchecked").await;
    let before = world.files();
    let options = ["--set", "YOUR_DOMAIN=http://127.0.0.1:9", "--yes"];
    let mut answers = world.answers();
    answers.retain(|answer| !answer.starts_with("YOUR_DOMAIN"));
    let set = answers.iter().position(|answer| answer == "--set").expect("there");
    answers.remove(set);
    let all: Vec<_> = ["setup"].into_iter().chain(answers.iter().map(String::as_str)).chain(options).collect();
    let found = world.cip(&all, &[], "");
    assert_eq!((found.code, world.files() == before), (1, true), "{}", found.stderr);
    assert!(found.stderr.contains("cannot be read: no connection"), "{}", found.stderr);
    let found = world.cip(&[&all[..], &["--unchecked"]].concat(), &[], "");
    assert_eq!((found.code, world.files() == before), (0, false), "{}", found.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_invalid_is_named_before_anything_is_asked() {
    for (file, text, words) in [
        (".env", "JWT_SECRET=hunter2 hunter2\n", ".env, line 1 is invalid"),
        (".env", "AUTH=none\nAUTH=jwt\n", ".env sets AUTH twice, in lines 1 and 2"),
        ("parameters.yaml", "Auth: 'jwt\n", "parameters.yaml, line"),
        ("parameters.yaml", "Auth: jwt\nAuth: none\n", "parameters.yaml sets Auth twice"),
    ] {
        let world = World::start("broken").await;
        world.write(file, text);
        let before = world.files();
        let found = world.setup(&["--yes"], "");
        assert_eq!((found.code, world.files() == before), (2, true), "{}", found.stderr);
        assert!(found.stderr.contains(words) && !found.stderr.contains("hunter2"), "{words}: {}", found.stderr);
    }
    let world = World::start("elsewhere").await;
    std::fs::remove_file(world.folder.join("template.yaml")).expect("removed");
    let found = world.setup(&["--yes"], "");
    assert_eq!(found.code, 2);
    assert!(found.stderr.contains("this folder has no template.yaml"), "{}", found.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_names_itself_with_control_characters_is_not_written() {
    let world = World::start("control").await;
    let configuration =
        json!({ "issuer": "https://a.example/\u{1b}[2J", "jwks_uri": "https://a.example/\n- x" }).to_string();
    let provider = serve(Router::new().fallback(async move || configuration)).await;
    let before = world.files();
    let mut answers: Vec<_> = world.answers().into_iter().take(8).collect();
    let issuer = format!("YOUR_ISSUER={provider}");
    answers.extend(["--provider", "openid", "--set", &issuer, "--unchecked", "--yes"].map(str::to_owned));
    let all: Vec<_> = ["setup"].into_iter().chain(answers.iter().map(String::as_str)).collect();
    let found = world.cip(&all, &[], "");
    assert_eq!(found.code, 3, "{}", found.stderr);
    assert!(found.stderr.contains("control character"), "{}", found.stderr);
    assert_eq!(world.files(), before);
}
