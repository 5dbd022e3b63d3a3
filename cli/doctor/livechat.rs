//! One call to LiveChat, which proves client id, redirect URI and account.

use super::report::Report;
use crate::{failure::Failure, output::confirm};
use cip::{
    context::Context,
    http::remedy,
    livechat::Accounts,
    renewal::AttemptError,
    settings::{LiveChat, Tenant},
    time::Deadline,
};
use std::time::Duration;

pub(crate) const QUESTION: &str = "Call LiveChat once, to check client id, redirect URI and account? It creates a customer without a chat, and LiveChat \
                        bills one API call.";

/// # Errors
/// [`Failure::Service`] if the TLS library cannot be used.
pub(crate) async fn check(
    report: &mut Report,
    settings: LiveChat,
    is_agreed: bool,
    may_ask: bool,
) -> Result<(), Failure> {
    let is_agreed = is_agreed || (may_ask && confirm(QUESTION, false).is_ok());
    if !is_agreed {
        report.skipped("livechat", "LiveChat was not called: --call-livechat does that, once.");
        return Ok(());
    }
    let accounts = Accounts::new(settings).map_err(|error| Failure::Service(error.to_string()))?;
    let context = Context::new(Deadline::after(Duration::from_secs(20)));
    match accounts.token(None, None, &context).await {
        Ok(grant) => {
            let hours = grant.lifetime.expires_in_ms / 3_600_000;
            report.ok("livechat", format!("LiveChat issued a token for a new customer, valid for {hours} h."));
        }
        Err(AttemptError::Refused { exception, description }) => {
            let found = format!("LiveChat refused: {exception}, {description}.");
            report.wrong("livechat", found, fix(&exception, accounts.settings()));
        }
        Err(error) => {
            let found = format!("{} gave no token: {}.", accounts.settings().accounts_url, why(&error));
            let fix = "Can this machine reach accounts.livechat.com on port 443? LiveChat reports outages at https://status.livechat.com. Then \
                       try again.";
            report.wrong("livechat", found, fix);
        }
    }
    Ok(())
}

/// What to change, and where it is in LiveChat's console.
fn fix(exception: &str, settings: &LiveChat) -> String {
    let LiveChat { client_id, redirect_uri, tenant, .. } = settings;
    let account = match tenant {
        Tenant::Organization(id) => format!("the organization {id}"),
        Tenant::License(id) => format!("the licence {id}"),
    };
    let place = match exception {
        "invalid_request" | "unauthorized_client" | "invalid_client" | "access_denied" | "forbidden" => format!(
            "Apps, Your apps, the app, Blocks, App Authorization: is the Client Id {client_id}, and is {redirect_uri} in the Redirect URI \
             whitelist, with the slash at its end? Private installation: is the app installed on the account that has {account}?"
        ),
        "resource_not_found" => {
            format!(
                "is the account that you are signed in to the one with {account}? The console shows the organization's id."
            )
        }
        "unsupported_grant_type" | "invalid_grant" => {
            "Apps, Your apps, the app, Blocks, App Authorization: is its type JavaScript app?".to_owned()
        }
        _ => format!("Apps, Your apps: is there an app with the Client Id {client_id}, installed for {account}?"),
    };
    format!("{}\nIn LiveChat's console (https://platform.text.com/console): {place}", remedy(exception))
}

fn why(error: &AttemptError) -> String {
    match error {
        AttemptError::Unsent(why) | AttemptError::Lost(why) | AttemptError::MalformedResponse(why) => why.clone(),
        AttemptError::Down(why) => format!("a temporary error ({why})"),
        AttemptError::TimedOut | AttemptError::CutShort => "no response in time".into(),
        AttemptError::Throttled => "too many requests (429)".into(),
        AttemptError::Refused { exception, .. } => exception.clone(),
        AttemptError::IdentityLost => "it does not know the customer".into(),
    }
}
