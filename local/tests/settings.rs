//! Settings that `cargo local` refuses: from the environment and from `.env`, before anything is started.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A folder of this test's own, with this `.env`.
struct Place(PathBuf);

impl Place {
    fn with(dotenv: &str) -> Self {
        let path = std::env::temp_dir().join(format!("livechat-cip-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("a new folder");
        fs::write(path.join(".env"), dotenv).expect("a new file");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

/// What a start says that is refused.
fn refusal(dotenv: &str, environment: &[(&str, &str)]) -> String {
    let place = Place::with(dotenv);
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0", "--memory"]).current_dir(&place.0).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if ["LIVECHAT_", "AUTH", "GUESTS", "JWT_", "HMAC_", "ALLOWED_"].iter().any(|mine| name.starts_with(mine)) {
            command.env_remove(name);
        }
    }
    let output = command.envs(environment.iter().copied()).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_misspelt_setting_starts_no_sandbox() {
    const LINE: &str =
        "cargo local: LIVECHAT_CLINT_ID is set, but there is no such setting: did you mean LIVECHAT_CLIENT_ID?\n";
    assert_eq!(refusal("LIVECHAT_CLINT_ID=a-client\n", &[]), LINE);
    assert_eq!(refusal("", &[("LIVECHAT_CLINT_ID", "a-client")]), LINE);
}

#[test]
fn a_licence_number_is_no_organization() {
    let dotenv =
        "LIVECHAT_CLIENT_ID=a\nLIVECHAT_REDIRECT_URI=https://shop.example/\nLIVECHAT_ORGANIZATION_ID=12345678\n";
    let said = refusal(dotenv, &[]);
    assert!(said.contains("A licence number belongs in LIVECHAT_LICENSE_ID."), "{said}");
}
