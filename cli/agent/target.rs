//! Where an agent's credentials are stored: a secret in AWS Secrets Manager, or a file such as `.env`.

use crate::{
    env_file,
    failure::Failure,
    files::{Change, File},
    secrets_manager,
};
use aws_config::SdkConfig;
use cip::settings::AgentCredentials;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::path::Path;

const VARIABLE: &str = "LIVECHAT_AGENT_CREDENTIALS";
const ARN: &str = "LIVECHAT_AGENT_CREDENTIALS_ARN";

/// What a change of the app means.
pub(super) const OTHER_APP: &str =
    "If they are of different apps: LiveChat may not find customers of one app with the token of another.";

/// What is stored.
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) refresh_token: SecretString,
}

impl Credentials {
    /// As the functions read them.
    fn to_json(&self) -> String {
        let Self { client_id, client_secret, refresh_token } = self;
        json!({
            "client_id": client_id, "client_secret": client_secret.expose_secret(), "refresh_token": refresh_token.expose_secret(),
        })
        .to_string()
    }
}

/// Where they are stored.
pub(crate) enum Target {
    /// In this file.
    EnvFile(String),
    /// In the secret of this name, which has this ARN if it exists.
    Secret { config: Box<SdkConfig>, name: String, arn: Option<String> },
}

impl Target {
    /// A file. It is checked before anybody is sent to LiveChat.
    ///
    /// # Errors
    /// [`Failure::Input`] if it is invalid or cannot be written.
    pub(crate) fn env_file(name: &str) -> Result<Self, Failure> {
        let file = File::open(name)?;
        cip::settings::env_file::read_text(file.text()).map_err(|why| Failure::Input(format!("{name}{why}")))?;
        file.check_writable()?;
        Ok(Self::EnvFile(name.to_owned()))
    }

    /// A secret, which may exist.
    ///
    /// # Errors
    /// [`Failure::Input`] for a name that AWS does not accept, and [`Failure::Service`] if AWS cannot be reached or refuses.
    pub(crate) async fn secret(config: SdkConfig, name: &str) -> Result<Self, Failure> {
        let name = secrets_manager::check_name(name).map_err(|why| Failure::Input(format!("--secret-name: {why}")))?;
        let arn = secrets_manager::find(&config, &name).await?;
        Ok(Self::Secret { config: Box::new(config), name, arn })
    }

    /// The client id of the app whose credentials are in the file now. A secret is not read: a login needs no permission for that.
    pub(super) fn present_client_id(&self) -> Option<String> {
        let Self::EnvFile(name) = self else { return None };
        let json = cip::settings::env_file::read(Path::new(name)).ok()?.remove(VARIABLE)?;
        AgentCredentials::parse(VARIABLE, &json).ok().map(|credentials| credentials.client_id)
    }

    /// What storing does, as a question.
    pub(super) fn question(&self) -> String {
        match self {
            Self::EnvFile(name) => {
                format!("Write {VARIABLE} to {name}, which then gives access to all customers of the account?")
            }
            Self::Secret { name, arn: None, .. } => {
                format!("Create the secret {name} in AWS Secrets Manager, for about $0.40 a month?")
            }
            Self::Secret { name, arn: Some(_), .. } => {
                format!(
                    "There is a secret {name}. Give it a new value? The present one stays as its previous version. {OTHER_APP}"
                )
            }
        }
    }

    /// Stores the credentials. Returns the ARN, if they are in a secret.
    ///
    /// # Errors
    /// [`Failure::Input`] if the file cannot be written, and [`Failure::Service`] if AWS refuses. Then nothing is stored.
    pub(crate) async fn store(&self, credentials: &Credentials) -> Result<Option<String>, Failure> {
        let json = credentials.to_json();
        match self {
            Self::EnvFile(name) => {
                let file = File::open(name)?;
                let changes = [(VARIABLE.to_owned(), Some(json)), (ARN.to_owned(), None)];
                let text = env_file::set(file.text(), &changes);
                let mut change = Change::new(file, text);
                change.is_private = true;
                change.prepare()?.commit().map(|()| None)
            }
            Self::Secret { config, name, arn: None } => secrets_manager::create(config, name, &json).await.map(Some),
            Self::Secret { config, arn: Some(arn), .. } => {
                secrets_manager::replace(config, arn, &json).await.map(|()| Some(arn.clone()))
            }
        }
    }
}
