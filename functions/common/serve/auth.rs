//! From the settings of `AUTH` to an [`Auth`]: with the secrets and key sets that have to be fetched.

use crate::{
    auth::{Auth, Authorizer, Jwks, Jwt, Key, Keys, Mode, Normalization, Origins, Secret, SessionCookie, UserHash},
    clients::secrets::{Manager, Value},
    settings::{AuthMode, AuthSettings, ConfigError, JwtKeys, JwtSettings, SecretSource, StoredSecret},
};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// Creates an [`Auth`] from its settings. Fetches secrets from AWS Secrets Manager, and the identity provider's key set.
///
/// # Errors
/// [`ConfigError`] if a secret cannot be fetched, or is too short. A key set that cannot be fetched now is fetched later.
pub async fn connect_auth(settings: AuthSettings) -> Result<Auth, ConfigError> {
    connect(settings, &Manager::default()).await
}

/// The same with this client of AWS Secrets Manager.
///
/// # Errors
/// As [`connect_auth`].
#[cfg(feature = "operator")]
pub async fn connect_auth_with(
    settings: AuthSettings,
    secrets_manager: aws_sdk_secretsmanager::Client,
) -> Result<Auth, ConfigError> {
    connect(settings, &Manager::with(secrets_manager)).await
}

async fn connect(settings: AuthSettings, manager: &Manager) -> Result<Auth, ConfigError> {
    let AuthSettings { mode, normalization, allowed_origins, guests } = settings;
    let mode = match mode {
        AuthMode::None => Mode::None,
        AuthMode::Jwt(jwt) => Mode::Jwt(Arc::new(connect_jwt(*jwt, normalization, allowed_origins, manager).await?)),
        AuthMode::Authorizer { claim, details } => Mode::Authorizer(Authorizer::new(claim, details, normalization)),
        AuthMode::Hmac { secrets } => Mode::Hmac(Arc::new(UserHash::new(&fetch(secrets, manager).await?))),
    };
    Ok(Auth::new(mode, normalization, guests))
}

async fn connect_jwt(
    settings: JwtSettings,
    normalization: Normalization,
    origins: Origins,
    manager: &Manager,
) -> Result<Jwt, ConfigError> {
    let JwtSettings { keys, claims, cookie } = settings;
    let cookie = cookie.map(|name| SessionCookie::new(name, origins));
    Ok(Jwt::new(connect_keys(keys, manager).await?, claims, normalization, cookie))
}

async fn connect_keys(keys: JwtKeys, manager: &Manager) -> Result<Keys, ConfigError> {
    match keys {
        JwtKeys::Set(url, algorithms) => {
            let jwks = Jwks::connect(url, algorithms).await;
            let jwks = jwks.map_err(|_| ConfigError::new("JWT_JWKS_URL cannot be used: TLS does not start."))?;
            Ok(Keys::Set(Box::new(jwks)))
        }
        JwtKeys::Public(key) => Ok(Keys::Fixed(vec![*key])),
        JwtKeys::Secrets(secrets, algorithms) => {
            let secrets = fetch(secrets, manager).await?;
            Ok(Keys::Fixed(secrets.iter().map(|secret| Key::of_secret(secret, algorithms.clone())).collect()))
        }
    }
}

/// The secrets, in this order.
///
/// # Errors
/// [`ConfigError`] if one cannot be fetched, or is too short.
async fn fetch(sources: Vec<SecretSource>, manager: &Manager) -> Result<Vec<Secret>, ConfigError> {
    let mut secrets = Vec::with_capacity(sources.len());
    for source in sources {
        secrets.push(match source {
            SecretSource::Inline(secret) => secret,
            SecretSource::Stored(stored) => fetch_stored(manager, &stored).await?,
        });
    }
    Ok(secrets)
}

async fn fetch_stored(manager: &Manager, secret: &StoredSecret) -> Result<Secret, ConfigError> {
    let StoredSecret { name, variable, arn, .. } = secret;
    match manager.value(arn, name).await.map_err(|why| ConfigError::new(format!("{variable} {why}.")))? {
        Value::Text(text) => secret.decode(text.expose_secret()),
        Value::Bytes(bytes) => secret.of_bytes(bytes),
    }
}
