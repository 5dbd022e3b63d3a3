//! Why a token is accepted or refused, step by step, for the operator's tool. Each step is that of a function, and goes on after a
//! failure, so that everything that is wrong is found at once. The verdict is that of a function.

use super::{Compact, Jwt, Keys};
use crate::{
    auth::{
        Error,
        claims::Members,
        operator::{Explanation, LEEWAY_S, Step},
    },
    time::{self, Deadline},
};
use serde_json::Value;

/// The longest part of a claim that is shown, in characters.
const SHOWN: usize = 200;

impl Jwt {
    pub(in crate::auth) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(in crate::auth) fn issuers(&self) -> Vec<&str> {
        self.claims.issuers.as_ref().map(super::Issuers::names).unwrap_or_default()
    }

    pub(in crate::auth) async fn explain(&self, token: &str, deadline: Deadline) -> Explanation {
        let mut steps = Vec::new();
        match Compact::parse(token) {
            Err(cause) => steps.push(step("format", Err(cause.to_owned()))),
            Ok(compact) => {
                let (algorithm, kid) = (compact.algorithm, compact.kid.as_deref());
                let named = kid.map_or("without a kid".into(), |kid| format!("with the kid {}", shown(kid)));
                steps.push(step("format", Ok(format!("a JSON Web Token for {algorithm:?}, {named}"))));
                steps.push(step("signature", self.explain_signature(&compact, deadline).await));
                match compact.claims() {
                    Err(cause) => steps.push(step("format", Err(cause.to_owned()))),
                    Ok(claims) => steps.extend(self.explain_claims(&claims)),
                }
            }
        }
        let verdict = self.verify(token, deadline).await.map(drop).map_err(cause);
        Explanation { steps, verdict }
    }

    async fn explain_signature(&self, token: &Compact<'_>, deadline: Deadline) -> Result<String, String> {
        match self.signer(token, deadline).await {
            Ok(key) => {
                let listed = key.describe();
                Ok(listed.kid.map_or("made with the key of the settings".into(), |kid| {
                    format!("made with the key {}", shown(&kid))
                }))
            }
            Err(error) => Err(cause(error)),
        }
    }

    fn explain_claims(&self, claims: &Members) -> Vec<Step> {
        let now_ms = time::now().as_u64();
        let mut steps = vec![step("time", explain_time(claims, now_ms))];
        steps.extend(self.claims.requirements.each(claims).map(|required| {
            let (claim, expected) = (required.claim, required.values.join(" or "));
            let value = claim_value(required.found);
            let is_audience = required.setting == super::requirements::AUDIENCE;
            step(
                required.setting,
                match (required.is_met, is_audience) {
                    (true, true) => Ok(format!("{claim} is {value}")),
                    (true, false) => Ok(format!("{claim} has a value that is required")),
                    (false, true) => Err(format!("{claim} is {value}, expected {expected}")),
                    (false, false) if required.found.is_none() => {
                        Err(format!("{claim} is missing, expected {expected}"))
                    }
                    (false, false) => Err(format!("{claim} has another value, expected {expected}")),
                },
            )
        }));
        if let Some(accepted) = &self.claims.issuers {
            let iss = claim_value(claims.get("iss"));
            steps.push(step(
                "JWT_ISSUER",
                match accepted.accept(claims) {
                    Ok(_) => Ok(format!("iss is {iss}")),
                    Err(cause) => Err(format!("{cause}: iss is {iss}, expected {}", accepted.names().join(" or "))),
                },
            ));
        }
        let claim = self.claims.user_claim.as_str();
        let user = self.claims.user_claim.user_id(|name| claims.get(name)).map_err(str::to_owned);
        let user = user.and_then(|id| self.normalization.user_id(&id).map_err(|invalid| invalid.to_string()));
        steps.push(step(
            "user",
            match user {
                Ok(_) => Ok(format!("{claim} has a user id")),
                Err(cause) => Err(format!("{cause} ({claim})")),
            },
        ));
        steps
    }
}

fn step(about: &'static str, finding: Result<String, String>) -> Step {
    Step { about, finding }
}

/// The reason of a function for the log, without its frame.
fn cause(error: Error) -> String {
    match error {
        Error::Unauthenticated { cause, .. } => cause.into_owned(),
        error => error.to_string(),
    }
}

fn explain_time(claims: &Members, now_ms: u64) -> Result<String, String> {
    let here_s = now_ms / 1000;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is shown in minutes")]
    let seconds = |name| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds.max(0.0) as u64);
    let exp = seconds("exp").map(|exp_s| {
        if exp_s >= here_s {
            format!("it expires in {}", duration(exp_s - here_s))
        } else {
            format!("it expired {} ago", duration(here_s - exp_s))
        }
    });
    let nbf = seconds("nbf").filter(|nbf_s| *nbf_s > here_s + LEEWAY_S);
    let nbf = nbf.map(|nbf_s| format!("it begins in {}", duration(nbf_s - here_s)));
    let when = [nbf, exp].into_iter().flatten().collect::<Vec<_>>().join(", ");
    match super::requirements::check_time(claims, now_ms) {
        Ok(()) => Ok(when),
        Err(cause) if when.is_empty() => Err(cause.to_owned()),
        Err(cause) => Err(format!("{cause}: {when}")),
    }
}

/// A duration in its largest unit.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A claim that a setting is compared with.
fn claim_value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "missing".into(),
        Some(Value::String(text)) => shown(text),
        Some(other) => shown(&other.to_string()),
    }
}

/// A token can have any characters, and a terminal acts on some.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn time(claims: Value) -> Result<String, String> {
        explain_time(&serde_json::from_value(claims).expect("an object"), 1_000_000_000)
    }

    #[test]
    fn an_expiry_is_explained_with_its_distance() {
        assert_eq!(time(json!({"exp": 1_000_480})), Ok("it expires in 8 min".into()));
        assert_eq!(time(json!({"exp": 999_820})), Err("the token has expired: it expired 3 min ago".into()));
        assert_eq!(time(json!({"exp": 999_970})), Ok("it expired 30 s ago".into()), "within the leeway");
        let begins = time(json!({"exp": 1_090_000, "nbf": 1_007_200})).expect_err("too early");
        assert_eq!(begins, "the token is not valid yet: it begins in 2 h, it expires in 25 h");
        assert!(time(json!({})).expect_err("no exp").contains("no exp"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let value = claim_value(Some(&json!("https://a.example\u{1b}[2J\n")));
        assert!(!value.contains(char::is_control), "{value:?}");
    }
}
