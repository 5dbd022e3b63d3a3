//! One request for a customer's token with the agent token, and what follows if LiveChat does not accept it.

use super::{AgentTokens, Failure, Obtained, OpenAgentToken};
use crate::{
    context::Context,
    identity::{Group, Identity, LeaseSeq},
    livechat::AgentCallError,
    operation::{breaker::Watch, renewer::notes::count_attempt},
    renewal::{
        AGENT_TOKEN_REFUSED, AttemptError, Grant, UNEXPLAINED,
        agent_token::OTHER_ACCOUNT,
        circuit::Sign,
        record::Refusal,
        time_limits::{ATTEMPT_TIMEOUT, SHORTEST_ATTEMPT},
    },
    store::agent_token::Scope,
    time::now,
};

/// Whose token is requested.
pub(in crate::operation) struct CustomerRequest<'a> {
    pub(in crate::operation) group: Option<Group>,
    /// The customer; `None` for a new one.
    pub(in crate::operation) known: Option<&'a Identity>,
    /// The response says something about LiveChat and the settings: the caller cannot have made up the group.
    pub(in crate::operation) is_evidence: bool,
}

impl AgentTokens {
    /// One call for a customer's token with the agent token. If LiveChat does not accept the agent token, gets another one and calls once
    /// more: LiveChat has done nothing then. The token in memory, the stored one and a new one may all be tried. `watch` observes the
    /// requests for the customer's token only.
    pub(in crate::operation) async fn customer_token(
        &self,
        request: CustomerRequest<'_>,
        watch: &mut Watch,
        context: &Context,
    ) -> Result<Grant, AttemptError> {
        let CustomerRequest { group, known, is_evidence } = request;
        let mut rejected: Option<LeaseSeq> = None;
        loop {
            let not_ready = AttemptError::NotReady { was_called: rejected.is_some() };
            let before = context.left();
            let Obtained { token, is_new } = match self.get(rejected, context).await {
                Err(Failure::OutOfTime) => return Err(not_ready),
                obtained => obtained?,
            };
            // It is there for the next attempt, which may take the full time again.
            let has_taken_time = before >= ATTEMPT_TIMEOUT && context.left() < ATTEMPT_TIMEOUT;
            if has_taken_time || context.left() < SHORTEST_ATTEMPT {
                return Err(not_ready);
            }
            let result = watch.observe(self.accounts.token_by_agent(&token, group, known, context), sign).await;
            let error = result.as_ref().err().and_then(AgentCallError::failed);
            count_attempt(error, &context.metrics);
            let rejection = match result {
                Ok(grant) => {
                    self.memory.prove(&token);
                    return Ok(grant);
                }
                Err(AgentCallError::Failed(error)) => return Err(error),
                Err(rejection) => rejection,
            };
            tracing::warn!(cause = ?rejection, "LiveChat does not accept the agent token");
            match rejection {
                // For an agent of another account, the site's customers do not exist. Nothing that it did not find is lost.
                AgentCallError::OtherAccount if !is_new => {
                    self.memory.forget(&token);
                    return Err(AttemptError::NotReady { was_called: true });
                }
                // The caller may have made up the group, and LiveChat may not accept the token for that.
                AgentCallError::TokenRejected(exception) if !is_evidence => {
                    return Err(AttemptError::Refused { exception, description: UNEXPLAINED.into() });
                }
                rejection => {
                    let is_unproven = self.memory.is_unproven(&token);
                    let is_other = matches!(rejection, AgentCallError::OtherAccount);
                    if is_other || is_unproven || (is_new && rejected.is_some()) {
                        let names_somebody = known.is_some() || group.is_some();
                        return Err(self.refuse(&token, &rejection, names_somebody, context).await.into());
                    }
                }
            }
            rejected = Some(token.seq);
        }
    }

    /// LiveChat does not accept a token that it has just issued in place of another one. This is remembered for all users, or each of
    /// their calls would get more tokens. A token that LiveChat accepts for nobody is not used again.
    async fn refuse(
        &self,
        token: &OpenAgentToken,
        rejection: &AgentCallError,
        names_somebody: bool,
        context: &Context,
    ) -> Failure {
        context.metrics.agent_token_failures.increment();
        let (scope, description) = match rejection {
            AgentCallError::TokenRejected(exception) if names_somebody => (
                Scope::OneRequest,
                format!(
                    "{exception} for a new agent token: it needs the scope customers:own, and access to this customer"
                ),
            ),
            AgentCallError::TokenRejected(exception) => {
                (Scope::All, format!("{exception} for a new agent token: it needs the scope customers:own"))
            }
            _ => (Scope::All, OTHER_ACCOUNT.to_owned()),
        };
        let now = now();
        let before = self.store.read_agent_token(context).await.ok().and_then(|record| record.refusal);
        let refusal = Refusal::first(self.accounts.fingerprint(), AGENT_TOKEN_REFUSED, &description, now);
        let refusal = refusal.after(before.as_ref(), now);
        if scope == Scope::All {
            self.memory.forget(token);
        }
        if let Err(error) = self.store.refuse_agent_token(token.seq, &refusal, scope, context).await {
            tracing::warn!(cause = %error, "the refusal of the agent token could not be stored");
        }
        Failure::Refused(refusal)
    }
}

/// What LiveChat's response shows. If it does not accept the agent token, it has responded.
fn sign(result: &Result<Grant, AgentCallError>) -> Sign {
    match result {
        Ok(_) => Sign::Token,
        Err(AgentCallError::Failed(error)) => error.sign(),
        Err(AgentCallError::TokenRejected(_) | AgentCallError::OtherAccount) => Sign::Response,
    }
}
