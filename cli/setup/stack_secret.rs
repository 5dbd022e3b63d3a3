//! Where the stack's functions find the secret: its ARN in AWS Secrets Manager.

use super::{Dialogue, secret, values::Values};
use crate::{
    ask::{Question, say},
    aws,
    failure::Failure,
    secrets_manager,
};
use aws_config::SdkConfig;

/// Stands for the ARN of a secret that does not exist yet. It is never written.
pub(super) const PENDING: &str = "(not created yet)";

/// What the parameter gets.
pub(super) enum StackSecret {
    /// No secret is needed.
    None,
    /// The ARN of one that exists.
    Stored(String),
    /// Somebody creates it later, and fills in the parameter.
    Later { name: String },
    /// It is created before the files are written.
    New { name: String, value: String, config: Box<SdkConfig> },
}

/// The setting with the ARN, if these settings verify callers by a secret.
pub(super) fn variable(values: &Values) -> Option<&'static str> {
    let has = |name: &str| values.get(name).is_some();
    match values.get("AUTH") {
        Some("hmac") => Some("HMAC_SECRET_ARN"),
        Some("jwt") if has("JWT_SECRET") || has("JWT_SECRET_ARN") => Some("JWT_SECRET_ARN"),
        _ => None,
    }
}

/// Asks where the stack's secret is. `existing` is what the parameters have.
///
/// # Errors
/// [`Failure::Declined`]; [`Failure::Input`] for an option that is missing or invalid; [`Failure::Service`] if AWS refuses and nobody can be
/// asked.
pub(super) async fn ask(dialogue: &Dialogue<'_>, values: &Values, existing: &Values) -> Result<StackSecret, Failure> {
    let Some(variable) = variable(values) else { return Ok(StackSecret::None) };
    let inline = values.get(variable.trim_end_matches("_ARN"));
    let present = values.get(variable).filter(|arn| *arn != PENDING).or(existing.get(variable));
    let default_name =
        dialogue.options.environment.as_ref().map_or("livechat-cip".into(), |name| format!("livechat-cip-{name}"));
    let name = dialogue.options.secret_name.clone().unwrap_or(default_name);
    let name = secrets_manager::check_name(&name).map_err(|why| Failure::Input(format!("--secret-name: {why}")))?;
    match dialogue.given(dialogue.options.stack_secret.as_ref()) {
        Some("later") => return Ok(StackSecret::Later { name }),
        Some("create") => return create(dialogue, name, inline).await,
        Some(arn) => {
            return Ok(StackSecret::Stored(
                check_arn(arn).map_err(|why| Failure::Input(format!("--stack-secret: {why}")))?,
            ));
        }
        None => {}
    }
    if !dialogue.ask.can() {
        return Ok(present.map_or(StackSecret::Later { name }, |arn| StackSecret::Stored(arn.to_owned())));
    }
    loop {
        let mut choices =
            vec!["Later: show me the command", "Create it there now", "It is there already: give its ARN"];
        if present.is_some() {
            choices.insert(0, "As it is now");
        }
        let help = "The stack's functions read it from AWS Secrets Manager. The parameter has its ARN";
        let chosen = dialogue.ask.choose("The secret of the stack", help, choices, 0)?;
        match (chosen, present) {
            (0, Some(arn)) => return Ok(StackSecret::Stored(arn.to_owned())),
            (chosen, present) => match chosen - usize::from(present.is_some()) {
                0 => return Ok(StackSecret::Later { name }),
                1 => {
                    let question = Question {
                        text: "Name of the secret",
                        help: "",
                        option: "--secret-name",
                        given: None,
                        default: Some(&name),
                    };
                    let name = dialogue.ask.text(&question, secrets_manager::check_name)?;
                    match create(dialogue, name, inline).await {
                        Err(Failure::Service(why)) => say(&format!("  {why}")),
                        other => return other,
                    }
                }
                _ => {
                    let question = Question {
                        text: "ARN",
                        help: "aws secretsmanager list-secrets shows it",
                        option: "--stack-secret",
                        given: None,
                        default: present,
                    };
                    return Ok(StackSecret::Stored(dialogue.ask.text(&question, check_arn)?));
                }
            },
        }
    }
}

/// The secret to create, or the one of that name.
async fn create(dialogue: &Dialogue<'_>, name: String, inline: Option<&str>) -> Result<StackSecret, Failure> {
    let config = aws::config(dialogue.place).await;
    if let Some(arn) = secrets_manager::find(&config, &name).await? {
        say(&format!("  There is a secret {name}: {arn}. Its value is not changed, and need not be the one in .env."));
        if dialogue.ask.yes("Use it for the stack?", true)? {
            return Ok(StackSecret::Stored(arn));
        }
        return Err(Failure::Service(format!("The name {name} is taken. Choose another one (--secret-name).")));
    }
    let value = match inline {
        Some(value) => value.to_owned(),
        // An environment has no file to keep it in: AWS Secrets Manager alone has it.
        None => secret::create()?,
    };
    Ok(StackSecret::New { name, value, config: Box::new(config) })
}

/// The whole ARN, as the template requires it.
fn check_arn(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let parts: Vec<_> = typed.split(':').collect();
    let is_arn = match parts[..] {
        ["arn", _, "secretsmanager", _, account, "secret", name] => {
            account.len() == 12 && name.rsplit_once('-').is_some_and(|(_, end)| end.len() == 6)
        }
        _ => false,
    };
    if is_arn {
        Ok(typed.to_owned())
    } else {
        Err("expected the whole ARN of a secret, with the six characters at its end".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_arn_is_accepted() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:livechat-cip-AbCdEf";
        assert_eq!(check_arn(arn).as_deref(), Ok(arn));
        for typed in [
            "",
            "livechat-cip",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:livechat",
            "arn:aws:s3:::bucket",
        ] {
            assert!(check_arn(typed).is_err(), "{typed}");
        }
    }
}
