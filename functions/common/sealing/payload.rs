//! Secrets as bytes: JSON arrays of strings.

use crate::{
    identity::Cookies,
    renewal::agent_token::{AgentSecrets, Successor},
};
use secrecy::{ExposeSecret, SecretString};

/// What can be sealed.
pub(crate) trait Payload: Sized {
    /// As bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The inverse; `None` if these are the bytes of something else.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Payload for Cookies {
    fn to_bytes(&self) -> Vec<u8> {
        bytes(&[self.cid.expose_secret(), self.cst.expose_secret()])
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (cid, cst) = serde_json::from_slice(bytes).ok()?;
        Some(Self { cid, cst })
    }
}

impl Payload for AgentSecrets {
    fn to_bytes(&self) -> Vec<u8> {
        let token = self.access_token.expose_secret();
        match &self.successor {
            None => bytes(&[token]),
            Some(Successor { of, refresh_token }) => bytes(&[token, of, refresh_token.expose_secret()]),
        }
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let all: Vec<SecretString> = serde_json::from_slice(bytes).ok()?;
        match &all[..] {
            [access_token] => Some(Self { access_token: access_token.clone(), successor: None }),
            [access_token, of, refresh_token] => {
                let of = of.expose_secret().to_owned();
                let successor = Some(Successor { of, refresh_token: refresh_token.clone() });
                Some(Self { access_token: access_token.clone(), successor })
            }
            _ => None,
        }
    }
}

fn bytes(strings: &[&str]) -> Vec<u8> {
    // Strings in memory can always be written.
    serde_json::to_vec(strings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_unchanged() {
        let cookies = Cookies { cid: "c=\"1\"".into(), cst: "s\u{e4}".into() };
        let read = Cookies::of_bytes(&cookies.to_bytes()).expect("cookies");
        assert_eq!((read.cid.expose_secret(), read.cst.expose_secret()), ("c=\"1\"", "s\u{e4}"));
        for successor in [None, Some(Successor { of: "0123".into(), refresh_token: "r".into() })] {
            let secrets = AgentSecrets { access_token: "a".into(), successor };
            let read = AgentSecrets::of_bytes(&secrets.to_bytes()).expect("secrets");
            let exposed = |secrets: &AgentSecrets| {
                let successor = secrets.successor.as_ref();
                let successor = successor.map(|one| (one.of.clone(), one.refresh_token.expose_secret().to_owned()));
                (secrets.access_token.expose_secret().to_owned(), successor)
            };
            assert_eq!(exposed(&read), exposed(&secrets));
        }
    }

    #[test]
    fn other_bytes_are_no_secret() {
        for bytes in ["", "[]", "[1]", "{}", r#"["a","b"]"#, r#"["a","b","c","d"]"#] {
            assert!(AgentSecrets::of_bytes(bytes.as_bytes()).is_none(), "{bytes}");
        }
        for bytes in ["", "[]", r#"["a"]"#, r#"["a","b","c"]"#] {
            assert!(Cookies::of_bytes(bytes.as_bytes()).is_none(), "{bytes}");
        }
    }
}
