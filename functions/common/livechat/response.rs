//! Parses LiveChat's responses. They come from outside, so every value has a limit and a format.

use crate::{
    identity::{Cookies, Identity, Lifetime, UnixMs, UnixSeconds},
    renewal::{AttemptError, Grant, GrantType, IDENTITY_LOST, UNEXPLAINED},
    settings::Account,
};
use cookie::Cookie;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderValue, SET_COOKIE},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

pub(super) const CID: &str = "__lc_cid";
pub(super) const CST: &str = "__lc_cst";
/// Two years, the documented life of the cookies, in s. No token lives longer.
pub(super) const TWO_YEARS_S: u64 = 63_072_000;
/// LiveChat's code for something that does not exist.
const RESOURCE_NOT_FOUND: &str = "resource_not_found";
pub(super) const LONGEST_TOKEN: usize = 4 * 1024;
pub(super) const LONGEST_COOKIE: usize = 1024;
const LONGEST_ENTITY_ID: usize = 128;

/// The cookies as a request carries them: names and values, never the attributes that they came with.
pub(super) fn cookie_header(cookies: &Cookies) -> Result<HeaderValue, AttemptError> {
    let pairs = format!("{CID}={}; {CST}={}", cookies.cid.expose_secret(), cookies.cst.expose_secret());
    let mut header = HeaderValue::from_str(&pairs)
        .map_err(|_| AttemptError::MalformedResponse("the stored cookies do not fit into a header".into()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A response with a token.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: Option<SecretString>,
    entity_id: Option<String>,
    /// In s.
    expires_in: Option<u64>,
    token_type: Option<String>,
}

/// A complete response to a request for a token.
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    /// `null` if the body is not JSON.
    body: Value,
}

impl Response {
    /// A response with this body.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Self {
        // A parser error could quote the body, with the token.
        Self { status, headers, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    /// LiveChat's code for an error.
    fn exception(&self) -> Option<&str> {
        self.oauth_exception().or_else(|| self.body["identity_exception"].as_str())
    }

    fn oauth_exception(&self) -> Option<&str> {
        self.body["oauth_exception"].as_str()
    }
}

/// Reads the response to a call for the customer `known`, or for a new one, that was sent at `called_at`: with an agent's token, or with
/// the cookie grant.
///
/// # Errors
/// An [`AttemptError`] for everything that is not a complete and usable token.
pub fn read(
    response: Response,
    agent_token: Option<&SecretString>,
    known: Option<&Identity>,
    called_at: UnixMs,
) -> Result<Grant, AttemptError> {
    let grant = if agent_token.is_some() { GrantType::AgentToken } else { GrantType::Cookie };
    // LiveChat's own client ignores the status and looks for a code in every response.
    if let Some(exception) = response.exception() {
        let is_lost = match grant {
            GrantType::Cookie => response.oauth_exception().is_none() && exception == IDENTITY_LOST,
            // The request has the customer's id. Any other code may be about the site's settings, and no customer is replaced because of
            // those.
            GrantType::AgentToken => matches!(exception, IDENTITY_LOST | RESOURCE_NOT_FOUND),
        };
        // For a new customer, they are like any other refusal.
        if is_lost && known.is_some() {
            return Err(AttemptError::IdentityLost);
        }
        let description = response.body["exception_description"].as_str().unwrap_or_default();
        let cookies = known.and_then(Identity::open_cookies);
        let secrets = cookies.into_iter().flat_map(|cookies| [&cookies.cid, &cookies.cst]).chain(agent_token);
        return Err(of_exception(exception, description, secrets));
    }
    let Response { status, headers, body } = response;
    match status {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(AttemptError::Throttled),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => return Err(AttemptError::Down(of_status(status))),
        _ if status.is_server_error() => return Err(AttemptError::Down(of_status(status))),
        _ if status.is_client_error() => {
            return Err(AttemptError::Refused { exception: of_status(status), description: UNEXPLAINED.into() });
        }
        _ => return Err(AttemptError::MalformedResponse(of_status(status))),
    }
    // serde can also read a struct from a list, but LiveChat returns no list.
    if !body.is_object() {
        return Err(AttemptError::MalformedResponse("the body is not a token response".into()));
    }
    let response = serde_json::from_value(body)
        .map_err(|_| AttemptError::MalformedResponse("the body is not a token response".into()))?;
    read_grant(response, &headers, (grant, known), called_at)
}

/// LiveChat's code, if it does not accept the agent's token. Its documentation has status 401 for most errors, so the code decides.
pub(super) fn rejected_agent_token(response: &Response) -> Option<String> {
    let exception = response.exception();
    let is_rejected = match exception {
        Some(exception) => matches!(exception, "access_denied" | "unauthorized" | "invalid_grant" | "invalid_token"),
        None => response.status == StatusCode::UNAUTHORIZED,
    };
    is_rejected.then(|| exception.map_or_else(|| of_status(response.status), str::to_owned))
}

/// Whether a token is for another account than the site's: an agent of that account does not know the site's customers.
pub(super) fn is_of_another_account(Response { body, .. }: &Response, account: &Account) -> bool {
    let is_other = |theirs: Option<String>, ours: Option<String>| {
        theirs.zip(ours).is_some_and(|(theirs, ours)| !theirs.eq_ignore_ascii_case(&ours))
    };
    let organization = body["organization_id"].as_str().map(str::to_owned);
    let license = body["license_id"].as_u64().map(|id| id.to_string());
    is_other(organization, account.organization_id.clone())
        || is_other(license, account.license_id.map(|id| id.to_string()))
}

fn of_status(status: StatusCode) -> String {
    format!("status {}", status.as_u16())
}

/// LiveChat's code for an error, if it has the format of one. Anything else could be personal data or a secret.
pub(super) fn code(exception: &str) -> &str {
    let has_known_format =
        (1..=64).contains(&exception.len()) && exception.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if has_known_format { exception } else { "an unknown exception" }
}

/// `secrets` are those of the request. The description is shown to callers, so it must not repeat them.
fn of_exception<'a>(
    exception: &str,
    description: &str,
    mut secrets: impl Iterator<Item = &'a SecretString>,
) -> AttemptError {
    let exception = code(exception);
    if matches!(exception, "server_error" | "temporarily_unavailable") {
        return AttemptError::Down(exception.to_owned());
    }
    // Control characters could hide a secret from the search below, so they are removed first.
    let said: String = description.chars().filter(|char| !char.is_control()).collect();
    let quotes_a_secret = said.contains("__lc_") || secrets.any(|secret| said.contains(secret.expose_secret()));
    let shown: String = said.chars().take(300).collect();
    let description = match shown.trim_end_matches('.') {
        said if said.is_empty() || quotes_a_secret => UNEXPLAINED,
        said => said,
    };
    AttemptError::Refused { exception: exception.to_owned(), description: description.to_owned() }
}

fn read_grant(
    response: TokenResponse,
    headers: &HeaderMap,
    (grant, known): (GrantType, Option<&Identity>),
    called_at: UnixMs,
) -> Result<Grant, AttemptError> {
    let malformed = |what: &str| AttemptError::MalformedResponse(what.to_owned());
    let access_token = response
        .access_token
        .filter(|token| (1..=LONGEST_TOKEN).contains(&token.expose_secret().len()))
        .ok_or_else(|| malformed("no usable access_token"))?;
    let entity_id = response.entity_id.filter(|id| is_entity_id(id)).ok_or_else(|| malformed("no usable entity_id"))?;
    let expires_in_s = response
        .expires_in
        .filter(|seconds| (1..=TWO_YEARS_S).contains(seconds))
        .ok_or_else(|| malformed("no usable expires_in"))?;
    if !response.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("a token_type other than Bearer"));
    }
    let (cookies, max_age_s) = match grant {
        GrantType::AgentToken => (None, TWO_YEARS_S),
        GrantType::Cookie => {
            let known = known.filter(|known| known.entity_id == entity_id);
            let (cookies, max_age_s) = read_cookies(headers, known, called_at.in_seconds())?;
            (Some(cookies), max_age_s)
        }
    };
    Ok(Grant {
        entity_id,
        access_token,
        // The only place where LiveChat's seconds become the milliseconds that the widget counts in.
        lifetime: Lifetime { created: called_at, expires_in_ms: expires_in_s * 1000 },
        cookies,
        cookies_expire_at: called_at.in_seconds().plus_s(max_age_s),
    })
}

/// Whether LiveChat can have given a customer this id.
pub(super) fn is_entity_id(id: &str) -> bool {
    (1..=LONGEST_ENTITY_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The cookies to send next time and how long they live, in s. A cookie in the response replaces the stored one. A response with
/// neither cookie is malformed; a new customer needs both.
fn read_cookies(
    headers: &HeaderMap,
    known: Option<&Identity>,
    now: UnixSeconds,
) -> Result<(Cookies, u64), AttemptError> {
    let (mut cid, mut cst, mut max_age_s) = (None, None, TWO_YEARS_S);
    for line in headers.get_all(SET_COOKIE) {
        let Some(cookie) = line.to_str().ok().and_then(|line| Cookie::parse(line).ok()) else { continue };
        let slot = match cookie.name() {
            CID => &mut cid,
            CST => &mut cst,
            _ => continue,
        };
        let age_s = age_s(&cookie, now);
        // A cookie that is empty or has expired is a request to delete it, and an identity is not deleted.
        if (1..=LONGEST_COOKIE).contains(&cookie.value().len()) && age_s > 0 {
            *slot = Some(SecretString::from(cookie.value()));
            max_age_s = max_age_s.min(age_s);
        }
    }
    if cid.is_none() && cst.is_none() {
        return Err(AttemptError::MalformedResponse("no cookies".into()));
    }
    let known = known.and_then(Identity::open_cookies);
    let cid = cid.or_else(|| known.map(|known| known.cid.clone()));
    let cst = cst.or_else(|| known.map(|known| known.cst.clone()));
    let (Some(cid), Some(cst)) = (cid, cst) else {
        return Err(AttemptError::MalformedResponse("only one of the two cookies".into()));
    };
    let cookies = Cookies { cid, cst };
    cookie_header(&cookies)?;
    Ok((cookies, max_age_s))
}

/// How long a cookie lives from now, in s: `Max-Age` before `Expires` (RFC 6265, 5.3), and two years without either.
pub(super) fn age_s(cookie: &Cookie, now: UnixSeconds) -> u64 {
    if let Some(age) = cookie.max_age() {
        return age.whole_seconds().try_into().unwrap_or(0);
    }
    cookie
        .expires_datetime()
        .map_or(TWO_YEARS_S, |end| u64::try_from(end.unix_timestamp()).unwrap_or(0).saturating_sub(now.as_u64()))
}

#[cfg(test)]
mod tests;
