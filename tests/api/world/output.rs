//! What the functions write to their logs and return, and the check of it for secrets.

use super::{World, wait_for};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that the functions of a world have logged and returned. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<Mutex<String>>);

impl Output {
    /// What the line of a response starts with.
    const RESPONSE: &str = "response: ";

    pub(super) fn write(&self, line: &str) {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.push_str(line);
        output.push('\n');
    }

    pub(super) fn write_response(&self, response: &Value) {
        self.write(&format!("{}{response}", Self::RESPONSE));
    }

    /// The log line of the call with this request id.
    pub(super) fn call_line(&self, request_id: &str) -> Option<Value> {
        let output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.lines().rev().filter_map(call_line).find(|line| line["request_id"] == request_id)
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The log line of a call, if it is one.
fn call_line(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(|line: &Value| line["message"] == "call")
}

impl World {
    /// Everything that the functions have logged and returned so far.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// The log lines of calls, after the first `skip` lines of the output.
    pub(crate) fn call_lines_after(&self, skip: usize) -> Vec<Value> {
        self.output().lines().skip(skip).filter_map(call_line).collect()
    }

    /// The log lines of all calls so far. Waits until there are as many as expected.
    pub(crate) async fn call_lines(&self, expected: usize) -> Vec<Value> {
        let enough = async || Some(self.call_lines_after(0)).filter(|lines| lines.len() >= expected);
        let lines = wait_for(&format!("log lines of {expected} calls"), enough).await;
        assert_eq!(lines.len(), expected, "one line for each call");
        lines
    }
}

/// In every test: no cookie or secret in any response or log line, and no token or user id in any log line.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.output());
            return;
        }
        for line in self.output().lines() {
            let is_response = line.starts_with(Output::RESPONSE);
            for secret in [
                "__lc_",
                "cst-",
                "guest-secret",
                "test-secret",
                "sandbox-agent-secret",
                "sandbox-refresh-token",
                "sandbox:agent-",
            ] {
                assert!(!line.contains(secret), "{secret} in: {line}");
            }
            // The last three: a JSON Web Token, a guest's secret, and the secrets of the tests.
            for secret in ["sandbox:token-", "user#", "guest#", "alice", "eyJ", "guest-secret", "test-secret"] {
                assert!(is_response || !line.contains(secret), "{secret} in the log: {line}");
            }
        }
    }
}
