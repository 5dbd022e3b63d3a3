//! What setup will change: from the answers to the files.

use super::{
    Dialogue, Setup,
    ask::say,
    env_file,
    files::{Change, File},
    has_sources, manager, samconfig,
    stack::{parameters, refusals, settings_in},
    stack_secret::{PENDING, StackSecret},
    values::{AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER, Values, is_secret, names},
    yaml::{self, Parameter},
};
use crate::failure::Failure;
use serde::Serialize;
use std::{collections::BTreeMap, process::Command};

const ENV_FILE: &str = ".env";
const PARAMETERS: &str = "parameters.yaml";
const SAMCONFIG: &str = "samconfig.toml";

/// The files as they are.
pub(super) struct Present {
    env_file: File,
    parameters: File,
    samconfig: File,
    of_env_file: Values,
    of_stack: Values,
    /// The processor of `parameters.yaml`, for a new file beside it.
    architecture: Option<String>,
}

impl Present {
    /// Reads the files, and checks that they can be written.
    ///
    /// # Errors
    /// [`Failure::Input`] for a file that is invalid, or that cannot be read or written.
    pub(super) fn read(options: &Setup) -> Result<Self, Failure> {
        let env_file = File::open(ENV_FILE)?;
        let usual = File::open(PARAMETERS)?;
        let samconfig = File::open(SAMCONFIG)?;
        let invalid = |name: &str, why: String| Failure::Input(format!("{name}{why}"));
        let variables = cip::settings::env_file::read_text(env_file.text()).map_err(|why| invalid(ENV_FILE, why))?;
        let all = yaml::read(usual.text()).map_err(|why| invalid(PARAMETERS, why))?;
        let architecture = all.get("Architecture").cloned();
        let (parameters, all) = match &options.environment {
            None => (usual, all),
            Some(name) => {
                let file = File::open(&format!("parameters-{name}.yaml"))?;
                let all = yaml::read(file.text()).map_err(|why| invalid(&file.name, why))?;
                (file, all)
            }
        };
        if !options.dry_run {
            let changed: &[&File] =
                if options.environment.is_none() { &[&env_file, &parameters] } else { &[&parameters, &samconfig] };
            changed.iter().try_for_each(|file| file.check_writable())?;
        }
        let is_ours = |name: &str| names().any(|other| other == name) || name == "LIVECHAT_ACCOUNTS_URL";
        let of_env_file = Values::of(variables.into_iter().filter(|(name, _)| is_ours(name)));
        Ok(Self { env_file, parameters, samconfig, of_env_file, of_stack: settings_in(&all), architecture })
    }

    /// The present settings: of `.env`, and what it does not have of the parameters; for an environment the other way round.
    pub(super) fn values(&self) -> Values {
        let (stack, file) = (self.of_stack.without_verification(), self.of_env_file.without_verification());
        if self.is_environment() { stack.or(&file) } else { file.or(&stack) }
    }

    /// How callers are verified at present.
    pub(super) fn verification(&self) -> Values {
        let (of_file, of_stack) = (self.of_env_file.verification(), self.of_stack.verification());
        if self.is_environment() {
            return of_stack;
        }
        if of_file.get("AUTH").is_none() {
            return of_stack;
        }
        // The file has no place for these.
        let is_gateway = of_file.get("AUTH") == Some("authorizer");
        [AUTHORIZER_ISSUER, AUTHORIZER_AUDIENCE].into_iter().filter(|_| is_gateway).fold(of_file, |all, name| {
            let value = of_stack.get(name).unwrap_or_default();
            all.with(name, value)
        })
    }

    /// The settings that the parameters have.
    pub(super) fn of_stack(&self) -> &Values {
        &self.of_stack
    }

    fn is_environment(&self) -> bool {
        self.parameters.name != PARAMETERS
    }
}

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
    ) -> Result<Self, Failure> {
        let environment = dialogue.options.environment.as_deref();
        let parameters = parameters(values, &secret, present.of_stack());
        let mut warnings = refusals(&parameters);
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
        let done = Done::of(values, &parameters, environment, dialogue.options.dry_run);
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
            let line = self
                .changes
                .iter()
                .find(|change| change.name() == ENV_FILE)
                .and_then(|change| bare_secret(&change.text));
            self.done.later = Some(Later { parameter: self.filled_in_later(), command: manager::command(name, line) });
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

/// What setup did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    dry_run: bool,
    /// The files that were written.
    written: Vec<String>,
    unchanged: Vec<String>,
    /// The settings, without secrets.
    settings: BTreeMap<String, String>,
    /// The stack's parameters that are not defaults.
    parameters: BTreeMap<String, String>,
    /// What remains to be done for the stack's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    later: Option<Later>,
    /// The next commands.
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Later {
    /// The parameter that needs the ARN.
    parameter: String,
    /// The command that prints it.
    command: String,
}

impl Done {
    fn of(values: &Values, parameters: &[Parameter], environment: Option<&str>, dry_run: bool) -> Self {
        let public = values.iter().filter(|(name, value)| !is_secret(name) && *value != PENDING);
        let set = parameters.iter().filter(|one| one.value != one.default);
        let option = environment.map(|name| format!(" --config-env {name}")).unwrap_or_default();
        let deploy = format!("sam deploy{option}");
        let deploy = if has_sources() { format!("sam build{option} && {deploy}") } else { deploy };
        let doctor = environment.map(|name| format!(" --stack {}", samconfig::stack_name(name))).unwrap_or_default();
        let mut next = vec![deploy, format!("cip doctor{doctor}")];
        if environment.is_none() && has_sources() {
            next.insert(0, "cargo local".into());
        }
        Self {
            dry_run,
            written: Vec::new(),
            unchanged: Vec::new(),
            settings: public.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            parameters: set.map(|one| (one.name.clone(), one.value.clone())).collect(),
            later: None,
            next,
        }
    }

    fn replace_pending(&mut self, arn: &str) {
        for value in self.parameters.values_mut().filter(|value| *value == PENDING) {
            arn.clone_into(value);
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut lines = Vec::new();
        match (self.written.is_empty(), self.dry_run) {
            (true, _) => lines.push("Nothing changes.".to_owned()),
            (false, true) => lines.push(format!("Would be written: {}", self.written.join(", "))),
            (false, false) => lines.push(format!("Written: {}", self.written.join(", "))),
        }
        if let Some(Later { parameter, command }) = &self.later {
            lines.push(format!("\nBefore you deploy: create the stack's secret, and put the ARN that this prints into {parameter}:\n  {command}"));
        }
        lines.push("\nNext:".into());
        for command in &self.next {
            lines.push(format!("  {}", with_remark(command)));
        }
        lines.join("\n")
    }
}

fn with_remark(command: &str) -> String {
    let remark = match command.split(' ').next() {
        Some("cargo") => "the service on this machine, with .env. It calls LiveChat itself, not the sandbox",
        Some("sam") => "the stack on AWS",
        _ => "whether it works",
    };
    format!("{command:<30} # {remark}")
}
