//! The parameters of the stack that have these settings.

use super::{
    stack_secret::{self, StackSecret},
    values::{Values, names},
    yaml::Parameter,
};
use crate::{env_file::is_secret, parameters::of_variable};

/// The template's default of a parameter.
fn default(variable: &str) -> &'static str {
    match variable {
        "GUESTS" | "ALLOW_UNVERIFIED_USERS" => "false",
        "JWT_SECRET_ENCODING" => "text",
        "JWT_AUDIENCE_CLAIM" => "aud",
        "JWT_USER_CLAIM" | "AUTHORIZER_CLAIM" => "sub",
        _ => "",
    }
}

/// The settings that the file of parameters has. A default counts as not set.
pub(super) fn settings_in(parameters: &std::collections::BTreeMap<String, String>) -> Values {
    let found = names().filter_map(|variable| {
        let value = parameters.get(&of_variable(variable))?;
        (value != default(variable)).then(|| (variable.to_owned(), value.clone()))
    });
    Values::of(found)
}

/// All parameters that setup is about. Those of another way of verifying have their defaults, as a stack keeps what it has otherwise.
/// `existing` is what the file has.
pub(super) fn parameters(values: &Values, secret: &StackSecret, existing: &Values) -> Vec<Parameter> {
    let arn_variable = stack_secret::variable(values);
    let is_same_secret =
        values.get("AUTH") == existing.get("AUTH") && arn_variable.is_some_and(|name| existing.get(name).is_some());
    let parameters = names().filter(|variable| !is_secret(variable)).map(|variable| {
        let default = default(variable);
        let set = values.get(variable);
        let value = match variable {
            "JWT_SECRET_ARN" | "HMAC_SECRET_ARN" if arn_variable == Some(variable) => arn(secret).map(str::to_owned),
            "JWT_SECRET_ARN" | "HMAC_SECRET_ARN" => None,
            // During a rotation, the stack has the former secret too.
            "JWT_SECRET_PREVIOUS_ARN" | "HMAC_SECRET_PREVIOUS_ARN" => {
                let is_of_it = arn_variable.is_some_and(|name| variable.starts_with(name.trim_end_matches("_ARN")));
                set.or(existing.get(variable).filter(|_| is_of_it && is_same_secret)).map(str::to_owned)
            }
            "ALLOW_UNVERIFIED_USERS" => (values.get("AUTH") == Some("none")).then(|| "true".to_owned()),
            // The template accepts no space after a comma.
            "ALLOWED_ORIGINS" => set
                .map(|list| list.split(',').map(str::trim).filter(|one| !one.is_empty()).collect::<Vec<_>>().join(",")),
            "JWT_PUBLIC_KEY" => set.map(|key| key.replace("\r\n", "\n").replace('\n', "\\n")),
            _ => set.map(str::to_owned),
        };
        let is_to_be_filled_in = arn_variable == Some(variable) && matches!(secret, StackSecret::Later { .. });
        Parameter {
            name: of_variable(variable),
            value: value.unwrap_or_else(|| default.to_owned()),
            default,
            is_to_be_filled_in,
        }
    });
    parameters.collect()
}

fn arn(secret: &StackSecret) -> Option<&str> {
    match secret {
        StackSecret::Stored(arn) => Some(arn),
        StackSecret::New { .. } => Some(stack_secret::PENDING),
        StackSecret::None | StackSecret::Later { .. } => None,
    }
}

/// What the template refuses, although the functions accept it.
pub(super) fn refusals(parameters: &[Parameter]) -> Vec<String> {
    let mut refusals = Vec::new();
    for Parameter { name, value, .. } in parameters {
        match name.as_str() {
            "JwtJwksUrl" if !value.is_empty() && !value.starts_with("https://") => {
                refusals.push(format!("The stack cannot use {value}: JwtJwksUrl needs https."));
            }
            "AllowedOrigins" => {
                let others = value.split(',').filter(|one| !one.starts_with("http://") && !one.starts_with("https://"));
                refusals.extend(others.map(|one| {
                    format!("The stack cannot allow {one}: API Gateway accepts http and https (docs/deploy.md).")
                }));
            }
            _ => {}
        }
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_is_that_of_the_template() {
        let template = include_str!("../../template.yaml");
        for variable in names().filter(|variable| !is_secret(variable)) {
            let name = of_variable(variable);
            let (_, after) = template.split_once(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no {name}"));
            let mut lines = after.lines().take_while(|line| line.starts_with("    "));
            let found = lines.find_map(|line| line.strip_prefix("    Default: ")).unwrap_or("''");
            assert_eq!(found.trim_matches('\''), default(variable), "{name}");
        }
    }

    #[test]
    fn parameters_of_a_former_way_of_verifying_become_their_defaults() {
        let of = |settings: &[(&str, &str)]| {
            Values::of(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let existing = of(&[
            ("AUTH", "jwt"),
            ("JWT_SECRET_ARN", "arn:1"),
            ("JWT_SECRET_PREVIOUS_ARN", "arn:0"),
            ("JWT_USER_CLAIM", "oid"),
        ]);
        let value = |values: &Values, secret: &StackSecret, name: &str| {
            parameters(values, secret, &existing).into_iter().find(|one| one.name == name).expect(name).value
        };
        let kept = of(&[("AUTH", "jwt"), ("JWT_SECRET", "x")]);
        let stored = StackSecret::Stored("arn:1".into());
        assert_eq!(value(&kept, &stored, "JwtSecretPreviousArn"), "arn:0");
        assert_eq!(
            (value(&kept, &stored, "JwtSecretArn"), value(&kept, &stored, "JwtUserClaim")),
            ("arn:1".into(), "sub".into())
        );
        let none = of(&[("AUTH", "none")]);
        for (name, expected) in
            [("JwtSecretArn", ""), ("JwtSecretPreviousArn", ""), ("AllowUnverifiedUsers", "true"), ("Auth", "none")]
        {
            assert_eq!(value(&none, &StackSecret::None, name), expected, "{name}");
        }
    }
}
