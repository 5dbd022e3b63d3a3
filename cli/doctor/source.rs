//! Where the settings come from: a file, a running `cargo local`, or a stack.

use super::keys::Stored;
use crate::{
    arguments,
    failure::Failure,
    http,
    place::{Local, Place, Stack},
};
use aws_config::SdkConfig;
use cip::settings::{Lookup, NAMES, env_file};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// The settings by name.
type Variables = HashMap<String, String>;

/// What is checked.
#[derive(Debug)]
pub(crate) struct Source {
    variables: Option<Variables>,
    /// The file that has settings, if there is one: errors name its lines.
    file: Option<PathBuf>,
    pub(super) place: Option<Place>,
    /// Where the four routes are.
    pub(super) base_url: Option<String>,
    /// AWS's configuration, for secrets in AWS Secrets Manager.
    pub(super) aws: Option<SdkConfig>,
}

impl Source {
    /// Finds the settings and the installation.
    ///
    /// # Errors
    /// As [`Place::find`]; [`Failure::Input`] for a file that cannot be read.
    pub(crate) async fn find(
        env_file: Option<&PathBuf>,
        base_url: Option<&String>,
        place: &arguments::Place,
    ) -> Result<Self, Failure> {
        let is_file_alone = env_file.is_some() && place.local.is_none() && place.table.is_none();
        let found = if is_file_alone { None } else { Some(Place::find(place).await?) };
        let local_file = matches!(found, Some(Place::Local(_))).then(|| PathBuf::from(".env"));
        let file = env_file.cloned().or(local_file);
        let variables = match (env_file, &found) {
            (Some(file), _) if !file.exists() => {
                return Err(Failure::Input(format!("There is no file {}.", file.display())));
            }
            (Some(file), found) => {
                let mut all = read(file)?;
                // A table's name is the installation's: a file for the stack's parameters has none.
                let table = found.as_ref().and_then(|place| place.table().ok()).unwrap_or("livechat-cip");
                all.entry("TABLE_NAME".into()).or_insert_with(|| table.to_owned());
                Some(all)
            }
            (None, Some(Place::Local(local))) => Some(of_local(local)?),
            (None, Some(Place::Stack(stack))) => Some(of_stack(stack)?),
            (None, _) => None,
        };
        let given = base_url.map(|url| http::address("--base-url", url).map(|_| url)).transpose()?;
        let base_url = given.map(|url| url.trim_end_matches('/').to_owned()).or(match &found {
            Some(Place::Local(local)) => Some(local.url.clone()),
            Some(Place::Stack(stack)) => Some(stack.output("BaseUrl")?.to_owned()),
            _ => None,
        });
        let aws = match &found {
            Some(Place::Stack(Stack { config, .. }) | Place::Table { config, .. }) => Some(config.clone()),
            _ => None,
        };
        Ok(Self { variables, file, place: found, base_url, aws })
    }

    /// What is checked, for people.
    pub(crate) fn describe(&self) -> String {
        let place = match &self.place {
            Some(Place::Local(local)) => format!("cargo local at {}", local.url),
            Some(Place::Stack(stack)) => format!("The stack {}", stack.name),
            Some(Place::Table { table, .. }) => format!("The table {table}"),
            None => "No installation".into(),
        };
        match (&self.file, &self.place) {
            (Some(file), Some(Place::Local(_))) => {
                format!("{place}, with the settings of the environment and {}", file.display())
            }
            (Some(file), _) => format!("{place}, with the settings in {}", file.display()),
            (None, _) => place,
        }
    }

    pub(crate) fn has_settings(&self) -> bool {
        self.variables.is_some()
    }

    /// The settings, as the functions read them.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(|name| self.get(name).map(str::to_owned))
            .with_names(|| self.variables.iter().flatten().map(|(name, _)| name.clone()).collect())
    }

    /// The value of a setting.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.as_ref()?.get(name).map(String::as_str)
    }

    /// An error about a setting, with the line of the file that has it.
    pub(crate) fn locate(&self, error: &str) -> String {
        self.file.as_ref().map_or_else(|| error.to_owned(), |file| env_file::locate(file, error))
    }

    /// How secrets in AWS Secrets Manager are reached.
    pub(super) fn stored_secrets(&self) -> Stored<'_> {
        let has_value = |name: &&str| self.get(name).is_some_and(|value| !value.trim().is_empty());
        if NAMES.iter().filter(|name| name.ends_with("_ARN")).any(has_value) {
            Stored::At(self.aws.as_ref())
        } else {
            Stored::None
        }
    }

    /// A running `cargo local`.
    pub(super) fn local(&self) -> Option<&Local> {
        match &self.place {
            Some(Place::Local(local)) => Some(local),
            _ => None,
        }
    }

    /// Whether the settings are a stack's, so that they are changed in `parameters.yaml`.
    pub(super) fn is_stack(&self) -> bool {
        matches!(self.place, Some(Place::Stack(_)))
    }
}

fn read(file: &Path) -> Result<Variables, Failure> {
    env_file::read(file).map_err(Failure::Input)
}

/// The settings of a running `cargo local`: the environment overrides `.env`, and what neither has is what the program says of itself.
fn of_local(local: &Local) -> Result<Variables, Failure> {
    let mut all = read(Path::new(".env"))?;
    all.extend(std::env::vars());
    all.retain(|_, value| !value.trim().is_empty());
    all.remove("AWS_LAMBDA_FUNCTION_NAME");
    // Of a real account, the settings of this machine are compared with those that the program has.
    let is_known = |name: &str| local.livechat == "sandbox" || !name.starts_with("LIVECHAT_");
    for name in NAMES.into_iter().filter(|name| is_known(name)) {
        if let Some(value) = local.variable(name) {
            all.entry(name.into()).or_insert(value);
        }
    }
    Ok(all)
}

/// The settings of a stack's functions: its parameters, as the template gives them to the functions.
fn of_stack(stack: &Stack) -> Result<Variables, Failure> {
    let mut all: Variables =
        NAMES.iter().filter_map(|name| Some(((*name).to_owned(), stack.variable(name)?))).collect();
    all.insert("TABLE_NAME".into(), stack.output("TableName")?.to_owned());
    // As the template: it has a default, and the functions refuse it without an audience.
    if !all.contains_key("JWT_AUDIENCE") {
        all.remove("JWT_AUDIENCE_CLAIM");
    }
    // The functions run in Lambda, where AUTH=none needs consent.
    all.insert("AWS_LAMBDA_FUNCTION_NAME".into(), stack.name.clone());
    Ok(all)
}
