//! `COOKIES_KMS_KEY`: the key in AWS KMS with which cookies and agents' tokens are encrypted.

use super::{ConfigError, Lookup};
use ring::digest::{SHA256, digest};
use std::sync::Arc;

const KEY: &str = "COOKIES_KMS_KEY";

/// A symmetric key in AWS KMS, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookiesKey(Arc<str>);

impl CookiesKey {
    /// The key's ARN.
    pub fn arn(&self) -> &str {
        &self.0
    }

    /// Identifies the key.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let hash = digest(&SHA256, self.0.as_bytes());
        hash.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// # Errors
/// [`ConfigError`] if it is not the ARN of a key in the function's own region. An alias could become another key's while functions run, and
/// a role cannot be limited to an alias. AWS KMS is called in the function's region, and does not find other regions' keys.
pub(super) fn read(lookup: &Lookup) -> Result<Option<CookiesKey>, ConfigError> {
    let Some(arn) = lookup.optional(KEY) else { return Ok(None) };
    let parts: Vec<_> = arn.split(':').collect();
    match parts[..] {
        ["arn", partition, "kms", region, account, resource]
            if [partition, region, account].iter().all(|part| !part.is_empty())
                && resource.strip_prefix("key/").is_some_and(|id| !id.is_empty()) =>
        {
            match lookup.raw("AWS_REGION") {
                Some(own) if own != region => {
                    let expected = format!(
                        "a key in the region of the functions, {own} (a multi-Region key has a replica's ARN there)"
                    );
                    Err(ConfigError::invalid(KEY, &expected))
                }
                _ => Ok(Some(CookiesKey(arn.into()))),
            }
        }
        _ => Err(ConfigError::invalid(KEY, "the ARN of a key in AWS KMS, arn:aws:kms:<region>:<account>:key/<id>")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn read(value: &str) -> Result<Option<CookiesKey>, String> {
        super::read(&Lookup::new(|name| (name == KEY).then(|| value.to_owned()))).map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_arn_of_a_key_is_accepted() {
        assert_eq!(read(""), Ok(None));
        assert_eq!(read(ARN).map(|key| key.map(|key| key.arn().to_owned())), Ok(Some(ARN.to_owned())));
        for bad in [
            "1234abcd",
            "alias/cip",
            &ARN.replace("key/", "alias/"),
            &ARN.replace(":kms:", ":s3:"),
            "arn:aws:kms:::key/1",
            "arn:aws:kms:a:1:key/",
        ] {
            assert!(read(bad).expect_err("refused").contains(KEY), "{bad}");
        }
    }

    #[test]
    fn a_key_of_another_region_is_refused() {
        let in_region = |region: &str| {
            let value = |name: &str| [(KEY, ARN), ("AWS_REGION", region)].into_iter().find(|(one, _)| *one == name);
            super::read(&Lookup::new(|name| value(name).map(|(_, value)| value.to_owned())))
        };
        assert!(in_region("eu-central-1").is_ok_and(|key| key.is_some()));
        let line = in_region("eu-west-1").expect_err("refused").to_string();
        assert!(line.contains(KEY) && line.contains("eu-west-1"), "{line}");
    }

    #[test]
    fn another_key_has_another_fingerprint() {
        let key = |arn: &str| read(arn).expect("a key").expect("a key").fingerprint();
        assert_eq!(key(ARN), key(ARN));
        assert_ne!(key(ARN), key(&ARN.replace("1234abcd-", "2234abcd-")));
    }
}
