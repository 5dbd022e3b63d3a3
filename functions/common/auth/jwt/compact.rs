//! A token as it is sent: the JWS Compact Serialization (RFC 7515, section 7.1). Nothing in it is trusted until its signature has been
//! verified; until then, its header only chooses among our own keys.

use crate::{
    auth::{claims::Members, keys::algorithm_named},
    base64,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

/// The longest token, in bytes; API Gateway takes 10,240 with all headers.
const LONGEST: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Compact<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// What is signed: header and claims.
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// # Errors
    /// What is wrong, for the log.
    pub(super) fn parse(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > LONGEST {
            return Err("the token has more than 8 KiB");
        }
        let parts: Vec<_> = token.split('.').collect();
        let (header, claims, signature) = match parts.as_slice() {
            [header, claims, signature] => (*header, *claims, *signature),
            [_, _, _, _, _] => return Err(ENCRYPTED),
            _ => return Err(OPAQUE),
        };
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let header = Some(header).filter(|header| header.bytes().all(is_fit)).and_then(base64::decode).ok_or(OPAQUE)?;
        // Its keys and references to keys (`jku`, `x5u`, `jwk`, `x5c`) are ignored.
        let header: Members = serde_json::from_slice(&header).map_err(|_| "the token's header is malformed")?;
        if header.get("enc").is_some() {
            return Err(ENCRYPTED);
        }
        // RFC 7515, section 4.1.11: an implementation that does not know all of these must refuse the token, and this one knows none.
        if header.get("crit").is_some() {
            return Err("the token has critical extensions");
        }
        let name = header.get("alg").and_then(Value::as_str).ok_or("the token's header has no algorithm")?;
        let algorithm = algorithm_named(name).ok_or("the token's algorithm is not one of JWT_ALGORITHMS")?;
        let kid = match header.get("kid") {
            None | Some(Value::Null) => None,
            Some(kid) => Some(key_name(kid).ok_or("the token's kid is not a string")?),
        };
        let signed = &token[..token.len() - signature.len() - 1];
        Ok(Self { algorithm, kid, signed, claims, signature })
    }

    /// Whether the signature was made with this key, used with the token's algorithm.
    pub(super) fn is_signed_with(&self, key: &DecodingKey) -> bool {
        crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm).unwrap_or(false)
    }

    /// # Errors
    /// What is wrong, for the log.
    pub(super) fn claims(&self) -> Result<Members, &'static str> {
        let claims = base64::decode(self.claims).and_then(|claims| serde_json::from_slice(&claims).ok());
        claims.ok_or("the token's claims are not an object with unique names")
    }
}

/// A key's name, which some signers and key sets write as a number.
pub(in crate::auth) fn key_name(kid: &Value) -> Option<String> {
    match kid {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

const ENCRYPTED: &str = "the token is encrypted (JWE), so that only its issuer can read it: let the page send a signed token, see \
                         docs/authentication.md";
const OPAQUE: &str = "the credential is not a JSON Web Token, but an opaque one: let the page send a signed token, see \
                      docs/authentication.md";
