//! One call to LiveChat, which proves client id, redirect URI and account.

use super::report::Report;
use crate::{failure::Failure, livechat::fix_refusal, output::confirm};
use cip::{context::Context, livechat::Accounts, renewal::AttemptError, settings::LiveChat, time::Deadline};
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
            report.wrong("livechat", found, fix_refusal(&exception, accounts.settings()));
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

pub(super) fn why(error: &AttemptError) -> String {
    match error {
        AttemptError::NoAgentToken(why)
        | AttemptError::Unsent(why)
        | AttemptError::Lost(why)
        | AttemptError::MalformedResponse(why) => why.clone(),
        AttemptError::Down(why) => format!("a temporary error ({why})"),
        AttemptError::TimedOut | AttemptError::CutShort | AttemptError::NotReady { .. } => "no response in time".into(),
        AttemptError::Throttled => "too many requests (429)".into(),
        AttemptError::Refused { exception, .. } => exception.clone(),
        AttemptError::IdentityLost => "it does not know the customer".into(),
    }
}
