//! What a token's claims have to say, as the settings have it: when it is valid, whom it is for, and what else the site asks for.
//! Who issued it is in `issuers.rs`.

use crate::{
    auth::{
        LAST_END_S,
        claims::{Ambiguous, ClaimName, Members, has_value},
    },
    settings::source::{ConfigError, Source},
};
use serde_json::Value;
use std::borrow::Cow;

/// How far clocks may be apart, in s.
const LEEWAY_S: f64 = 60.0;

/// Members that say who issued a token, to whom and when, but not for which service.
const SAY_NOT_FOR_WHOM: [&str; 22] = [
    "iss",
    "tid",
    "idp",
    "sub",
    "oid",
    "uid",
    "username",
    "email",
    "email_verified",
    "is_anonymous",
    "exp",
    "nbf",
    "iat",
    "auth_time",
    "ver",
    "typ",
    "type",
    "token_use",
    "acr",
    "amr",
    "role",
    "jti",
];
/// OAuth's scopes (RFC 8693, section 4.2) say it only if the site says that they do, with `JWT_AUDIENCE_CLAIM`.
const SCOPES: [&str; 2] = ["scope", "scp"];

/// `JWT_AUDIENCE` with `JWT_AUDIENCE_CLAIM`, and `JWT_REQUIRED_CLAIMS`.
#[derive(Clone, Debug)]
pub(super) struct Requirements(Vec<Requirement>);

/// A claim that must be there, with one of these values.
#[derive(Clone, Debug)]
struct Requirement {
    /// Where it comes from.
    setting: &'static str,
    claim: ClaimName,
    values: Vec<String>,
}

impl Requirements {
    /// # Errors
    /// [`ConfigError`] if a value is malformed. With keys that others' tokens may be signed with too (`is_shared`), also if nothing
    /// says whom a token is for (RFC 8725, section 3.9).
    pub(super) fn read(source: &Source, is_shared: bool) -> Result<Self, ConfigError> {
        let mut all = claims(source)?;
        match (audiences(source)?, source.optional("JWT_AUDIENCE_CLAIM")) {
            (Some(audience), _) => all.insert(0, audience),
            (None, Some(_)) => {
                return Err(ConfigError::new(
                    "JWT_AUDIENCE_CLAIM needs JWT_AUDIENCE: the values that this claim may have.",
                ));
            }
            (None, None) => {}
        }
        if is_shared && !all.iter().any(Requirement::says_for_whom) {
            return Err(ConfigError::new(
                "JWT_JWKS_URL needs JWT_AUDIENCE (with JWT_AUDIENCE_CLAIM, if your tokens name it in another claim than `aud`) or \
                 JWT_REQUIRED_CLAIMS, such as azp=https://www.example.com: your provider signs tokens for other services with the \
                 same keys.",
            ));
        }
        Ok(Self(all))
    }

    /// The values that `JWT_REQUIRED_CLAIMS` lists for this claim.
    pub(super) fn values(&self, claim: &str) -> &[String] {
        let listed = self.0.iter().find(|required| required.setting == CLAIMS && required.claim.as_str() == claim);
        listed.map(|required| required.values.as_slice()).unwrap_or_default()
    }

    /// # Errors
    /// What the claims lack, for the log.
    pub(super) fn check(&self, claims: &Members, now_ms: u64) -> Result<(), Cow<'static, str>> {
        check_time(claims, now_ms)?;
        match self.0.iter().find(|required| !required.is_met_by(claims)) {
            None => Ok(()),
            Some(Requirement { setting, claim, .. }) => {
                Err(format!("the token's {} is missing or not in {setting}", claim.as_str()).into())
            }
        }
    }
}

const CLAIMS: &str = "JWT_REQUIRED_CLAIMS";

fn audiences(source: &Source) -> Result<Option<Requirement>, ConfigError> {
    const NAME: &str = "JWT_AUDIENCE";
    if source.optional(NAME).is_none() {
        return Ok(None);
    }
    let values = source.list(NAME);
    if values.is_empty() {
        return Err(ConfigError::bad(NAME, "at least one audience"));
    }
    let claim = source.optional("JWT_AUDIENCE_CLAIM").unwrap_or_else(|| "aud".into());
    Ok(Some(Requirement { setting: NAME, claim: ClaimName::new(&claim), values }))
}

fn claims(source: &Source) -> Result<Vec<Requirement>, ConfigError> {
    let mut all: Vec<Requirement> = Vec::new();
    for part in source.list(CLAIMS) {
        let pair = part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = pair.filter(|(name, value)| !name.is_empty() && !value.is_empty()) else {
            return Err(ConfigError::bad(CLAIMS, "a list such as token_use=access,azp=https://www.example.com"));
        };
        let claim = ClaimName::new(name);
        match all.iter_mut().find(|required| required.claim == claim) {
            Some(required) => required.values.push(value.to_owned()),
            None => all.push(Requirement { setting: CLAIMS, claim, values: vec![value.to_owned()] }),
        }
    }
    Ok(all)
}

impl Requirement {
    fn says_for_whom(&self) -> bool {
        let is_scope = self.setting == CLAIMS && SCOPES.iter().any(|scope| self.claim.is_within(scope));
        !is_scope && !SAY_NOT_FOR_WHOM.iter().any(|name| self.claim.is_within(name))
    }

    fn is_met_by(&self, claims: &Members) -> bool {
        match self.claim.find(|name| claims.get(name)) {
            Ok(Some(claim)) => {
                self.values.iter().any(|wanted| has_value(claim, wanted) || self.is_scope(claim, wanted))
            }
            Ok(None) | Err(Ambiguous) => false,
        }
    }

    /// Scopes are one string with spaces between.
    fn is_scope(&self, claim: &Value, wanted: &str) -> bool {
        let scopes = claim.as_str().filter(|_| SCOPES.contains(&self.claim.as_str()));
        scopes.is_some_and(|scopes| scopes.split(' ').any(|scope| scope == wanted))
    }
}

/// `exp` is required and `nbf` is optional; Unix time in s, where fractions are allowed (RFC 7519, section 2).
fn check_time(claims: &Members, now_ms: u64) -> Result<(), &'static str> {
    #[expect(clippy::cast_precision_loss, reason = "it is exact for some 280,000 years")]
    let (now, latest_s) = (now_ms as f64 / 1000.0, LAST_END_S as f64);
    let exp_s = claims.get("exp").and_then(Value::as_f64).ok_or("the token has no exp, or one that is not a number")?;
    if exp_s > latest_s {
        return Err("the token's exp is in ms, or too far in the future");
    }
    if exp_s + LEEWAY_S < now {
        return Err("the token has expired");
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(nbf_s)) if nbf_s >= 0.0 && nbf_s <= now + LEEWAY_S => Ok(()),
        Some(Some(nbf_s)) if nbf_s >= 0.0 => Err("the token is not valid yet"),
        Some(_) => Err("the token's nbf is not a time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: &[(&str, &str)], is_shared: bool) -> Result<Requirements, ConfigError> {
        let look_up =
            |name: &str| settings.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        Requirements::read(&Source::new(look_up), is_shared)
    }

    fn check(settings: &[(&str, &str)], claims: Value) -> Result<(), String> {
        let mut claims = claims;
        claims["exp"] = json!(1_000);
        let claims: Members = serde_json::from_value(claims).expect("an object");
        read(settings, false).expect("good settings").check(&claims, 1_000_000).map_err(Cow::into_owned)
    }

    #[test]
    fn every_claim_must_have_one_of_its_values() {
        let settings =
            [("JWT_REQUIRED_CLAIMS", "token_use=access, azp=https://a.example,azp=https://b.example,data.level=7")];
        let good = json!({"token_use": "access", "azp": "https://b.example", "data": {"level": 7}});
        assert_eq!(check(&settings, good.clone()), Ok(()));
        for (name, value) in [
            ("token_use", json!("id")),
            ("token_use", json!("access id")),
            ("token_use", json!(["id"])),
            ("token_use", json!(true)),
            ("azp", json!("https://a.example,https://b.example")),
            ("azp", json!("https://evil.example")),
            ("azp", Value::Null),
            ("data", json!({"level": 77})),
            ("data", json!("7")),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            let why = check(&settings, claims).expect_err(name);
            assert!(why.contains("JWT_REQUIRED_CLAIMS") && why.contains(name), "{why}");
        }
    }

    #[test]
    fn the_audience_may_stand_in_another_claim() {
        let settings = [("JWT_AUDIENCE", "chat,web"), ("JWT_AUDIENCE_CLAIM", "client_id")];
        assert_eq!(check(&settings, json!({"client_id": "web"})), Ok(()));
        for claims in [json!({"aud": "web"}), json!({"client_id": "other", "aud": "web"}), json!({})] {
            assert!(
                check(&settings, claims).expect_err("refused").contains("client_id is missing or not in JWT_AUDIENCE")
            );
        }
    }

    #[test]
    fn scopes_are_compared_one_by_one() {
        let settings = [("JWT_REQUIRED_CLAIMS", "scope=chat")];
        for scope in [json!("chat"), json!("openid chat email"), json!(["openid", "chat"])] {
            assert_eq!(check(&settings, json!({ "scope": scope })), Ok(()));
        }
        for scope in [json!("chats"), json!("openid,chat"), json!(""), json!("no-chat")] {
            assert!(check(&settings, json!({ "scope": scope })).is_err(), "{scope}");
        }
    }

    #[test]
    fn shared_keys_need_something_that_says_whom_a_token_is_for() {
        for settings in [
            &[] as &[_],
            &[("JWT_REQUIRED_CLAIMS", "tid=a,tid=b")],
            &[("JWT_REQUIRED_CLAIMS", "iss=https://login.example/")],
            &[("JWT_REQUIRED_CLAIMS", "/tid=a,token_use=access,email_verified=true,ver=2.0,typ=Bearer")],
            &[("JWT_REQUIRED_CLAIMS", "scope=openid")],
            &[("JWT_AUDIENCE_CLAIM", "/iss"), ("JWT_AUDIENCE", "https://login.example/")],
        ] {
            let line = read(settings, true).expect_err("refused").to_string();
            assert!(line.contains("JWT_AUDIENCE") && line.contains("JWT_REQUIRED_CLAIMS"), "{line}");
            assert!(read(settings, false).is_ok());
        }
        for settings in [
            &[("JWT_AUDIENCE", "chat")] as &[_],
            &[("JWT_REQUIRED_CLAIMS", "azp=https://a.example")],
            &[("JWT_REQUIRED_CLAIMS", "token_use=access,client_id=a")],
            &[("JWT_REQUIRED_CLAIMS", "https://shop.example/service=chat")],
            &[("JWT_AUDIENCE_CLAIM", "scope"), ("JWT_AUDIENCE", "livechat")],
        ] {
            assert!(read(settings, true).is_ok());
        }
    }

    #[test]
    fn a_malformed_list_names_its_setting() {
        for (name, value) in [
            ("JWT_REQUIRED_CLAIMS", "token_use"),
            ("JWT_REQUIRED_CLAIMS", "=access"),
            ("JWT_REQUIRED_CLAIMS", "token_use="),
            ("JWT_AUDIENCE", ","),
            ("JWT_AUDIENCE_CLAIM", "azp"),
        ] {
            let line = read(&[(name, value)], false).expect_err(value).to_string();
            assert!(line.contains(name) && !line.contains('\n'), "{line}");
        }
    }
}
