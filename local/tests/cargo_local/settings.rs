//! Settings that `cargo local` refuses, in the environment and in `.env`, before it starts anything.

use crate::helpers::{TestFolder, command};
use std::fs;

/// What a start that is refused prints to standard error.
fn refusal(dotenv: &str, environment: &[(&str, &str)]) -> String {
    let folder = TestFolder::new();
    fs::write(folder.0.join(".env"), dotenv).expect("a new file");
    let mut command = command(&folder.0, &["--memory"]);
    let output = command.envs(environment.iter().copied()).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn a_misspelt_setting_is_refused() {
    const LINE: &str =
        "cargo local: LIVECHAT_CLINT_ID is set, but there is no such setting: did you mean LIVECHAT_CLIENT_ID?\n";
    assert_eq!(refusal("", &[("LIVECHAT_CLINT_ID", "a-client")]), LINE);
    let in_file = refusal("\nLIVECHAT_CLINT_ID=a-client\n", &[]);
    assert_eq!(in_file, LINE.replace('\n', " (.env, line 2)\n"));
    let two = refusal("LIVECHAT_CLINT_ID=a\nAUTH=jwt\nJWT_ISUER=b\n", &[]);
    assert!(two.ends_with(" (.env: JWT_ISUER in line 3, LIVECHAT_CLINT_ID in line 1)\n"), "{two}");
}

#[test]
fn a_licence_number_is_refused_as_an_organization_id() {
    let dotenv =
        "LIVECHAT_CLIENT_ID=a\nLIVECHAT_REDIRECT_URI=https://shop.example/\nLIVECHAT_ORGANIZATION_ID=12345678\n";
    let error = refusal(dotenv, &[]);
    assert!(error.contains("A licence number belongs in LIVECHAT_LICENSE_ID"), "{error}");
    assert!(error.ends_with(" (.env, line 3)\n"), "{error}");
}

#[test]
fn an_invalid_line_of_the_file_is_named() {
    let error = refusal("AUTH=jwt\nJWT_SECRET=two words\n", &[]);
    assert!(error.starts_with("cargo local: .env, line 2 is invalid: ") && !error.contains("two words"), "{error}");
}
