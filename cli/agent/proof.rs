//! The random values that tie a code to this login: `state` (RFC 6749, section 10.12) and PKCE (RFC 7636).

use crate::failure::Failure;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};

/// What only this process knows, until the browser is sent to LiveChat with `state`.
pub(crate) struct Proof {
    /// LiveChat returns it with the code.
    pub(crate) state: String,
    /// `code_verifier`; its hash is sent before it.
    pub(crate) verifier: SecretString,
}

impl Proof {
    /// New random values.
    ///
    /// # Errors
    /// [`Failure::Service`] if the operating system gives none.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { state: random()?, verifier: random()?.into() })
    }

    /// `code_challenge` for the method `S256`.
    pub(crate) fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose_secret().as_bytes()))
    }
}

/// 32 random bytes as 43 characters, the fewest that a verifier may have.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Failure::Service("The operating system gives no random numbers.".into()))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        let proof = Proof { state: String::new(), verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into() };
        assert_eq!(proof.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
