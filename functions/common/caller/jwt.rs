//! `AUTH=jwt`: the user is a claim of a JSON Web Token (RFC 7519) that the site's identity provider signed. It comes in
//! `Authorization` (RFC 6750), or in the site's own session cookie.

use super::{
    LAST_END_S, crypto,
    jwks::Jwks,
    keys::{Algorithms, Key},
    only,
    origins::Origins,
};
use crate::{
    config::source::{ConfigError, Source},
    error::{Credential, Error},
    identity::UserId,
    time::Deadline,
};
use cookie::Cookie;
use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use lambda_http::http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE, ORIGIN},
};
use serde_json::{Map, Value};

/// How tokens are verified.
#[derive(Debug)]
pub(super) struct Jwt {
    keys: Keys,
    /// Everything but the algorithms, which are the key's.
    validation: Validation,
    user_claim: String,
    cookie: Option<SessionCookie>,
}

#[derive(Debug)]
enum Keys {
    /// Those of the settings. A token's `kid` means nothing to them.
    Fixed(Vec<Key>),
    Set(Jwks),
}

/// `JWT_COOKIE`. Browsers send a cookie whoever asks them to, so it only counts from the site's own pages.
#[derive(Debug)]
struct SessionCookie {
    name: String,
    origins: Origins,
}

impl Jwt {
    /// The longest token, in bytes; API Gateway takes 10,240 with all headers.
    const LONGEST_TOKEN: usize = 8 * 1024;
    /// How far clocks may be apart, in s.
    const LEEWAY_S: u64 = 60;

    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or bad.
    pub(super) async fn read(source: &Source<'_>) -> Result<Self, ConfigError> {
        crypto::install();
        let algorithms = Algorithms::read(source)?;
        let secrets = source.secrets("JWT_SECRET").await?;
        let given = (source.optional("JWT_JWKS_URL"), source.optional("JWT_PUBLIC_KEY"), secrets.as_slice());
        let keys = match given {
            (Some(url), None, []) => Keys::Set(Jwks::connect(&url, algorithms).await?),
            (None, Some(pem), []) => Keys::Fixed(vec![algorithms.of_pem(&pem)?]),
            (None, None, [_, ..]) => {
                Keys::Fixed(secrets.iter().map(|secret| algorithms.of_secret(secret)).collect::<Result<_, _>>()?)
            }
            _ => {
                return Err(ConfigError::new(
                    "AUTH=jwt needs exactly one of JWT_JWKS_URL, JWT_PUBLIC_KEY and JWT_SECRET (or JWT_SECRET_ARN).",
                ));
            }
        };
        Ok(Self {
            validation: validation(source, matches!(keys, Keys::Set(_)))?,
            keys,
            user_claim: source.optional("JWT_USER_CLAIM").unwrap_or_else(|| "sub".into()),
            cookie: SessionCookie::read(source)?,
        })
    }

    /// What callers have to send.
    pub(super) fn expected(&self) -> Credential {
        if self.cookie.is_some() { Credential::BearerOrCookie } else { Credential::Bearer }
    }

    /// The user whom the request's token names; `None` if it has none.
    pub(super) async fn user(&self, headers: &HeaderMap, deadline: Deadline) -> Result<Option<UserId>, Error> {
        let authorization =
            only(headers, AUTHORIZATION.as_str()).map_err(|_| self.refused("two Authorization headers"))?;
        let token = match (authorization, &self.cookie) {
            (Some(value), _) => Some(bearer(value).ok_or_else(|| self.refused("Authorization is no bearer token"))?),
            (None, Some(cookie)) => cookie.token(headers).map_err(|cause| self.refused(cause))?,
            (None, None) => None,
        };
        match token {
            Some(token) => self.verify(&token, deadline).await.map(Some),
            None => Ok(None),
        }
    }

    async fn verify(&self, token: &str, deadline: Deadline) -> Result<UserId, Error> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if token.len() > Self::LONGEST_TOKEN || !token.bytes().all(is_fit) {
            return Err(self.refused("no token, or too long a one"));
        }
        // Nothing in it is believed; it chooses among our keys. Where it says that a key could be had is not even read.
        let header = decode_header(token).map_err(|_| self.refused("a header that cannot be read"))?;
        // RFC 7515, section 4.1.11: who does not know all of these must refuse, and we know none.
        if header.crit.is_some() {
            return Err(self.refused("critical extensions"));
        }
        let candidates = match &self.keys {
            Keys::Fixed(keys) => keys.iter().filter(|key| key.algorithms.contains(&header.alg)).cloned().collect(),
            Keys::Set(set) => {
                let candidates = deadline.bound(set.candidates(header.kid.as_deref(), header.alg)).await;
                candidates.unwrap_or_else(|_| Err(Error::KeysUnavailable("no time was left to fetch them".into())))?
            }
        };
        let mut cause = "no key of that name for that algorithm";
        for key in candidates {
            let validation = Validation { algorithms: key.algorithms.clone(), ..self.validation.clone() };
            match decode::<Map<String, Value>>(token, &key.decoding, &validation) {
                Ok(token) => match self.beside_the_standard(&token.claims) {
                    Ok(()) => return self.user_of(&token.claims),
                    Err(why) => cause = why,
                },
                Err(error) => cause = why(error.kind()),
            }
        }
        Err(self.refused(cause))
    }

    /// What the library lets pass and no identity provider means.
    fn beside_the_standard(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        #[expect(clippy::cast_precision_loss, reason = "it is exact")]
        let last_end_s = LAST_END_S as f64;
        if claims.get("exp").and_then(Value::as_f64).is_none_or(|exp_s| exp_s > last_end_s) {
            return Err("exp is in ms, or further away than anybody means");
        }
        if self.validation.iss.is_some() && !claims.get("iss").is_some_and(Value::is_string) {
            return Err("iss is no text");
        }
        Ok(())
    }

    fn user_of(&self, claims: &Map<String, Value>) -> Result<UserId, Error> {
        match claims.get(&self.user_claim) {
            Some(Value::String(id)) if !id.is_empty() => UserId::parse(id),
            _ => Err(self.refused("no text in the claim that JWT_USER_CLAIM names")),
        }
    }

    fn refused(&self, cause: &'static str) -> Error {
        Error::Unauthenticated { expected: self.expected(), cause }
    }
}

/// What a token must say, beside being signed. With a provider's keys, which sign for others too, that includes by whom and for
/// whom (RFC 8725, sections 3.8 and 3.9).
fn validation(source: &Source, is_shared: bool) -> Result<Validation, ConfigError> {
    let wanted = |name, what| if is_shared { source.required(name, what).map(Some) } else { Ok(source.optional(name)) };
    let issuer = wanted("JWT_ISSUER", "the `iss` of your identity provider's tokens")?;
    let audiences = wanted("JWT_AUDIENCE", "the `aud` of the tokens that are meant for this service")?;
    let mut validation = Validation { leeway: Jwt::LEEWAY_S, validate_nbf: true, ..Validation::default() };
    validation.validate_aud = audiences.is_some();
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".into());
    }
    if audiences.is_some() {
        let audiences = source.list("JWT_AUDIENCE");
        if audiences.is_empty() {
            return Err(ConfigError::bad("JWT_AUDIENCE", "at least one audience"));
        }
        validation.set_audience(&audiences);
        validation.required_spec_claims.insert("aud".into());
    }
    Ok(validation)
}

/// The token of `Authorization: Bearer <token>`, whose scheme may be in any case (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<String> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' ').to_owned())
}

impl SessionCookie {
    fn read(source: &Source) -> Result<Option<Self>, ConfigError> {
        let Some(name) = source.optional("JWT_COOKIE") else { return Ok(None) };
        let origins = Origins::read(source)?;
        if origins.is_empty() {
            return Err(ConfigError::new(
                "JWT_COOKIE needs ALLOWED_ORIGINS: a cookie only counts in calls from pages of these origins.",
            ));
        }
        Ok(Some(Self { name, origins }))
    }

    fn token(&self, headers: &HeaderMap) -> Result<Option<String>, &'static str> {
        let all: Vec<_> = headers
            .get_all(COOKIE)
            .iter()
            // Other cookies may have bytes of any kind.
            .map(|line| String::from_utf8_lossy(line.as_bytes()))
            .flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        let named: Vec<_> =
            all.iter().filter_map(|text| self.parsed(text)).filter(|cookie| !cookie.value().is_empty()).collect();
        let token = match named.as_slice() {
            [] if all.iter().any(|text| self.is_damaged(text)) => return Err("the cookie is damaged"),
            [] => return Ok(None),
            [cookie] => cookie.value_trimmed().to_owned(),
            // One may have been set by another host of the domain.
            _ => return Err("two cookies of that name"),
        };
        let origin = only(headers, ORIGIN.as_str()).map_err(|_| "two origins")?;
        let fetch_site = only(headers, "sec-fetch-site").unwrap_or_default();
        if !self.origins.allow(origin, fetch_site) {
            return Err("the cookie came with a call from a page of another origin");
        }
        Ok(Some(token))
    }

    fn parsed<'a>(&self, text: &'a str) -> Option<Cookie<'a>> {
        Cookie::parse(text).ok().filter(|cookie| cookie.name() == self.name)
    }

    /// Whether this was meant to be the session cookie: it has no value, or U+FFFD where a header could not have what was sent.
    fn is_damaged(&self, text: &str) -> bool {
        if self.parsed(text).is_some() {
            return false;
        }
        let replaced = char::REPLACEMENT_CHARACTER;
        let name = text.split('=').next().unwrap_or_default();
        let beginning = name.split(replaced).next().unwrap_or_default();
        [name.replace(replaced, "").trim(), beginning.trim()].contains(&self.name.as_str())
    }
}

/// For the log.
fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token is over",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks exp, iss or aud",
        ErrorKind::InvalidSignature => "the signature is wrong",
        _ => "the token is misshapen",
    }
}
