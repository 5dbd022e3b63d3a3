//! What a login has done, for people and for programs.

use serde::Serialize;

const PARAMETER: &str = "LiveChatAgentCredentialsArn";

/// What was done, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    pub(super) dry_run: bool,
    /// The file with the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// The name of the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    /// Its ARN, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    /// The account of the agent. In a dry run, that of the settings.
    pub(super) organization_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    /// The stack has this ARN as its parameter already.
    pub(super) is_deployed: bool,
}

impl Done {
    pub(super) fn to_text(&self) -> String {
        let place = match (&self.file, &self.secret, &self.arn) {
            (Some(file), ..) => format!("LIVECHAT_AGENT_CREDENTIALS in {file}"),
            (None, secret, arn) => {
                let arn = arn.as_ref().map(|arn| format!(": {arn}")).unwrap_or_default();
                format!("the secret {} in AWS Secrets Manager{arn}", secret.as_deref().unwrap_or_default())
            }
        };
        if self.dry_run {
            return format!("Would be stored: {place}");
        }
        let next = match (&self.file, self.is_deployed) {
            (Some(_), _) => "Start cargo local again.".to_owned(),
            (None, true) => {
                "The stack has it already. The functions read it when they next refresh the agent's token.".into()
            }
            (None, false) => format!("Set {PARAMETER} to this ARN in parameters.yaml, and deploy."),
        };
        let check = self.file.as_ref().map(|file| format!(" --env-file {file}")).unwrap_or_default();
        let account = match &self.organization_id {
            Some(id) => format!("The agent belongs to the organization {id}.\n"),
            None => String::new(),
        };
        format!("Stored: {place}\n{account}\n{next}\nThen: cip agent check{check}")
    }
}
