//! API Gateway's JWT authorizer, for `AUTH=authorizer`: it verifies the caller's token, and adds the token's claims to the event.
//! Everything that the caller sent stays in the event.
//!
//! Tokens are verified by the functions' own code for `AUTH=jwt`, with its settings: a key or secret, `JWT_ISSUER`,
//! `JWT_AUDIENCE`.

use crate::settings::Settings;
use axum::{
    Json,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
};
use cip::{
    auth::{self, Auth, Sender},
    settings::{AuthSettings, ConfigError, Lookup},
    time::Deadline,
};
use jsonwebtoken::dangerous::insecure_decode;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Verifies tokens before a function is called.
#[derive(Debug)]
pub struct Authorizer {
    auth: Auth,
    guests: bool,
}

/// The response to a caller that is refused before a function is called.
pub type Refused = (StatusCode, Json<Value>);

impl Authorizer {
    /// How long the verification of a token may take. The key may have to be fetched for it.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// The authorizer, if the settings ask for one.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub async fn read(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        if settings.get("AUTH").as_deref() != Some("authorizer") {
            return Ok(None);
        }
        let lookup = Lookup::new(|name| match name {
            "AUTH" => Some("jwt".into()),
            "JWT_USER_CLAIM" => settings.get("AUTHORIZER_CLAIM"),
            // The functions themselves handle guests, and API Gateway reads no cookies.
            "GUESTS" | "JWT_COOKIE" => None,
            _ => settings.get(name),
        });
        let auth = cip::connect_auth(AuthSettings::from_lookup(&lookup)?).await?;
        Ok(Some(Self { auth, guests: settings.have_guests() }))
    }

    /// The token's claims, in the format of an HTTP API's event. `None` if there is no token and guests are allowed: then the
    /// route behaves like one without an authorizer.
    ///
    /// # Errors
    /// API Gateway's response: 401 if the token is invalid or missing, 500 if the keys cannot be fetched.
    pub async fn claims(&self, headers: &HeaderMap) -> Result<Option<Map<String, Value>>, Refused> {
        let unauthorized = || (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Unauthorized" })));
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            return if self.guests { Ok(None) } else { Err(unauthorized()) };
        };
        let sender = Sender { headers, gateway: None, user_in_path: None };
        match self.auth.caller(sender, Deadline::after(Self::TIMEOUT)).await {
            Ok(_) => {}
            Err(auth::Error::KeysUnavailable(_)) => {
                let message = json!({ "message": "Internal Server Error" });
                return Err((StatusCode::INTERNAL_SERVER_ERROR, Json(message)));
            }
            Err(_) => return Err(unauthorized()),
        }
        // The token has been verified above.
        let token = authorization.to_str().ok().and_then(|value| value.rsplit(' ').next()).unwrap_or_default();
        let token = insecure_decode::<Map<String, Value>>(token).map_err(|_| unauthorized())?;
        Ok(Some(token.claims.into_iter().map(|(name, value)| (name, to_string(value))).collect()))
    }
}

/// Claims are strings in the event, whatever type they have in the token.
fn to_string(claim: Value) -> Value {
    if claim.is_string() { claim } else { Value::String(claim.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;

    async fn authorizer(guests: bool) -> (Authorizer, HeaderMap) {
        let settings = Settings::default().with_options(Some("authorizer".into()), guests);
        let (settings, credentials) = Credentials::develop(settings, None).expect("a secret");
        let headers = credentials.expect("a development secret").headers("alice");
        let headers = (&headers).try_into().expect("good headers");
        (Authorizer::read(&settings).await.expect("good settings").expect("an authorizer"), headers)
    }

    #[tokio::test]
    async fn the_claims_of_a_valid_token_are_strings() {
        let (authorizer, headers) = authorizer(false).await;
        let claims = authorizer.claims(&headers).await.expect("verified").expect("a token");
        assert_eq!(claims["sub"], "alice");
        assert!(claims["exp"].is_string());
    }

    #[tokio::test]
    async fn an_invalid_token_is_never_treated_as_a_guest() {
        for guests in [false, true] {
            let (authorizer, headers) = authorizer(guests).await;
            let good = headers[AUTHORIZATION].to_str().expect("a string");
            for bad in [good.trim_end_matches(|c: char| c != '.'), "Bearer x", "Basic YTpi", ""] {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, bad.parse().expect("a value"))]);
                let (status, Json(body)) = authorizer.claims(&headers).await.expect_err(bad);
                assert_eq!((status.as_u16(), body), (401, json!({ "message": "Unauthorized" })));
            }
        }
    }

    #[tokio::test]
    async fn a_call_without_a_token_is_accepted_only_with_guests() {
        let (with_guests, _) = authorizer(true).await;
        assert!(with_guests.claims(&HeaderMap::new()).await.expect("accepted").is_none());
        let (without, _) = authorizer(false).await;
        assert_eq!(without.claims(&HeaderMap::new()).await.expect_err("refused").0, StatusCode::UNAUTHORIZED);
    }
}
