//! `/v2/token`, LiveChat's OAuth for agents: exchanges a code or a refresh token for an access token, and revokes tokens
//! (<https://platform.text.com/docs/authorization/oauth-authorization>).
//!
//! The error codes are those of LiveChat's page *Troubleshooting*. For two cases it names two codes each: a refresh token that was
//! revoked gets `invalid_grant`, and one that was never issued `unauthorized_client`.

use super::{
    AgentApp, Sandbox, Settings,
    agents::{Dead, Pair},
    codes::Rejected,
    fault::Endpoint,
    faulty,
    params::Params,
    redirect::whitelisted,
    refused::Refused,
    token::bearer,
};
use axum::{
    Form, Json,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The agent for whom all tokens are.
const ACCOUNT_ID: &str = "66666666-7777-4888-8999-aaaaaaaaaaaa";

pub(super) type Pairs = Vec<(String, String)>;

pub(super) async fn token(State(sandbox): State<Sandbox>, form: Result<Form<Pairs>, FormRejection>) -> Response {
    faulty::detached(async move {
        let fault = {
            let mut state = sandbox.state();
            state.calls.oauth += 1;
            state.faults.next_of(Endpoint::Oauth)
        };
        sandbox.wait_for_latency().await;
        if let Some(response) = faulty::before(fault).await {
            return response;
        }
        let issued = match form {
            Ok(Form(pairs)) => Params::read(pairs).and_then(|params| issue(&sandbox, &params)),
            Err(_) => Err(Refused::bad("invalid_request", "the body is not form-encoded")),
        };
        sandbox.store();
        if let Some(response) = faulty::instead(fault).await {
            return response;
        }
        match issued {
            Ok(body) => faulty::token(body, &["access_token", "expires_in"], fault),
            Err(refused) => refused.into_response(),
        }
    })
    .await
}

/// Issues tokens: at this moment the call takes effect.
fn issue(sandbox: &Sandbox, params: &Params) -> Result<Value, Refused> {
    let grant_type = params.require("grant_type", "grant_type is missing")?;
    if !["authorization_code", "refresh_token"].contains(&grant_type) {
        return Err(Refused::bad("unsupported_grant_type", "grant_type is not authorization_code or refresh_token"));
    }
    check_client(sandbox, params)?;
    let pair = match grant_type {
        "refresh_token" => refresh(sandbox, params),
        _ => exchange(sandbox, params),
    };
    pair.map(|(pair, settings)| {
        json!({
            "access_token": pair.access_token, "account_id": ACCOUNT_ID, "expires_in": settings.agent_expires_in,
            "organization_id": sandbox.app.organization_id, "refresh_token": pair.refresh_token,
            "scope": settings.agent_scope, "token_type": "Bearer",
        })
    })
}

fn check_client(sandbox: &Sandbox, params: &Params) -> Result<(), Refused> {
    let AgentApp { client_id, client_secret, .. } = &sandbox.app.agent;
    match params.get("client_id") {
        Some(id) if id == client_id => {}
        Some(id) if id == sandbox.app.client_id => {
            return Err(Refused::unauthorized("invalid_client", "the code or token was issued to another client"));
        }
        _ => return Err(Refused::unauthorized("unauthorized_client", "client_id is not known")),
    }
    if params.get("client_secret") != Some(client_secret) {
        return Err(Refused::unauthorized("unauthorized_client", "client_secret is invalid"));
    }
    Ok(())
}

fn refresh(sandbox: &Sandbox, params: &Params) -> Result<(Pair, Settings), Refused> {
    let token = params.require("refresh_token", "refresh_token is missing")?;
    let mut state = sandbox.state();
    let (settings, now_ms) = (state.settings, state.now_ms());
    match state.stored.agents.refresh(token, &settings, now_ms) {
        Ok(pair) => Ok((pair, settings)),
        Err(Dead::Revoked) => Err(Refused::bad("invalid_grant", "the refresh token has expired or was revoked")),
        Err(Dead::Unknown) => Err(Refused::unauthorized("unauthorized_client", "the refresh token is not known")),
    }
}

fn exchange(sandbox: &Sandbox, params: &Params) -> Result<(Pair, Settings), Refused> {
    let code = params.require("code", "code is missing")?;
    let redirect_uri = params.require("redirect_uri", "redirect_uri is missing")?;
    if !whitelisted(&sandbox.app.agent.redirect_uris, redirect_uri) {
        return Err(Refused::unauthorized("unauthorized_client", "redirect_uri is not whitelisted"));
    }
    let mut state = sandbox.state();
    let (settings, now_ms) = (state.settings, state.now_ms());
    state.codes.redeem(code, redirect_uri, params.get("code_verifier"), now_ms).map_err(|why| match why {
        Rejected::Unknown => {
            Refused::unauthorized("unauthorized_client", "the code was used, has expired or is not known")
        }
        Rejected::RedirectUri => Refused::bad("invalid_grant", "the code was issued for another redirect_uri"),
        Rejected::Verifier => Refused::bad("invalid_grant", "code_verifier is not that of the code_challenge"),
    })?;
    Ok((state.stored.agents.issue(&settings, now_ms), settings))
}

/// Revokes the token in the parameter `code` or in `Authorization`.
pub(super) async fn revoke(
    State(sandbox): State<Sandbox>,
    query: Result<Query<Pairs>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    sandbox.state().calls.agent_revoke += 1;
    sandbox.wait_for_latency().await;
    let params = query.map_or_else(|_| vec![], |Query(pairs)| pairs);
    let params = match Params::read(params) {
        Ok(params) => params,
        Err(refused) => return refused.into_response(),
    };
    let token = params.get("code").or_else(|| bearer(&headers)).unwrap_or_default();
    let existed = {
        let mut state = sandbox.state();
        let now_ms = state.now_ms();
        state.stored.agents.revoke(token, now_ms)
    };
    if !existed {
        return Refused::invalid_token().into_response();
    }
    sandbox.store();
    Json(json!({})).into_response()
}
