//! What each fault is, for people: the kind of fault, and a sentence about what LiveChat does and one about what the backend does.
//! The page of `cargo local` shows them. And what each setting is. What the backend does is in `docs/reliability.md`, under *When a call to LiveChat is retried*.

use super::{Fault, fault::Endpoint};
use serde_json::{Value, json};

const DOWN: &str = "LiveChat is down";
const REFUSES: &str = "LiveChat refuses";
const MALFORMED: &str = "LiveChat’s response is malformed";
const UNUSUAL: &str = "LiveChat’s response is unusual but valid";
const FORGETS: &str = "LiveChat forgets the customer";

const REPEATS: &str = "The backend repeats the call once for a known customer. For a new one it fails with 503: another call \
                       could create a second customer.";
const FAILS: &str =
    "The backend does not repeat the call: it fails with 503. The customer and token in the store do not change.";
const GIVES_UP: &str = "The backend waits for 3 seconds, and fails with 503. When several calls do, its circuit \
                        breaker opens, and calls fail at once.";
const REMEMBERS: &str = "The backend fails with 502 livechat_rejected; for a group that is not in GROUPS, with 404 \
                         unknown_group. It does not call LiveChat for this user again for a minute or more.";

/// All faults, for the admin API.
pub(super) fn all() -> Value {
    Fault::ALL
        .into_iter()
        .map(|fault| {
            let (kind, livechat, backend) = explain(fault);
            let endpoints: Vec<_> = Endpoint::ALL.into_iter().filter(|endpoint| fault.applies_to(*endpoint)).collect();
            let explanation = format!("{livechat} {backend}");
            json!({"fault": fault, "kind": kind, "explanation": explanation, "endpoints": endpoints})
        })
        .collect()
}

/// All settings, for the admin API.
pub(super) fn settings() -> Value {
    SETTINGS.map(|(setting, explanation)| json!({"setting": setting, "explanation": explanation})).into_iter().collect()
}

const SETTINGS: [(&str, &str); 12] = [
    ("latencyMs", "The minimum duration of each call, in ms."),
    ("jitterMs", "The most that is added to the latency at random, in ms."),
    ("expiresIn", "The lifetime of a customer’s token, in s."),
    (
        "cst",
        "What happens to a customer’s secret, __lc_cst, at each call. constant: it stays the same. rotating: each call \
         returns a new one, and all former ones stay valid. strict: the former one is invalid at once.",
    ),
    (
        "forgotten",
        "The result for cookies that are not valid. new_customer: a token of a new customer. identity_lost: the identity \
         error identity_lost.",
    ),
    (
        "revocation",
        "What the revocation of a customer’s token does. token: it revokes this token. customer: it revokes all tokens of \
         the customer. http_500: it fails.",
    ),
    ("clockSkewMs", "How far LiveChat’s clock is ahead, in ms; negative if it is behind."),
    ("agentExpiresIn", "The lifetime of an agent’s access token, in s. Customers’ tokens are not affected."),
    (
        "agentScope",
        "The scope of new access tokens of an agent. customers:own: the agent-token grant accepts them. customers:ro: it \
         refuses them with 401.",
    ),
    (
        "refreshRotation",
        "What happens to a refresh token when it is used. constant: it stays valid. strict: each refresh returns a new \
         one, and the former one is invalid at once, also if the response is lost.",
    ),
    (
        "unknownEntity",
        "The result of the agent-token grant for a customer that LiveChat does not know. resource_not_found: this OAuth \
         error with 404. invalid_request: this OAuth error with 400. identity_lost: this identity error with 200.",
    ),
    (
        "identityTransfer",
        "Whether a customer’s token can be turned into an identity transfer token, and that into another token of the \
         customer. allowed: it can. refused: the OAuth error access_denied.",
    ),
];

/// The kind, what LiveChat does, and what the backend does.
fn explain(fault: Fault) -> (&'static str, &'static str, &'static str) {
    match fault {
        Fault::Http500 => (DOWN, "Status 500 with an empty body.", REPEATS),
        Fault::Http503 => (DOWN, "Status 503 with an empty body.", REPEATS),
        Fault::Http429 => (DOWN, "Status 429: too many calls.", FAILS),
        Fault::OauthServerError => (DOWN, "The OAuth error server_error.", REPEATS),
        Fault::OauthIn200 => (DOWN, "The OAuth error temporarily_unavailable, with status 200.", REPEATS),
        Fault::ResetBefore => (DOWN, "The connection breaks before LiveChat has issued a token.", REPEATS),
        Fault::ResetAfter => {
            (DOWN, "LiveChat issues a token, but the connection breaks, and the response is lost.", REPEATS)
        }
        Fault::Hang => (DOWN, "No response for a minute, and no token.", GIVES_UP),
        Fault::HangAfter => (DOWN, "LiveChat issues a token, but does not respond for a minute.", GIVES_UP),
        Fault::SlowBody => (DOWN, "LiveChat issues a token, but the response takes ten seconds.", GIVES_UP),
        Fault::OauthInvalidRequest => (
            REFUSES,
            "The OAuth error invalid_request, as for a redirect URI that is not on the app’s list.",
            REMEMBERS,
        ),
        Fault::OauthResourceNotFound => (
            REFUSES,
            "The OAuth error resource_not_found with 404, as for a group that does not exist.",
            "For a group, the backend fails with 404 unknown_group; without one, with 502 livechat_rejected. It does not \
             call LiveChat for this user again for a minute or more.",
        ),
        Fault::IdentityException => (REFUSES, "The identity error customer_banned.", REMEMBERS),
        Fault::Html => (MALFORMED, "A page of HTML in place of JSON, with status 200.", FAILS),
        Fault::Empty => (MALFORMED, "An empty body, with status 200.", FAILS),
        Fault::Truncated => (MALFORMED, "LiveChat issues a token, but sends only half of the JSON.", FAILS),
        Fault::Huge => (MALFORMED, "A valid response of more than 64 KiB.", FAILS),
        Fault::MissingFields => (MALFORMED, "A token without entity_id and expires_in.", FAILS),
        Fault::NoCookies => (MALFORMED, "A token without the customer’s cookies.", FAILS),
        Fault::OneCookie => (
            MALFORMED,
            "A token with only one of the customer’s two cookies.",
            "A known customer keeps the other cookie, and the call succeeds. For a new customer it fails with 503.",
        ),
        Fault::ExpiresZero => (MALFORMED, "A token that has expired already: expires_in is 0.", FAILS),
        Fault::ExpiresNegative => (MALFORMED, "A token whose expires_in is negative.", FAILS),
        Fault::ExpiresAbsurd => (MALFORMED, "A token whose expires_in is a thousand years.", FAILS),
        Fault::ExtraCookies => (
            UNUSUAL,
            "Other cookies before, between and after the customer’s two.",
            "The backend ignores the others, and the call succeeds.",
        ),
        Fault::ExpiresOnly => (
            UNUSUAL,
            "The cookies have the attribute Expires, but no Max-Age.",
            "The backend reads it, and the call succeeds.",
        ),
        Fault::OtherEntity => (
            FORGETS,
            "LiveChat does not recognise the cookies of a known customer, or the entity_id that an agent asks for, and creates another.",
            "The backend calls once more, and gets the known one. Only if LiveChat does not recognise it again, ON_IDENTITY_CHANGE decides; by \
             default the customer is replaced.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use std::collections::HashSet;

    #[test]
    fn no_two_faults_have_the_same_explanation() {
        let all = all();
        let all = all.as_array().expect("a list");
        let texts: HashSet<_> = all.iter().map(|fault| fault["explanation"].as_str()).collect();
        assert_eq!((all.len(), texts.len()), (Fault::ALL.len(), Fault::ALL.len()));
    }

    #[test]
    fn every_setting_has_an_explanation() {
        let settings = serde_json::to_value(Settings::default()).expect("JSON");
        let mut names: Vec<_> = settings.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut explained = SETTINGS.map(|(name, _)| name);
        names.sort_unstable();
        explained.sort_unstable();
        assert_eq!(names, explained);
    }
}
