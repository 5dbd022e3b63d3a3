//! What the operator's tool asks LiveChat for.

use super::{Accounts, AgentCallError};
use crate::{
    context::Context,
    identity::{LeaseSeq, Lifetime},
    renewal::{
        AGENT_TOKEN_REFUSED, AttemptError, Grant,
        agent_token::{AgentSecrets, AgentToken, OTHER_ACCOUNT},
    },
    time::now,
};
use secrecy::SecretString;

impl Accounts {
    /// One call for a token of a new customer with an agent's token, which was issued to the app `client_id`.
    ///
    /// # Errors
    /// As [`token`](Self::token). That LiveChat does not accept the agent's token is a refusal too.
    pub async fn new_customer_by_agent(
        &self,
        access_token: SecretString,
        client_id: &str,
        context: &Context,
    ) -> Result<Grant, AttemptError> {
        // Of these, only the token and the client id are sent.
        let lifetime = Lifetime { created: now(), expires_in_ms: 0 };
        let (client_id, seq) = (client_id.to_owned(), LeaseSeq::BEFORE_FIRST);
        let secrets = AgentSecrets { access_token, successor: None };
        let agent = AgentToken { secrets, client_id, lifetime, seq };
        self.token_by_agent(&agent, None, None, context).await.map_err(|error| match error {
            AgentCallError::Failed(error) => error,
            AgentCallError::TokenRejected(exception) => {
                AttemptError::Refused { exception, description: "for the agent's token".into() }
            }
            AgentCallError::OtherAccount => {
                AttemptError::Refused { exception: AGENT_TOKEN_REFUSED.into(), description: OTHER_ACCOUNT.into() }
            }
        })
    }
}
