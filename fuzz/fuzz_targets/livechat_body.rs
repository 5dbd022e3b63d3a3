//! A status and a body, with valid cookies. The input is text: a line with the status, and a `k` if the customer is known; then the
//! body.
#![no_main]

use cip::{
    identity::UnixMs,
    livechat::response::{Response, read},
    renewal::{AttemptError, record::Failure},
};
use fuzz::livechat::{CLOCKS_MS, STORED, TWO_YEARS_S, headers, known};
use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (head, body) = (&data[..end], data[end..].strip_prefix(b"\n").unwrap_or(&data[end..]));
    let status = head.get(..3).and_then(|digits| StatusCode::from_bytes(digits).ok()).unwrap_or(StatusCode::OK);
    let known = head.contains(&b'k').then(|| known("e1"));
    let headers = headers([&b"__lc_cid=c1"[..], b"__lc_cst=s1; Max-Age=63072000"]);
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let (expected, exception) = (token_in(status, &parsed), exception_in(&parsed));

    for called_at_ms in CLOCKS_MS {
        match read(Response::new(status, headers.clone(), body), None, known.as_ref(), UnixMs::new(called_at_ms)) {
            Ok(grant) => {
                let (access_token, entity_id, expires_in_s) = expected.clone().expect("there is no token in the body");
                assert_eq!(grant.access_token.expose_secret(), access_token);
                assert_eq!(grant.entity_id, entity_id);
                assert_eq!(grant.lifetime.created, UnixMs::new(called_at_ms));
                assert_eq!(u128::from(grant.lifetime.expires_in_ms), u128::from(expires_in_s) * 1000);
                let issued = grant.cookies.as_ref().expect("the cookie grant has cookies");
                let cookies = [&issued.cid, &issued.cst].map(ExposeSecret::expose_secret);
                assert_eq!(cookies, ["c1", "s1"]);
            }
            Err(error) => {
                assert!(expected.is_none(), "a valid token is refused: {error:?}");
                match exception {
                    Some("server_error" | "temporarily_unavailable") => {
                        assert!(matches!(error, AttemptError::Down(_)), "{error:?}");
                    }
                    Some("identity_lost") if known.is_some() && is_identity_exception(&parsed) => {
                        assert_eq!(error, AttemptError::IdentityLost);
                    }
                    Some(_) => assert!(matches!(error, AttemptError::Refused { .. }), "{error:?}"),
                    None => {}
                }
                check_texts(error, known.is_some());
            }
        }
    }
});

/// The token in a body of the documented shape: access token, entity id, lifetime in s.
fn token_in(status: StatusCode, body: &Value) -> Option<(String, String, u64)> {
    let fields = body.as_object()?;
    if status != 200 || exception_in(body).is_some() {
        return None;
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let access_token = text("access_token").filter(|token| (1..=4096).contains(&token.len()))?;
    let entity_id = text("entity_id").filter(|id| (1..=128).contains(&id.len()))?;
    let expires_in_s = fields.get("expires_in")?.as_u64().filter(|seconds| (1..=TWO_YEARS_S).contains(seconds))?;
    let is_id = entity_id.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    let is_bearer = text("token_type")?.eq_ignore_ascii_case("bearer");
    (is_id && is_bearer).then(|| (access_token.to_owned(), entity_id.to_owned(), expires_in_s))
}

/// LiveChat's code for the reason why there is no token. It has precedence over the status and over all other fields.
fn exception_in(body: &Value) -> Option<&str> {
    ["oauth_exception", "identity_exception"].into_iter().find_map(|name| body.get(name)?.as_str())
}

fn is_identity_exception(body: &Value) -> bool {
    body.get("oauth_exception").and_then(Value::as_str).is_none()
}

/// Checks that the texts of a refusal are short, have one line and quote no cookie. They are logged, and are part of a response.
fn check_texts(error: AttemptError, is_known: bool) {
    let (code, description) = match Failure::from(error) {
        Failure::Refused { exception, description } => (exception, description),
        Failure::Unavailable { cause } => (String::new(), cause),
        odd @ (Failure::KmsUnavailable { .. } | Failure::OutOfTime | Failure::IdentityChanged) => panic!("{odd:?}"),
    };
    for text in [&code, &description] {
        assert!(text.chars().count() <= 300, "{} characters", text.chars().count());
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(!is_known || !STORED.iter().any(|stored| text.contains(stored)), "{text:?}");
    }
}
