//! The cookie grant: a token for the customer of the cookies, or for a new one.

use super::{
    Fault, Forgotten, Grant, Granted, Sandbox, Settings, cookies, customers::Issued, redirect::whitelisted,
    refused::Refused, token::Call,
};
use axum::http::header::ORIGIN;

/// Issues a token: at this moment the call takes effect.
///
/// # Errors
/// If a parameter is invalid; or if the cookies are not valid and [`Forgotten::IdentityLost`] is set.
pub(super) fn issue(sandbox: &Sandbox, call: &Call) -> Result<(Issued, Settings), Refused> {
    check(sandbox, call)?;
    let cookies = cookies::read(&call.headers);
    let presented = cookies.as_ref().map(|(cid, cst)| (cid.as_str(), cst.as_str()));
    let mut state = sandbox.state();
    let (settings, now_ms) = (state.settings, state.now_ms());
    let claimed = presented.and_then(|cookies| state.stored.customers.claimed(cookies)).map(str::to_owned);
    let valid = presented.and_then(|cookies| state.stored.customers.proven(call.realm, cookies)).map(str::to_owned);
    let slipped = valid.is_some() && call.fault == Some(Fault::OtherEntity);
    let is_lost = presented.is_some() && (valid.is_none() || slipped);
    if is_lost && settings.forgotten == Forgotten::IdentityLost {
        return Err(Refused::identity_lost());
    }
    let recognised = presented.filter(|_| !slipped);
    let expires_ms = now_ms + settings.expires_in * 1000;
    let issued = state.stored.customers.issue(call.realm, recognised, settings.cst, expires_ms);
    let granted = call.granted(Grant::Cookie, &issued, settings);
    state.journal.push(Granted { proved: valid.filter(|_| !slipped), claimed, slipped, ..granted });
    Ok((issued, settings))
}

fn check(sandbox: &Sandbox, call: &Call) -> Result<(), Refused> {
    let app = &sandbox.app;
    call.check(&app.client_id)?;
    if call.names_account(app) != Some(true) {
        return Err(Refused::bad("invalid_request", "license_id (v1) or organization_id (v2) is not known"));
    }
    let origin = call.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    match call.body["redirect_uri"].as_str().or(origin) {
        Some(redirect) if whitelisted(&app.redirect_uris, redirect) => Ok(()),
        _ => Err(Refused::bad("invalid_request", "redirect_uri is not whitelisted")),
    }
}
