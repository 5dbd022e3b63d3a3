//! The lines of calls, as the operator's tool reads them.

use super::line;
use crate::identity::Principal;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// The hash that stands for `principal` in the lines of a stack whose `SUBJECT_KEY` is `key`.
pub fn subject_hash(key: &str, principal: &Principal) -> String {
    line::hash(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), principal)
}

/// The line of one call, without what is for CloudWatch.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct LoggedCall {
    /// When the call had its result, in RFC 3339 format.
    pub timestamp: String,
    /// The operation's name.
    pub operation: String,
    /// The id of the call, which its caller has too.
    pub request_id: String,
    /// The release that served it.
    pub release: String,
    /// The hash that stands for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `ok`, or the error's code.
    pub outcome: String,
    /// Where the token came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The reason for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How long it took, in ms.
    #[serde(rename = "Duration")]
    pub duration: f64,
    /// How long it waited for DynamoDB, in ms.
    #[serde(default, rename = "DynamoDbTime", skip_serializing_if = "Option::is_none")]
    pub dynamo_db_time: Option<f64>,
    /// How long it waited for LiveChat, in ms.
    #[serde(default, rename = "LiveChatTime", skip_serializing_if = "Option::is_none")]
    pub live_chat_time: Option<f64>,
}

impl LoggedCall {
    /// The call that `line` is about. `None` for every other line. A log that was exported may have a time before the JSON.
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(&line[line.find('{')?..]).ok()
    }
}
