//! Authorization codes, with PKCE (RFC 7636). They are not stored in the sandbox's file.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// LiveChat says that a code is valid for a few minutes.
const LIFE_MS: u64 = 5 * 60_000;

/// The codes that were issued and not exchanged.
#[derive(Debug, Default)]
pub(super) struct Codes(Vec<Code>);

#[derive(Debug)]
struct Code {
    value: String,
    redirect_uri: String,
    challenge: Option<Challenge>,
    /// Unix time in ms.
    expires_ms: u64,
}

/// What the `code_verifier` of the exchange is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Plain(String),
    S256(String),
}

/// Why a code cannot be exchanged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// It was exchanged, has expired or never existed.
    Unknown,
    /// It was issued for another redirect URI.
    RedirectUri,
    /// The `code_verifier` is not that of the challenge.
    Verifier,
}

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method`; `None` if they are invalid. LiveChat's documentation spells the method
    /// `S256` and `s256`.
    pub(super) fn read(challenge: &str, method: Option<&str>) -> Option<Self> {
        if !is_verifier(challenge) {
            return None;
        }
        match method {
            None | Some("plain") => Some(Self::Plain(challenge.to_owned())),
            Some("S256" | "s256") => Some(Self::S256(challenge.to_owned())),
            Some(_) => None,
        }
    }

    pub(super) fn accepts(&self, verifier: &str) -> bool {
        is_verifier(verifier)
            && match self {
                Self::Plain(challenge) => challenge == verifier,
                Self::S256(challenge) => *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            }
    }
}

/// RFC 7636, section 4.1: 43 to 128 characters.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

impl Codes {
    /// Issues a code at `now_ms` (Unix time in ms).
    pub(super) fn issue(&mut self, redirect_uri: &str, challenge: Option<Challenge>, now_ms: u64) -> String {
        self.0.retain(|code| code.expires_ms > now_ms);
        let code = format!("sandbox:code-{}", Uuid::new_v4().simple());
        let (redirect_uri, expires_ms) = (redirect_uri.to_owned(), now_ms + LIFE_MS);
        self.0.push(Code { value: code.clone(), redirect_uri, challenge, expires_ms });
        code
    }

    /// Exchanges a code at `now_ms` (Unix time in ms). Only a successful exchange uses it up.
    ///
    /// # Errors
    /// If it cannot be exchanged.
    pub(super) fn redeem(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now_ms: u64,
    ) -> Result<(), Rejected> {
        let at = self.0.iter().position(|known| known.value == code && known.expires_ms > now_ms);
        let at = at.ok_or(Rejected::Unknown)?;
        let known = &self.0[at];
        if known.redirect_uri != redirect_uri {
            return Err(Rejected::RedirectUri);
        }
        let is_proven = match (&known.challenge, verifier) {
            (Some(challenge), Some(verifier)) => challenge.accepts(verifier),
            (None, None) => true,
            // RFC 9700, section 2.1.1: a verifier without a challenge is an attempt of a downgrade.
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_proven {
            return Err(Rejected::Verifier);
        }
        self.0.remove(at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_challenge_accepts_only_its_verifier() {
        for (challenge, method, good) in [
            (CHALLENGE, Some("S256"), VERIFIER),
            (CHALLENGE, Some("s256"), VERIFIER),
            (VERIFIER, Some("plain"), VERIFIER),
            (VERIFIER, None, VERIFIER),
        ] {
            let challenge = Challenge::read(challenge, method).expect("a good challenge");
            assert!(challenge.accepts(good), "{challenge:?}");
            for bad in ["", &VERIFIER[1..], &format!("{VERIFIER}x")] {
                assert!(!challenge.accepts(bad), "{challenge:?} {bad}");
            }
        }
    }

    #[test]
    fn a_malformed_challenge_is_refused() {
        for bad in ["", &"x".repeat(42), &"x".repeat(129), &format!("{}+", "x".repeat(43))] {
            assert_eq!(Challenge::read(bad, Some("S256")), None, "{bad}");
        }
        assert_eq!(Challenge::read(CHALLENGE, Some("S512")), None);
        assert_eq!(Challenge::read(CHALLENGE, Some("")), None);
    }
}
