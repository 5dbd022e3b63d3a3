//! What setup will change: from the answers to the files.

use super::{
    Dialogue,
    done::{Done, Later},
    present::Present,
    samconfig,
    stack::{parameters, refusals},
    stack_secret::{PENDING, StackSecret},
    values::{AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER, Values, names},
    yaml::{self, Parameter},
};
use crate::{
    ask::say,
    env_file::{self, is_secret},
    failure::Failure,
    files::{Change, File},
    secrets_manager as manager,
};
use std::process::Command;

pub(super) const ENV_FILE: &str = ".env";
pub(super) const PARAMETERS: &str = "parameters.yaml";
pub(super) const SAMCONFIG: &str = "samconfig.toml";

/// The changes of files, and of AWS Secrets Manager.
pub(super) struct Plan {
    changes: Vec<Change>,
    parameters: Vec<Parameter>,
    secret: StackSecret,
    warnings: Vec<String>,
    done: Done,
}

impl Plan {
    /// # Errors
    /// [`Failure::Input`] if a file cannot be changed.
    pub(super) fn of(
        dialogue: &Dialogue,
        present: Present,
        values: &Values,
        secret: StackSecret,
        wants_agent: bool,
    ) -> Result<Self, Failure> {
        let environment = dialogue.options.environment.as_deref();
        let parameters = parameters(values, &secret, present.of_stack());
        let mut warnings = refusals(&parameters);
        warnings.extend(other_secret(&present, values, &secret));
        let mut changes = Vec::new();
        let Present { env_file, parameters: file, samconfig, architecture, .. } = present;
        if environment.is_none() {
            warnings.extend(exposure(&env_file, values));
            changes.push(of_env_file(env_file, values));
            if samconfig.exists() && !samconfig::reads_parameters(samconfig.text()) {
                warnings.push(
                    "samconfig.toml does not read parameters.yaml (parameter_overrides), so sam deploy does not."
                        .into(),
                );
            }
        }
        let start = match (environment, file.exists()) {
            (Some(name), false) => {
                let head = format!(
                    "# The parameters of the stack {}. parameters.yaml describes them.\n",
                    samconfig::stack_name(name)
                );
                head + &architecture.map(|value| format!("Architecture: {value}\n")).unwrap_or_default()
            }
            _ => file.text().to_owned(),
        };
        let text = yaml::set(&start, &parameters).map_err(|why| Failure::Input(format!("{}{why}.", file.name)))?;
        let name = file.name.clone();
        changes.push(Change::new(file, text));
        if let Some(environment) = environment {
            let text = samconfig::with_environment(samconfig.text(), environment, &name);
            let text = text.map_err(|why| Failure::Input(format!("{SAMCONFIG}{why}.")))?;
            changes.push(Change::new(samconfig, text));
        }
        let mut done = Done::of(values, &parameters, environment, dialogue.options.dry_run);
        if wants_agent {
            done.add_agent(environment);
        }
        Ok(Self { changes, parameters, secret, warnings, done })
    }

    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether anything changes.
    pub(super) fn is_needed(&self) -> bool {
        self.creates_secret() || self.changes.iter().any(Change::is_needed)
    }

    fn creates_secret(&self) -> bool {
        matches!(self.secret, StackSecret::New { .. })
    }

    /// The changes, for people.
    pub(super) fn differences(&self) -> String {
        let needed = self.changes.iter().filter(|change| change.is_needed());
        let mut texts: Vec<_> = needed.map(Change::difference).collect();
        if let StackSecret::New { name, .. } = &self.secret {
            texts.push(format!("AWS Secrets Manager\n  + the secret {name} (AWS bills about $0.40 a month)\n"));
        }
        texts.join("\n")
    }

    /// What is asked before anything changes.
    pub(super) fn question(&self) -> &'static str {
        if self.creates_secret() { "Create the secret, and write these lines?" } else { "Write these lines?" }
    }

    /// The result without writing anything.
    pub(super) fn describe(mut self) -> Done {
        self.done.written =
            self.changes.iter().filter(|change| change.is_needed()).map(|change| change.name().to_owned()).collect();
        self.done.unchanged =
            self.changes.iter().filter(|change| !change.is_needed()).map(|change| change.name().to_owned()).collect();
        if let StackSecret::Later { name } = &self.secret {
            let env_file = self.changes.iter().find(|change| change.name() == ENV_FILE);
            let from = match env_file.map(|change| bare_secret(&change.text)) {
                None => manager::From::New,
                Some(None) => manager::From::Pasted,
                Some(Some(variable)) => manager::From::EnvFile(variable),
            };
            self.done.later = Some(Later { parameter: self.filled_in_later(), command: manager::command(name, &from) });
        }
        self.done
    }

    fn filled_in_later(&self) -> String {
        self.parameters.iter().find(|one| one.is_to_be_filled_in).map(|one| one.name.clone()).unwrap_or_default()
    }

    /// Creates the secret if there is to be one, and writes the files.
    ///
    /// # Errors
    /// [`Failure::Service`] if AWS refuses, then nothing has changed; [`Failure::Input`] if a file cannot be written.
    pub(super) async fn write(mut self) -> Result<Done, Failure> {
        if let StackSecret::New { name, value, config } = &self.secret {
            // Nothing is created at AWS for files that cannot be written.
            self.changes.iter().try_for_each(|change| change.prepare().map(drop))?;
            let arn = manager::create(config, name, value).await?;
            say(&format!("Created the secret {name}: {arn}"));
            // The ARN is quoted already, and has no quotes itself.
            for change in &mut self.changes {
                change.text = change.text.replace(PENDING, &arn);
            }
            self.done.replace_pending(&arn);
        }
        let needed: Vec<_> = self.changes.iter().filter(|change| change.is_needed()).collect();
        let prepared = needed.iter().map(|change| change.prepare()).collect::<Result<Vec<_>, _>>()?;
        for file in prepared {
            file.commit()?;
        }
        Ok(self.describe())
    }
}

/// A new secret in `.env` alone: the server and the stack would have different ones.
fn other_secret(present: &Present, values: &Values, secret: &StackSecret) -> Option<String> {
    let StackSecret::Stored(arn) = secret else { return None };
    let variable = ["JWT_SECRET", "HMAC_SECRET"].into_iter().find(|name| values.get(name).is_some())?;
    let is_new = present.of_env_file().get(variable) != values.get(variable);
    is_new.then(|| format!("{variable} in .env is new, and the stack's secret is not changed: {arn}."))
}

fn of_env_file(file: File, values: &Values) -> Change {
    let of_file = names().filter(|name| ![AUTHORIZER_ISSUER, AUTHORIZER_AUDIENCE].contains(name));
    let changes: Vec<_> = of_file.map(|name| (name.to_owned(), values.get(name).map(str::to_owned))).collect();
    let text = env_file::set(file.text(), &changes);
    let shown = env_file::shown(file.text(), &changes);
    let mut change = Change::new(file, text);
    change.shown = shown;
    change.is_private = true;
    change
}

/// The variable whose secret the file has without quotation marks.
fn bare_secret(text: &str) -> Option<&'static str> {
    let all = cip::settings::env_file::read_text(text).unwrap_or_default();
    let is_bare =
        |name: &str| all.get(name).is_some_and(|value| text.lines().any(|line| line == format!("{name}={value}")));
    ["JWT_SECRET", "HMAC_SECRET"].into_iter().find(|name| is_bare(name))
}

/// Who else could read the secret in `.env`.
fn exposure(file: &File, values: &Values) -> Vec<String> {
    let mut warnings = Vec::new();
    // git says so with the code 1; others mean that there is no repository, or no git.
    let ignored = Command::new("git").args(["check-ignore", "--quiet", ENV_FILE]).output();
    if ignored.is_ok_and(|output| output.status.code() == Some(1)) {
        warnings.push("git does not ignore .env: add it to .gitignore, so that no secret is committed.".into());
    }
    if file.exists() && file.is_readable_by_others() && values.iter().any(|(name, _)| is_secret(name)) {
        warnings.push("Others on this machine may read .env: chmod 600 .env".into());
    }
    warnings
}
