//! Starts `cargo local` in a temporary folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A temporary folder of one test. It is deleted when it is dropped.
pub(crate) struct TestFolder(pub(crate) PathBuf);

impl TestFolder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("livechat-cip-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder of this test");
    }
}

/// `cargo local` in this folder, on free ports, without the settings of the environment that the tests run in.
pub(crate) fn command(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0"]).args(options).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        let prefixes = ["LIVECHAT_", "AUTH", "GUESTS", "JWT_", "HMAC_", "ALLOWED_"];
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}
