//! The files as they are, and the settings in them.

use super::{
    Setup,
    plan::{ENV_FILE, PARAMETERS, SAMCONFIG},
    stack::settings_in,
    values::{AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER, Values, names},
    yaml,
};
use crate::{failure::Failure, files::File};

/// The files as they are.
pub(super) struct Present {
    pub(super) env_file: File,
    pub(super) parameters: File,
    pub(super) samconfig: File,
    of_env_file: Values,
    of_stack: Values,
    has_agent: bool,
    /// The processor of `parameters.yaml`, for a new file beside it.
    pub(super) architecture: Option<String>,
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
        let is_in_file = options.environment.is_none() && variables.contains_key("LIVECHAT_AGENT_CREDENTIALS");
        let has_agent = is_in_file || all.get("LiveChatAgentCredentialsArn").is_some_and(|arn| !arn.is_empty());
        if !options.dry_run {
            let changed: &[&File] =
                if options.environment.is_none() { &[&env_file, &parameters] } else { &[&parameters, &samconfig] };
            changed.iter().try_for_each(|file| file.check_writable())?;
        }
        let is_ours = |name: &str| names().any(|other| other == name) || name == "LIVECHAT_ACCOUNTS_URL";
        let of_env_file = Values::of(variables.into_iter().filter(|(name, _)| is_ours(name)));
        Ok(Self { env_file, parameters, samconfig, of_env_file, of_stack: settings_in(&all), has_agent, architecture })
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

    /// Whether there are an agent's credentials already.
    pub(super) fn has_agent(&self) -> bool {
        self.has_agent
    }

    /// The settings that `.env` has.
    pub(super) fn of_env_file(&self) -> &Values {
        &self.of_env_file
    }

    fn is_environment(&self) -> bool {
        self.parameters.name != PARAMETERS
    }
}
