//! An agent's credentials: whether they can be read, and with consent, whether LiveChat accepts them.

use super::{livechat::why, report::Report, source::Source};
use crate::{
    agent::oauth::{Error, SCOPE, Server, Tokens},
    aws,
    failure::Failure,
    output::confirm,
    secrets_manager::{self, Unread},
};
use cip::{
    context::Context,
    livechat::Accounts,
    renewal::AttemptError,
    settings::{AgentCredentials, AgentCredentialsSource, LiveChat},
    time::Deadline,
};
use secrecy::ExposeSecret;
use std::time::Duration;

pub(crate) const LOGIN: &str = "cip agent login stores them: docs/agent-tokens.md";
const REFRESH: &str = "Use the agent's refresh token once? This creates one more agent token, which is valid for eight hours. LiveChat keeps at most 25 for \
                       each agent and app, and the functions need two or three of them.";
const CUSTOMER: &str = "Create a customer with the agent's token? LiveChat bills one API call.";

/// What may be done without a question.
pub(crate) struct Consent {
    /// A new agent's token.
    pub(crate) refresh: bool,
    /// Then a new customer; `None` if there is to be none.
    pub(crate) customer: Option<bool>,
    /// Whether somebody can be asked.
    pub(crate) may_ask: bool,
}

impl Consent {
    fn to(&self, question: &str, is_agreed: bool) -> bool {
        is_agreed || (self.may_ask && confirm(question, false).is_ok())
    }
}

/// # Errors
/// [`Failure::Service`] if the TLS library cannot be used.
pub(crate) async fn check(
    report: &mut Report,
    source: &Source,
    settings: LiveChat,
    consent: &Consent,
) -> Result<(), Failure> {
    let Some(credentials) = credentials(report, source, &settings).await else { return Ok(()) };
    if !consent.to(REFRESH, consent.refresh) {
        report.skipped("agent", "The refresh token was not used: cip agent check --refresh does that, once.");
        return Ok(());
    }
    let Some(tokens) = refresh(report, &settings, &credentials).await? else { return Ok(()) };
    match consent.customer {
        Some(is_agreed) if consent.to(CUSTOMER, is_agreed) => customer(report, settings, &credentials, tokens).await,
        Some(_) => {
            report.skipped(
                "agent",
                "No customer was created: cip agent check --refresh --call-livechat does that, once.",
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// The credentials, as the functions read them.
async fn credentials(report: &mut Report, source: &Source, settings: &LiveChat) -> Option<AgentCredentials> {
    let arn = match settings.agent.as_ref()? {
        AgentCredentialsSource::Inline(credentials) => {
            report.ok("agent", format!("The settings have credentials of the app {}.", credentials.client_id));
            return Some(credentials.clone());
        }
        AgentCredentialsSource::Stored(arn) => arn,
    };
    let config = match &source.aws {
        Some(config) => config.clone(),
        None => aws::usual().await,
    };
    let text = match secrets_manager::read(&config, arn).await {
        Ok(text) => text,
        Err(Unread::Missing) => {
            let fix = format!("{LOGIN}. Is the ARN that of a secret in this account and region?");
            report.wrong("agent", format!("There is no secret {arn}, or it has no value as text."), fix);
            return None;
        }
        Err(Unread::Failed(failure)) => {
            let fix = "It was read with your own AWS credentials, not with the functions' role: they need secretsmanager:GetSecretValue.";
            report.wrong("agent", format!("The secret cannot be read. {failure}"), fix);
            return None;
        }
    };
    match AgentCredentials::parse("LIVECHAT_AGENT_CREDENTIALS_ARN", text.expose_secret()) {
        Ok(credentials) => {
            report.ok("agent", format!("The secret has credentials of the app {}.", credentials.client_id));
            Some(credentials)
        }
        Err(error) => {
            report.wrong("agent", error.to_string(), LOGIN);
            None
        }
    }
}

/// A new agent's token, if it is of use to these settings.
async fn refresh(
    report: &mut Report,
    settings: &LiveChat,
    credentials: &AgentCredentials,
) -> Result<Option<Tokens>, Failure> {
    let AgentCredentials { client_id, client_secret, refresh_token } = credentials;
    let server = Server::at(settings.accounts_url.as_str())?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose_secret()),
        ("client_id", client_id),
        ("client_secret", client_secret.expose_secret()),
    ];
    let tokens = match server.tokens(&form).await {
        Ok(tokens) => tokens,
        Err(Error::Refused(why)) => {
            let fix = "Was the app changed or removed, or the agent's account deleted, or is the client secret a new one? cip agent login gets new \
                       credentials.";
            report.wrong("agent", format!("LiveChat refuses the refresh token: {why}."), fix);
            return Ok(None);
        }
        Err(Error::Unavailable(why)) => {
            let fix = "LiveChat reports outages at https://status.livechat.com. Then try again.";
            report.wrong("agent", format!("{why}."), fix);
            return Ok(None);
        }
    };
    report.ok("agent", "LiveChat accepts the refresh token.");
    let is_another = |new: &secrecy::SecretString| new.expose_secret() != refresh_token.expose_secret();
    if tokens.refresh_token.as_ref().is_some_and(is_another) {
        let fix = "cip agent login gets another one, with an app of the type server-side app: LiveChat replaces the refresh tokens of other types.";
        report.wrong("agent", "LiveChat has replaced the refresh token, so the stored one may not work any more.", fix);
        return Ok(None);
    }
    let mut is_good = true;
    let ours = settings.account().organization_id;
    match (tokens.other_organization(ours.as_deref()), &tokens.organization_id, ours.is_some()) {
        (Some(theirs), ..) => {
            let found = format!("The agent belongs to another organization, {theirs}, than LIVECHAT_ORGANIZATION_ID.");
            report.wrong("agent", found, "Run cip agent login as an agent of that account, or correct the setting.");
            is_good = false;
        }
        (None, Some(_), true) => report.ok("agent", "The agent belongs to the organization of the settings."),
        (None, ..) => report
            .skipped("agent", "The agent's organization is not known, or the settings have only a licence number."),
    }
    if tokens.lacks_scope() {
        let scopes = tokens.scopes().unwrap_or_default().join(", ");
        let fix = "In LiveChat's console: Apps, Your apps, the app, Blocks, App Authorization, Access scopes. Install the app again, then cip agent \
                   login.";
        report.wrong("agent", format!("The agent's token lacks the scope {SCOPE}: it has {scopes}."), fix);
        is_good = false;
    } else if tokens.scopes().is_some() {
        report.ok("agent", format!("It has the scope {SCOPE}."));
    }
    Ok(is_good.then_some(tokens))
}

async fn customer(
    report: &mut Report,
    settings: LiveChat,
    credentials: &AgentCredentials,
    tokens: Tokens,
) -> Result<(), Failure> {
    let accounts = Accounts::new(settings).map_err(|error| Failure::Service(error.to_string()))?;
    let context = Context::new(Deadline::after(Duration::from_secs(20)));
    match accounts.new_customer_by_agent(tokens.access_token, &credentials.client_id, &context).await {
        Ok(grant) => {
            let hours = grant.lifetime.expires_in_ms / 3_600_000;
            report.ok("agent", format!("LiveChat issued a token for a new customer, valid for {hours} h."));
        }
        Err(AttemptError::Refused { exception, description }) => {
            let fix = "Is the app installed on the account, and may the agent see customers? LiveChat's words say what it lacks.";
            report.wrong("agent", format!("LiveChat gave no customer's token: {exception}, {description}."), fix);
        }
        Err(error) => {
            report.wrong("agent", format!("LiveChat gave no customer's token: {}.", why(&error)), "Try again later.");
        }
    }
    Ok(())
}
