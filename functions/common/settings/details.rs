//! `CUSTOMER_DETAILS`: what agents see of a customer, and the claims that it comes from.

use super::{ConfigError, Lookup, Tenant};
use crate::auth::{ClaimName, Detail, DetailRules};

const NAME: &str = "CUSTOMER_DETAILS";
/// LiveChat's limit, which it documents for `set_customer_session_fields`.
const MOST_FIELDS: usize = 100;
/// The longest key of a field, in bytes.
const LONGEST_KEY: usize = 64;

/// The details with their claims, which are verified by a signature or by the gateway.
///
/// # Errors
/// [`ConfigError`] if an entry is malformed, or repeats another one.
pub(super) fn read(lookup: &Lookup) -> Result<DetailRules, ConfigError> {
    let entries = lookup.list(NAME).unwrap_or_default();
    let mut rules: Vec<(Detail, ClaimName)> = Vec::with_capacity(entries.len());
    for entry in &entries {
        let (detail, claim) = parse(entry).ok_or_else(malformed)?;
        if rules.iter().any(|(other, _)| *other == detail) {
            return Err(ConfigError::new(format!("{NAME} names a detail twice: name each once.")));
        }
        rules.push((detail, ClaimName::new(claim)));
    }
    if rules.iter().filter(|(detail, _)| matches!(detail, Detail::Field(_))).count() > MOST_FIELDS {
        return Err(ConfigError::new(format!("{NAME} has more than {MOST_FIELDS} fields, LiveChat's limit.")));
    }
    Ok(DetailRules::new(rules))
}

/// In the modes without claims, the setting would have no effect.
///
/// # Errors
/// [`ConfigError`] if it is set.
pub(super) fn check_unused(lookup: &Lookup, auth: &str) -> Result<(), ConfigError> {
    match lookup.optional(NAME) {
        None => Ok(()),
        Some(_) => Err(ConfigError::new(format!(
            "{NAME} needs AUTH=jwt or AUTH=authorizer: with AUTH={auth}, nobody vouches for anything but a user's id."
        ))),
    }
}

/// In version 3.4 of LiveChat's Customer Chat API, `organization_id` has replaced `license_id`.
///
/// # Errors
/// [`ConfigError`] if the setting is there, and the account is a licence.
pub(super) fn check_tenant(lookup: &Lookup, tenant: &Tenant) -> Result<(), ConfigError> {
    match tenant {
        Tenant::License(_) if lookup.optional(NAME).is_some() => Err(ConfigError::new(format!(
            "{NAME} needs LIVECHAT_ORGANIZATION_ID (a UUID): LiveChat's Customer Chat API accepts no licence number."
        ))),
        Tenant::License(_) | Tenant::Organization(_) => Ok(()),
    }
}

/// The detail and the claim of an entry: `name`, `email=mail`, `fields.plan=subscription.plan`.
fn parse(entry: &str) -> Option<(Detail, &str)> {
    let (detail, claim) = match entry.split_once('=') {
        Some((detail, claim)) => (detail.trim(), Some(claim.trim())),
        None => (entry, None),
    };
    let (detail, default) = match detail.strip_prefix("fields.") {
        Some(key) if is_key(key) => (Detail::Field(key.to_owned()), key),
        None if detail == "name" => (Detail::Name, detail),
        None if detail == "email" => (Detail::Email, detail),
        _ => return None,
    };
    Some((detail, claim.unwrap_or(default))).filter(|(_, claim)| !claim.is_empty())
}

fn is_key(key: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(is_fit)
}

fn malformed() -> ConfigError {
    ConfigError::invalid(
        NAME,
        "a list such as name,email,fields.plan=subscription.plan (the keys of fields have letters, digits, - and _)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(value: &str) -> Option<String> {
        read(&Lookup::new(|name| (name == NAME).then(|| value.to_owned()))).err().map(|error| error.to_string())
    }

    #[test]
    fn an_entry_names_a_detail_and_may_name_its_claim() {
        let field = |key: &str| Detail::Field(key.into());
        for (entry, expected) in [
            ("name", (Detail::Name, "name")),
            ("name = nickname", (Detail::Name, "nickname")),
            ("email", (Detail::Email, "email")),
            ("email=/contact/mail", (Detail::Email, "/contact/mail")),
            ("fields.plan", (field("plan"), "plan")),
            ("fields.user-id=https://shop.example/uid", (field("user-id"), "https://shop.example/uid")),
        ] {
            assert_eq!(parse(entry), Some(expected), "{entry}");
        }
        assert_eq!(error("name, email ,fields.plan=subscription.plan,fields.email"), None);
        assert_eq!(error(""), None);
    }

    #[test]
    fn a_malformed_list_is_one_line_that_names_the_setting() {
        let many: Vec<_> = (0..101).map(|number| format!("fields.key{number}")).collect();
        for value in [
            "phone",
            "Name",
            "name=",
            "=name",
            "fields",
            "fields.",
            "fields.a b",
            "fields.é",
            "name,name=nickname",
            "fields.a=b,fields.a=c",
            &many.join(","),
            &format!("fields.{}", "x".repeat(65)),
        ] {
            let line = error(value).unwrap_or_else(|| panic!("{value} is accepted"));
            assert!(line.starts_with("CUSTOMER_DETAILS") && !line.contains('\n'), "{line}");
        }
        assert_eq!(error(&many[1..].join(",")), None);
    }
}
