//! The names of all settings, and a check for misspelt ones. A misspelt setting would count as not set, so that a
//! restriction would have no effect.

use super::{ConfigError, Lookup};
use strsim::osa_distance;
use tracing::warn;

/// The names of all settings.
pub const NAMES: [&str; 44] = [
    "TABLE_NAME",
    "LIVECHAT_CLIENT_ID",
    "LIVECHAT_LICENSE_ID",
    "LIVECHAT_ORGANIZATION_ID",
    "LIVECHAT_REDIRECT_URI",
    "LIVECHAT_ACCOUNTS_URL",
    "LIVECHAT_API_URL",
    "LIVECHAT_GRANT",
    "LIVECHAT_AGENT_CREDENTIALS",
    "LIVECHAT_AGENT_CREDENTIALS_ARN",
    "AUTH",
    "ALLOW_UNVERIFIED_USERS",
    "ALLOWED_ORIGINS",
    "USER_ID_NORMALIZATION",
    "JWT_JWKS_URL",
    "JWT_PUBLIC_KEY",
    "JWT_SECRET",
    "JWT_SECRET_ARN",
    "JWT_SECRET_PREVIOUS",
    "JWT_SECRET_PREVIOUS_ARN",
    "JWT_SECRET_ENCODING",
    "JWT_ALGORITHMS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_AUDIENCE_CLAIM",
    "JWT_REQUIRED_CLAIMS",
    "JWT_USER_CLAIM",
    "JWT_COOKIE",
    "AUTHORIZER_CLAIM",
    "CUSTOMER_DETAILS",
    "HMAC_SECRET",
    "HMAC_SECRET_ARN",
    "HMAC_SECRET_PREVIOUS",
    "HMAC_SECRET_PREVIOUS_ARN",
    "GUESTS",
    "ADOPT_GUESTS",
    "GROUPS",
    "ON_IDENTITY_CHANGE",
    "RENEWALS_PER_MINUTE",
    "COOKIES_KMS_KEY",
    "METRICS_NAMESPACE",
    "SUBJECT_KEY",
    "RELEASE",
    "RUST_LOG",
];

/// The prefixes of settings. A variable that has one, or almost one, and is not a setting, is reported.
const PREFIXES: [&str; 3] = ["LIVECHAT_", "JWT_", "HMAC_"];

/// Settings without such a prefix whose names other programs are unlikely to use. The rest (`AUTH`, `GUESTS`, `ALLOWED_ORIGINS`)
/// are words that a site may use itself, so nothing that resembles them is reported.
const DISTINCTIVE: [&str; 8] = [
    "ADOPT_GUESTS",
    "ALLOW_UNVERIFIED_USERS",
    "AUTHORIZER_CLAIM",
    "COOKIES_KMS_KEY",
    "CUSTOMER_DETAILS",
    "ON_IDENTITY_CHANGE",
    "RENEWALS_PER_MINUTE",
    "USER_ID_NORMALIZATION",
];

/// How many names one line reports.
const REPORTED: usize = 5;

/// Reports variables that are set and that look like a setting, but are not one. If a name does not resemble a certain setting, it is
/// logged as a warning, as a site may have variables of its own. Values are never shown.
///
/// # Errors
/// [`ConfigError`] for misspelt names of settings, with the correct names.
pub fn check(lookup: &Lookup) -> Result<(), ConfigError> {
    let mut names = lookup.names();
    names.retain(|name| may_be_ours(name) && !NAMES.contains(&name.as_str()));
    names.retain(|name| meant(name).is_some() || has_prefix(name));
    names.retain(|name| lookup.raw(name).is_some());
    names.sort_unstable();
    let (misspelt, unknown): (Vec<_>, Vec<_>) = names.iter().partition(|name| meant(name).is_some());
    if !unknown.is_empty() {
        warn!("set, but not a setting of this service: {}", list(unknown.iter().map(|name| shown(name)), ", "));
    }
    if misspelt.is_empty() {
        return Ok(());
    }
    let lines = misspelt.iter().map(|name| {
        let meant = meant(name).unwrap_or_default();
        format!("{} is set, but there is no such setting: did you mean {meant}?", shown(name))
    });
    Err(ConfigError::new(list(lines, " ")))
}

/// Whether to compare a name with all settings, which costs time at each start. A spelling mistake is hardly ever in the first
/// character, or in the first two of a long name.
fn may_be_ours(name: &str) -> bool {
    let begins_as = |ours: &str, letters| match (name.as_bytes().get(..letters), ours.as_bytes().get(..letters)) {
        (Some(name), Some(ours)) => name.eq_ignore_ascii_case(ours),
        _ => false,
    };
    PREFIXES.iter().any(|ours| begins_as(ours, 1)) || DISTINCTIVE.iter().any(|ours| begins_as(ours, 2))
}

fn has_prefix(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| after(name, prefix).is_some())
}

/// The setting whose misspelt name this probably is.
fn meant(name: &str) -> Option<&'static str> {
    let is_reported = |setting: &&str| prefix_of(setting).is_some() || DISTINCTIVE.contains(setting);
    let resembling = NAMES.into_iter().filter(|setting| resembles(name, setting)).filter(is_reported);
    resembling.min_by_key(|setting| osa_distance(&name.to_ascii_uppercase(), setting))
}

/// Whether a name differs from a setting's only by a spelling mistake.
fn resembles(name: &str, setting: &str) -> bool {
    let (Some(first), Some(of_setting)) = (name.as_bytes().first(), setting.as_bytes().first()) else { return false };
    if !first.eq_ignore_ascii_case(of_setting) {
        return false;
    }
    if characters(name).eq(characters(setting)) {
        return true;
    }
    match prefix_of(setting).map(|prefix| (prefix, &setting[prefix.len()..])) {
        None => name.len().abs_diff(setting.len()) <= 2 && osa_distance(name, setting) <= 2,
        Some((prefix, setting)) => match after(name, prefix) {
            Some(name) => rest_resembles(&name.to_ascii_uppercase(), setting),
            None => name.strip_suffix(setting).is_some_and(|start| prefix_resembles(start, prefix)),
        },
    }
}

/// The prefix of a setting's name, if it has one.
fn prefix_of(setting: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| setting.starts_with(prefix))
}

/// The rest of a name after a prefix, in upper or lower case.
fn after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let start = name.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &name[prefix.len()..])
}

/// The letters and digits of a name, in upper case.
fn characters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase())
}

/// For names without prefix: one or two wrong characters (`ISUER`, `JWKS_URI`, `LICENCE_ID`), or words that are cut short or
/// left out at the end (`AUD`, `ORG_ID`, `LICENSE`).
fn rest_resembles(name: &str, setting: &str) -> bool {
    // Two other characters can turn a short name into another word: SECRET, SECURE.
    let most = if setting.len() < 8 { 1 } else { 2 };
    if osa_distance(name, setting) <= most {
        return true;
    }
    let (words, of_setting) = (name.split('_').count(), setting.split('_').count());
    (words == of_setting || words + 1 == of_setting)
        && name.split('_').zip(setting.split('_')).all(|(word, of_setting)| {
            word == of_setting
                || (word.len() >= 3 && of_setting.starts_with(word))
                || (word.len() >= 5 && osa_distance(word, of_setting) <= 1)
        })
}

/// Whether a name starts with a misspelt prefix: two letters swapped, or one wrong letter in the long prefix (`JTW_`, `LIVE_CHAT_`,
/// `LIVCHAT_`). `MAC_SECRET` does not resemble `HMAC_SECRET`.
fn prefix_resembles(start: &str, prefix: &str) -> bool {
    let letters = |text| characters(text).map(char::from).collect::<String>();
    let (start, prefix) = (letters(start), letters(prefix));
    let same_letters = start.len() == prefix.len() && prefix.chars().all(|letter| start.contains(letter));
    (same_letters || prefix.len() >= 8) && osa_distance(&start, &prefix) <= 1
}

/// A name as a line shows it: the name of a variable can contain any characters.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

/// The first few, and how many more there are.
fn list(all: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let more = all.len().saturating_sub(REPORTED);
    let mut first: Vec<_> = all.take(REPORTED).collect();
    if more > 0 {
        first.push(format!("(and {more} more)"));
    }
    first.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn lookup<'a>(variables: &'a [(&'a str, &'a str)]) -> Lookup<'a> {
        Lookup::new(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
            .with_names(|| variables.iter().map(|(name, _)| (*name).to_owned()).collect())
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_name_that_was_meant() {
        for (name, meant) in [
            ("LIVECHAT_CLINT_ID", "LIVECHAT_CLIENT_ID"),
            ("LIVECHAT_CLIENT", "LIVECHAT_CLIENT_ID"),
            ("LIVECHAT_CLIENTID", "LIVECHAT_CLIENT_ID"),
            ("LIVECHAT_CLIENT-ID", "LIVECHAT_CLIENT_ID"),
            ("livechat_client_id", "LIVECHAT_CLIENT_ID"),
            ("livechat_clint_id", "LIVECHAT_CLIENT_ID"),
            ("LIVE_CHAT_CLIENT_ID", "LIVECHAT_CLIENT_ID"),
            ("LIVCHAT_CLIENT_ID", "LIVECHAT_CLIENT_ID"),
            ("LIVECAHT_CLIENT_ID", "LIVECHAT_CLIENT_ID"),
            ("LIVECHAT_LICENCE_ID", "LIVECHAT_LICENSE_ID"),
            ("LIVECHAT_LICENSE", "LIVECHAT_LICENSE_ID"),
            ("LIVECHAT_LICENCE", "LIVECHAT_LICENSE_ID"),
            ("LIVECHAT_ORGANISATION_ID", "LIVECHAT_ORGANIZATION_ID"),
            ("LIVECHAT_ORGANISATION", "LIVECHAT_ORGANIZATION_ID"),
            ("LIVECHAT_ORG_ID", "LIVECHAT_ORGANIZATION_ID"),
            ("LIVECHAT_REDIRECT_URL", "LIVECHAT_REDIRECT_URI"),
            ("LIVECHAT_ACCOUNT_URL", "LIVECHAT_ACCOUNTS_URL"),
            ("JWT_AUDIANCE", "JWT_AUDIENCE"),
            ("JWT_AUDIENCES", "JWT_AUDIENCE"),
            ("JWT_AUD", "JWT_AUDIENCE"),
            ("JWT_AUDIENCE_CLAIMS", "JWT_AUDIENCE_CLAIM"),
            ("JWT_ISUER", "JWT_ISSUER"),
            ("JWT_ISSUERS", "JWT_ISSUER"),
            ("JWT_ISS", "JWT_ISSUER"),
            ("JTW_ISSUER", "JWT_ISSUER"),
            ("jwt_issuer", "JWT_ISSUER"),
            ("JWT_JWK_URL", "JWT_JWKS_URL"),
            ("JWT_JWKS_URI", "JWT_JWKS_URL"),
            ("JWT_JWK_URI", "JWT_JWKS_URL"),
            ("JWT_JWKS", "JWT_JWKS_URL"),
            ("JWT_ALGORITHM", "JWT_ALGORITHMS"),
            ("JWT_ALG", "JWT_ALGORITHMS"),
            ("JWT_REQUIRED_CLAIM", "JWT_REQUIRED_CLAIMS"),
            ("JWT_COOKIES", "JWT_COOKIE"),
            ("JWT_SECERT", "JWT_SECRET"),
            ("JWT_SECRET_PREV", "JWT_SECRET_PREVIOUS"),
            ("JWT_SECRET_PREVIOS_ARN", "JWT_SECRET_PREVIOUS_ARN"),
            ("JWT_PUB_KEY", "JWT_PUBLIC_KEY"),
            ("HMAC_SECRETS", "HMAC_SECRET"),
            ("HMAC_SECRET_PREVIUS", "HMAC_SECRET_PREVIOUS"),
            ("ADOPT_GUEST", "ADOPT_GUESTS"),
            ("AUTHORISER_CLAIM", "AUTHORIZER_CLAIM"),
            ("CUSTOMER_DETAIL", "CUSTOMER_DETAILS"),
            ("USER_ID_NORMALISATION", "USER_ID_NORMALIZATION"),
            ("RENEWALS_PER_MINUTES", "RENEWALS_PER_MINUTE"),
        ] {
            let line = check(&lookup(&[(name, "a-value")])).expect_err(name).to_string();
            assert_eq!(line, format!("{name} is set, but there is no such setting: did you mean {meant}?"));
        }
    }

    #[test]
    fn variables_of_the_sites_own_are_not_refused() {
        for name in [
            "JWT_SECRET_KEY",
            "JWT_PRIVATE_KEY",
            "JWT_KEY",
            "JWT_EXPIRES_IN",
            "JWT_TTL",
            "JWT_REFRESH_SECRET",
            "JWT_COOKIE_NAME",
            "JWT_SECURE",
            "JWT_",
            "HMAC_KEY",
            "LIVECHAT_CLIENT_SECRET",
            "LIVECHAT_API_KEY",
            "LIVECHAT_ACCOUNT_ID",
            "LIVECHAT_CIP_CACHE",
            // Names without one of the prefixes are not reported at all.
            "MAC_SECRET",
            "BOT_SECRET",
            "GWT_ISSUER",
            "OIDC_ISSUER",
            "CLIENT_ID",
            "MYLIVECHAT_CLIENT_ID",
            "NEXT_PUBLIC_LIVECHAT_LICENSE_ID",
            "AUTHORIZER_URL",
            "AUTHOR",
            "GUEST",
            "GROUP",
            "ALLOWED_ORIGIN",
            "TABLE",
            "Path",
            "",
            "é",
            "LIVECHATé",
        ] {
            assert_eq!(check(&lookup(&[(name, "a-value")])).map_err(|error| error.to_string()), Ok(()), "{name}");
            assert_eq!(has_prefix(name), PREFIXES.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        }
    }

    #[test]
    fn settings_and_empty_variables_are_not_reported() {
        for name in &NAMES {
            assert!(check(&lookup(&[(name, "a-value")])).is_ok(), "{name}");
        }
        assert!(check(&lookup(&[("LIVECHAT_CLINT_ID", " ")])).is_ok());
    }

    #[test]
    fn all_misspelt_names_are_in_one_line_of_bounded_length() {
        let line =
            check(&lookup(&[("JWT_ISUER", "secret-1"), ("JWT_AUD", "secret-2")])).expect_err("refused").to_string();
        assert!(line.contains("JWT_ISSUER?") && line.contains("JWT_AUDIENCE?") && !line.contains("secret-"), "{line}");
        let names: Vec<_> = (0..50).map(|number| format!("JWT_SECRET{}", char::from(b'A' + number))).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        let line = check(&lookup(&many)).expect_err("refused").to_string();
        assert!(line.ends_with("(and 45 more)") && line.lines().count() == 1, "{line}");
    }

    /// A name with one of the prefixes that any part of the code reads must be in the list.
    #[test]
    fn every_name_in_the_sources_is_known() {
        fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    files(&entry, found);
                } else if entry.extension().is_some_and(|extension| extension == "rs") && !entry.ends_with(file!()) {
                    found.push(entry);
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = vec![];
        files(&root.join("functions"), &mut all);
        files(&root.join("local"), &mut all);
        all.retain(|file| !file.components().any(|part| part.as_os_str() == "tests"));
        let mut seen = std::collections::BTreeSet::new();
        for file in all {
            let text = fs::read_to_string(&file).expect("text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for literal in code.split('"').filter(|part| PREFIXES.iter().any(|prefix| part.starts_with(prefix))) {
                let is_name = literal.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
                if is_name && !PREFIXES.contains(&literal) {
                    assert!(NAMES.contains(&literal), "{literal} in {}", file.display());
                    seen.insert(literal.to_owned());
                }
            }
        }
        assert!(seen.len() > 10, "{seen:?}");
    }
}
