//! The agent-token grant: a token for the customer `entity_id`, or for a new one. An agent's token is the authorization; cookies
//! are neither read nor set.
//!
//! LiveChat does not document whether the `client_id` must be that of the agent token's app. The sandbox requires it.

use super::{
    AgentScope, Fault, Grant, Granted, Sandbox, Settings, UnknownEntity,
    agents::{Agents, Invalid},
    customers::Issued,
    refused::Refused,
    token::{Call, bearer},
};
use axum::http::StatusCode;
use serde_json::Value;

/// Issues a token: at this moment the call takes effect.
///
/// # Errors
/// If the agent's token or a parameter is invalid, or the customer is not known.
pub(super) fn issue(sandbox: &Sandbox, call: &Call) -> Result<(Issued, Settings), Refused> {
    let mut state = sandbox.state();
    let (settings, now_ms) = (state.settings, state.now_ms());
    authorize(&state.stored.agents, bearer(&call.headers), now_ms)?;
    let asked_for = check(sandbox, call)?;
    let customers = &mut state.stored.customers;
    if asked_for.is_some_and(|entity_id| !customers.knows(call.realm, entity_id)) {
        return Err(not_found(settings.unknown_entity));
    }
    let slipped = asked_for.is_some() && call.fault == Some(Fault::OtherEntity);
    let recognised = asked_for.filter(|_| !slipped);
    let issued = customers.issue_to_agent(call.realm, recognised, now_ms + settings.expires_in * 1000);
    let asked_for = asked_for.map(str::to_owned);
    let granted = call.granted(Grant::AgentToken, &issued, settings);
    let proved = recognised.map(str::to_owned);
    state.journal.push(Granted { proved, claimed: asked_for.clone(), asked_for, slipped, ..granted });
    Ok((issued, settings))
}

fn authorize(agents: &Agents, token: Option<&str>, now_ms: u64) -> Result<(), Refused> {
    match agents.scope(token.unwrap_or_default(), now_ms) {
        Ok(AgentScope::CustomersOwn) => Ok(()),
        Ok(AgentScope::CustomersRo) => {
            Err(Refused::unauthorized("access_denied", "the agent's token does not have the scope customers:own"))
        }
        Err(Invalid::Expired) => Err(Refused::unauthorized("invalid_grant", "the agent's token has expired")),
        Err(Invalid::Unknown) => Err(Refused::invalid_token()),
    }
}

/// The `entity_id` that the call asks for, if it has one.
fn check<'a>(sandbox: &Sandbox, call: &'a Call) -> Result<Option<&'a str>, Refused> {
    call.check(&sandbox.app.agent.client_id)?;
    if call.names_account(&sandbox.app) == Some(false) {
        return Err(Refused::bad("invalid_request", "license_id (v1) or organization_id (v2) is not known"));
    }
    match call.body.get("entity_id") {
        None => Ok(None),
        Some(Value::String(entity_id)) => Ok(Some(entity_id)),
        Some(_) => Err(Refused::bad("invalid_request", "entity_id must be a string")),
    }
}

fn not_found(result: UnknownEntity) -> Refused {
    const WHY: &str = "there is no customer with this entity_id";
    match result {
        UnknownEntity::ResourceNotFound => Refused::Oauth(StatusCode::NOT_FOUND, "resource_not_found", WHY),
        UnknownEntity::InvalidRequest => Refused::bad("invalid_request", WHY),
        UnknownEntity::IdentityLost => Refused::identity_lost(),
    }
}
