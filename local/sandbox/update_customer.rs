//! `update_customer` of the Customer Chat API (<https://platform.text.com/docs/messaging/customer-chat-api/#update-customer>).
//!
//! LiveChat does not document what happens to former session fields. Here, a request with `session_fields` replaces them. The
//! statuses of errors are not documented either.

use super::{CustomerDetails, Sandbox, fault::Endpoint, faulty, oauth::Pairs, token::bearer};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// LiveChat documents this number for `set_customer_session_fields`.
const MOST_SESSION_FIELDS: usize = 100;

/// The documented parameters. The sandbox does not store the last three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: Option<String>,
    email: Option<String>,
    session_fields: Option<Vec<Map<String, Value>>>,
    avatar: Option<String>,
    omnichannel: Option<Map<String, Value>>,
    address: Option<Map<String, Value>>,
}

pub(super) async fn update(
    State(sandbox): State<Sandbox>,
    query: Result<Query<Pairs>, QueryRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    faulty::detached(async move {
        let fault = {
            let mut state = sandbox.state();
            state.calls.update_customer += 1;
            state.faults.next_of(Endpoint::UpdateCustomer)
        };
        sandbox.wait_for_latency().await;
        if let Some(response) = faulty::before(fault).await {
            return response;
        }
        let account = query.map_or_else(|_| vec![], |Query(pairs)| pairs);
        let updated = apply(&sandbox, &account, &headers, &body);
        sandbox.store();
        if let Some(response) = faulty::instead(fault).await {
            return response;
        }
        // There is no response payload.
        updated.map_or_else(IntoResponse::into_response, |()| StatusCode::OK.into_response())
    })
    .await
}

/// Stores the update: at this moment the call takes effect.
fn apply(sandbox: &Sandbox, account: &Pairs, headers: &HeaderMap, body: &[u8]) -> Result<(), ChatError> {
    check_account(sandbox, account)?;
    let mut state = sandbox.state();
    let now_ms = state.now_ms();
    let token = bearer(headers).unwrap_or_default();
    let details = state.stored.customers.details_of_holder(token, now_ms).ok_or(ChatError::Authentication)?;
    let update: Update = serde_json::from_slice(body).map_err(|error| ChatError::Validation(error.to_string()))?;
    *details = update.merged_with(details)?;
    Ok(())
}

fn check_account(sandbox: &Sandbox, account: &Pairs) -> Result<(), ChatError> {
    match account.as_slice() {
        [(name, value)] if name == "organization_id" && *value == sandbox.app.organization_id => Ok(()),
        [(name, _)] if name == "organization_id" => Err(ChatError::LicenseNotFound),
        _ => Err(ChatError::Validation("the query must be organization_id".into())),
    }
}

impl Update {
    /// The customer's details after this update: what it does not name stays as it is.
    fn merged_with(self, current: &CustomerDetails) -> Result<CustomerDetails, ChatError> {
        let invalid = |why: &str| Err(ChatError::Validation(why.into()));
        let Self { name, email, session_fields, avatar, omnichannel, address } = self;
        let is_stored = name.is_some() || email.is_some() || session_fields.is_some();
        if !is_stored && avatar.is_none() && omnichannel.is_none() && address.is_none() {
            return invalid("at least one parameter is needed");
        }
        if email.as_deref().is_some_and(|email| !is_email(email)) {
            return invalid("email is malformed");
        }
        let session_fields = match session_fields {
            Some(fields) => pairs(fields)?,
            None => current.session_fields.clone(),
        };
        Ok(CustomerDetails {
            name: name.or_else(|| current.name.clone()),
            email: email.or_else(|| current.email.clone()),
            session_fields,
        })
    }
}

fn is_email(text: &str) -> bool {
    let has_both_parts = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    has_both_parts && !text.contains(char::is_whitespace)
}

fn pairs(fields: Vec<Map<String, Value>>) -> Result<Vec<(String, String)>, ChatError> {
    let pair = |(key, value): (String, Value)| match value {
        Value::String(value) => Ok((key, value)),
        _ => Err(ChatError::Validation("the value of a session field must be a string".into())),
    };
    let pairs: Vec<_> = fields.into_iter().flatten().map(pair).collect::<Result<_, _>>()?;
    if pairs.len() > MOST_SESSION_FIELDS {
        return Err(ChatError::Validation(format!("the maximum is {MOST_SESSION_FIELDS} session fields")));
    }
    Ok(pairs)
}

/// An error of the Customer Chat API.
enum ChatError {
    Authentication,
    LicenseNotFound,
    /// With a sentence about what is invalid.
    Validation(String),
}

impl IntoResponse for ChatError {
    fn into_response(self) -> Response {
        let (status, kind, message) = match self {
            Self::Authentication => (StatusCode::UNAUTHORIZED, "authentication", "Authentication error".into()),
            Self::LicenseNotFound => (StatusCode::NOT_FOUND, "license_not_found", "License not found".into()),
            Self::Validation(why) => (StatusCode::BAD_REQUEST, "validation", format!("Wrong format of request: {why}")),
        };
        (status, Json(json!({"error": {"type": kind, "message": message}}))).into_response()
    }
}
