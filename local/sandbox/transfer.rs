//! Identity transfer: a customer's token, or an agent's, becomes an identity transfer token, which the grant `identity_token` exchanges for
//! another token of the same customer (<https://platform.text.com/docs/authorization/customer-authorization>, section *Identity token grant*).
//!
//! LiveChat does not document whether a transfer token can be used twice, or what a revocation does to it. Here, it can be used once, and
//! stays valid after a revocation.

use super::{
    AgentScope, Grant, Granted, IdentityTransfer, Sandbox, Settings,
    codes::Challenge,
    customers::{Issued, Realm},
    faulty,
    refused::Refused,
    token::{Call, bearer},
};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The documented default, in s.
const EXPIRES_IN_S: u64 = 3_600;

/// The transfer tokens that were issued and not exchanged. They are not stored in the sandbox's file.
#[derive(Debug, Default)]
pub(super) struct Transfers(Vec<Transfer>);

#[derive(Debug)]
struct Transfer {
    value: String,
    realm: Realm,
    entity_id: String,
    client_id: String,
    challenge: Option<Challenge>,
    /// Unix time in ms.
    expires_ms: u64,
}

pub(super) async fn create_v1(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    create(sandbox, false, headers, body).await
}

pub(super) async fn create_v2(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    create(sandbox, true, headers, body).await
}

async fn create(sandbox: Sandbox, is_v2: bool, headers: HeaderMap, body: Bytes) -> Response {
    faulty::detached(async move {
        sandbox.state().calls.identity_transfer += 1;
        sandbox.wait_for_latency().await;
        let Ok(body) = serde_json::from_slice(&body) else {
            return Refused::bad("bad_request", "the body is not JSON").into_response();
        };
        match transfer(&sandbox, is_v2, &headers, &body) {
            Ok(value) => Json(json!({ "identity_transfer_token": value, "expires_in": EXPIRES_IN_S })).into_response(),
            Err(refused) => refused.into_response(),
        }
    })
    .await
}

/// Issues a transfer token: at this moment the call takes effect.
fn transfer(sandbox: &Sandbox, is_v2: bool, headers: &HeaderMap, body: &Value) -> Result<String, Refused> {
    let text = |name: &str| body[name].as_str();
    let client_id = text("client_id")
        .filter(|id| [&sandbox.app.client_id, &sandbox.app.agent.client_id].contains(&&(*id).to_owned()));
    let client_id = client_id.ok_or(Refused::bad("unauthorized_client", "client_id is not known"))?.to_owned();
    let challenge = match text("code_challenge") {
        None => None,
        Some(challenge) => Some(
            Challenge::read(challenge, text("code_challenge_method"))
                .ok_or(Refused::bad("invalid_request", "code_challenge is invalid"))?,
        ),
    };
    let mut state = sandbox.state();
    let now_ms = state.now_ms();
    let token = bearer(headers).unwrap_or_default();
    let (realm, entity_id) = match text("bearer_type") {
        Some("customer") => {
            if state.settings.identity_transfer == IdentityTransfer::Refused {
                return Err(Refused::unauthorized("access_denied", "this app may not transfer identities"));
            }
            let details = state.stored.customers.details(token, now_ms).ok_or(Refused::invalid_token())?;
            (details.realm, details.entity_id.clone())
        }
        Some("agent") => {
            if state.stored.agents.scope(token, now_ms) != Ok(AgentScope::CustomersOwn) {
                return Err(Refused::invalid_token());
            }
            let realm = if is_v2 { Realm::V2 } else { Realm::V1 };
            let customer = text("customer_id").filter(|id| state.stored.customers.knows(realm, id));
            let customer = customer.ok_or(Refused::bad("invalid_request", "customer_id is missing or not known"))?;
            (realm, customer.to_owned())
        }
        _ => return Err(Refused::bad("invalid_request", "bearer_type is not agent or customer")),
    };
    let value = format!("sandbox:transfer-{}", Uuid::new_v4().simple());
    let expires_ms = now_ms + EXPIRES_IN_S * 1000;
    state.transfers.0.retain(|transfer| transfer.expires_ms > now_ms);
    state.transfers.0.push(Transfer { value: value.clone(), realm, entity_id, client_id, challenge, expires_ms });
    Ok(value)
}

/// The grant `identity_token`: at this moment the call takes effect.
///
/// # Errors
/// If the transfer token is not valid, or its customer is not known any more.
pub(super) fn issue(sandbox: &Sandbox, call: &Call) -> Result<(Issued, Settings), Refused> {
    let text = |name: &str| call.body[name].as_str();
    let mut state = sandbox.state();
    let (settings, now_ms) = (state.settings, state.now_ms());
    let is_meant = |transfer: &Transfer| {
        Some(transfer.value.as_str()) == text("code")
            && Some(transfer.client_id.as_str()) == text("client_id")
            && transfer.expires_ms > now_ms
            && match (&transfer.challenge, text("code_verifier")) {
                (None, None) => true,
                (Some(challenge), Some(verifier)) => challenge.accepts(verifier),
                _ => false,
            }
    };
    let at = state.transfers.0.iter().position(is_meant);
    let at = at.ok_or(Refused::bad(
        "invalid_grant",
        "the identity transfer token is not valid for this client_id and code_verifier",
    ))?;
    let Transfer { realm, entity_id, .. } = state.transfers.0.remove(at);
    if !state.stored.customers.knows(realm, &entity_id) {
        return Err(Refused::identity_lost());
    }
    let issued = state.stored.customers.issue_to_holder(realm, &entity_id, now_ms + settings.expires_in * 1000);
    let granted = call.granted(Grant::IdentityToken, &issued, settings);
    state.journal.push(Granted { proved: Some(entity_id.clone()), claimed: Some(entity_id), ..granted });
    Ok((issued, settings))
}
