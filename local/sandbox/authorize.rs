//! `GET /`, the start of LiveChat's OAuth for agents. It redirects at once, as LiveChat does for the private app of an agent who
//! has logged in. LiveChat's limit of three redirects in 30 s is not simulated.

use super::{Sandbox, codes::Challenge, oauth::Pairs, params::Params, redirect::whitelisted, refused::Refused};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{Html, IntoResponse, Response},
};

pub(super) async fn redirect(State(sandbox): State<Sandbox>, query: Result<Query<Pairs>, QueryRejection>) -> Response {
    let pairs = query.map_or_else(|_| vec![], |Query(pairs)| pairs);
    match Params::read(pairs).and_then(|params| location(&sandbox, &params)) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(refused) => page(refused),
    }
}

/// Where the browser goes, with a new code.
fn location(sandbox: &Sandbox, params: &Params) -> Result<HeaderValue, Refused> {
    let invalid = |why| Refused::bad("invalid_request", why);
    if params.get("response_type") != Some("code") {
        return Err(Refused::bad("unsupported_response_type", "response_type must be code for a server-side app"));
    }
    if params.get("client_id") != Some(&sandbox.app.agent.client_id) {
        return Err(Refused::bad("unauthorized_client", "client_id_not_found"));
    }
    let redirect_uri = params.require("redirect_uri", "redirect_uri is missing")?;
    if !whitelisted(&sandbox.app.agent.redirect_uris, redirect_uri) {
        return Err(Refused::bad("unauthorized_client", "invalid_redirect_uri"));
    }
    let challenge = match params.get("code_challenge") {
        Some(challenge) => Some(
            Challenge::read(challenge, params.get("code_challenge_method"))
                .ok_or(invalid("code_challenge or code_challenge_method is invalid"))?,
        ),
        None => None,
    };
    let code = {
        let mut state = sandbox.state();
        let now_ms = state.now_ms();
        state.codes.issue(redirect_uri, challenge, now_ms)
    };
    let state = params.get("state").unwrap_or_default();
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("code", &code).append_pair("state", state).finish();
    HeaderValue::try_from(format!("{redirect_uri}?{query}")).map_err(|_| invalid("redirect_uri is malformed"))
}

/// LiveChat's page for such an error has the code and the details in its own URL.
fn page(refused: Refused) -> Response {
    let (exception, details) = match refused {
        Refused::Oauth(_, exception, details) => (exception, details),
        Refused::Identity(exception) => (exception, ""),
    };
    let page = format!(
        "<!doctype html><title>Authorization failed</title>\n<p>oauth_exception: {exception}\n<p>exception_details: {details}\n"
    );
    (StatusCode::BAD_REQUEST, Html(page)).into_response()
}
