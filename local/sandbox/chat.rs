//! Chats, for the page of `cargo local`. Its two devices show them in the place of LiveChat's widget. Nobody replies. LiveChat has
//! no such API.
//!
//! | request, with `Authorization: Bearer <customer token>` | does |
//! |---|---|
//! | `GET /sandbox/chat` | reads the customer's messages |
//! | `POST /sandbox/chat` | `{"text": "Hello"}`: adds a message, of 1000 characters at most |
//!
//! Both return the customer's latest 200 messages, `[{"id": "…", "text": "Hello", "sentAt": 1795332937990}]`, the oldest first.
//! The token alone identifies the customer. An unknown, expired or revoked token gets 401. An invalid message gets 400 with a
//! sentence that says why, and changes nothing.

use super::{
    Sandbox,
    admin::{self, BadRequest},
    refused::Refused,
    token,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

const LONGEST_TEXT: usize = 1000;
const MOST_MESSAGES: usize = 200;

/// A message of a customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: String,
    text: String,
    /// Unix time in ms.
    sent_at: u64,
}

/// A customer's messages, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Chat(VecDeque<Message>);

impl Chat {
    fn add(&mut self, text: String, sent_at: u64) {
        if self.0.len() == MOST_MESSAGES {
            self.0.pop_front();
        }
        self.0.push_back(Message { id: Uuid::new_v4().to_string(), text, sent_at });
    }
}

/// All chats, by entity id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Chats(HashMap<String, Chat>);

impl Chats {
    /// Deletes the messages of a customer.
    pub(super) fn forget(&mut self, entity_id: &str) {
        self.0.remove(entity_id);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    text: String,
}

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/sandbox/chat", get(show).post(write))
}

async fn show(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    let Some(entity_id) = customer(&sandbox, &headers) else { return Refused::invalid_token().into_response() };
    chat(&sandbox, &entity_id)
}

async fn write(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(entity_id) = customer(&sandbox, &headers) else { return Refused::invalid_token().into_response() };
    let text = match admin::read(&body).and_then(check) {
        Ok(text) => text,
        Err(bad) => return bad.into_response(),
    };
    let now_ms = sandbox.now_ms();
    sandbox.state().stored.chats.0.entry(entity_id.clone()).or_default().add(text, now_ms);
    sandbox.store();
    chat(&sandbox, &entity_id)
}

fn check(NewMessage { text }: NewMessage) -> Result<String, BadRequest> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(BadRequest("The text is empty".into())),
        length if length > LONGEST_TEXT => {
            Err(BadRequest(format!("The text has {length} characters; the maximum is {LONGEST_TEXT}")))
        }
        _ => Ok(text),
    }
}

/// The entity id of the token's customer.
fn customer(sandbox: &Sandbox, headers: &HeaderMap) -> Option<String> {
    let now_ms = sandbox.now_ms();
    let state = sandbox.state();
    state.stored.customers.details(token::bearer(headers)?, now_ms).map(|details| details.entity_id.clone())
}

fn chat(sandbox: &Sandbox, entity_id: &str) -> Response {
    Json(sandbox.state().stored.chats.0.get(entity_id).cloned().unwrap_or_default()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_are_dropped_first() {
        let mut chat = Chat::default();
        for number in 0..=MOST_MESSAGES {
            chat.add(number.to_string(), 0);
        }
        assert_eq!(chat.0.len(), MOST_MESSAGES);
        assert_eq!((chat.0[0].text.as_str(), chat.0[1].text.as_str()), ("1", "2"));
    }

    #[test]
    fn the_length_of_a_message_is_counted_in_characters() {
        let text = |character: char, times| NewMessage { text: character.to_string().repeat(times) };
        assert!(check(text('ö', LONGEST_TEXT)).is_ok());
        let BadRequest(why) = check(text('a', LONGEST_TEXT + 1)).expect_err("too long");
        assert_eq!(why, "The text has 1001 characters; the maximum is 1000");
        for empty in [text(' ', 2), text('a', 0)] {
            assert_eq!(check(empty).map_err(|BadRequest(why)| why), Err("The text is empty".into()));
        }
    }
}
