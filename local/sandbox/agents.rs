//! The tokens of the agent: access tokens and refresh tokens.
//!
//! LiveChat keeps at most 25 of each for a client and account; the oldest is revoked without notice
//! (<https://platform.text.com/docs/authorization/oauth-authorization>).

use super::{AgentScope, RefreshRotation, Settings};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const MOST: usize = 25;

/// All tokens of the agent, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Agents {
    access_tokens: Vec<Access>,
    refresh_tokens: Vec<Refresh>,
    #[serde(skip)]
    most_live: usize,
    #[serde(skip)]
    journal: Vec<AgentGranted>,
}

/// An access token of the agent that was issued. The times are Unix time in ms, by the sandbox's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentGranted {
    /// The token.
    pub access_token: String,
    /// When it was issued.
    pub issued_ms: u64,
    /// When it expires, or was revoked.
    pub ends_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Access {
    token: String,
    /// The refresh token that was returned with it.
    refresh_token: String,
    scope: AgentScope,
    /// Unix time in ms.
    expires_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Refresh {
    token: String,
    /// Revoked tokens stay on record: they get another error than unknown ones.
    revoked: bool,
}

/// A pair of tokens that was issued.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// Why an access token is not valid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Expired,
    /// It never existed, was revoked, or expired some time ago.
    Unknown,
}

/// Why a refresh token is not valid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Dead {
    Revoked,
    Unknown,
}

impl Agents {
    /// Makes this refresh token valid, unless it is known already.
    pub(super) fn install(&mut self, refresh_token: &str) {
        if self.refresh_tokens.iter().all(|known| known.token != refresh_token) {
            self.add_refresh_token(refresh_token.to_owned());
        }
    }

    /// Issues both tokens, as for an authorization code.
    pub(super) fn issue(&mut self, settings: &Settings, now_ms: u64) -> Pair {
        let refresh_token = random("refresh");
        self.add_refresh_token(refresh_token.clone());
        self.add_access_token(refresh_token, settings, now_ms)
    }

    /// Issues an access token for a refresh token.
    ///
    /// # Errors
    /// If the refresh token is not valid.
    pub(super) fn refresh(&mut self, refresh_token: &str, settings: &Settings, now_ms: u64) -> Result<Pair, Dead> {
        let known = self.refresh_tokens.iter_mut().find(|known| known.token == refresh_token).ok_or(Dead::Unknown)?;
        if known.revoked {
            return Err(Dead::Revoked);
        }
        if settings.refresh_rotation == RefreshRotation::Strict {
            known.revoked = true;
            return Ok(self.issue(settings, now_ms));
        }
        Ok(self.add_access_token(refresh_token.to_owned(), settings, now_ms))
    }

    fn add_refresh_token(&mut self, token: String) {
        if self.live_refresh_tokens() >= MOST
            && let Some(oldest) = self.refresh_tokens.iter_mut().find(|known| !known.revoked)
        {
            oldest.revoked = true;
        }
        self.refresh_tokens.push(Refresh { token, revoked: false });
    }

    fn add_access_token(&mut self, refresh_token: String, settings: &Settings, now_ms: u64) -> Pair {
        self.access_tokens.retain(|access| access.expires_ms > now_ms);
        if self.access_tokens.len() >= MOST {
            let oldest = self.access_tokens.remove(0);
            self.end(&oldest.token, now_ms);
        }
        let access_token = format!("sandbox:{}", random("agent"));
        let expires_ms = now_ms + settings.agent_expires_in * 1000;
        self.access_tokens.push(Access {
            token: access_token.clone(),
            refresh_token: refresh_token.clone(),
            scope: settings.agent_scope,
            expires_ms,
        });
        let granted = AgentGranted { access_token: access_token.clone(), issued_ms: now_ms, ends_ms: expires_ms };
        self.journal.push(granted);
        self.most_live = self.most_live.max(self.live(now_ms));
        Pair { access_token, refresh_token }
    }

    /// The scope of an access token that is valid at `now_ms`.
    ///
    /// # Errors
    /// If it is not valid.
    pub(super) fn scope(&self, access_token: &str, now_ms: u64) -> Result<AgentScope, Invalid> {
        let known = self.access_tokens.iter().find(|access| access.token == access_token).ok_or(Invalid::Unknown)?;
        if known.expires_ms > now_ms { Ok(known.scope) } else { Err(Invalid::Expired) }
    }

    /// Revokes an access token and the refresh token that was returned with it, or a refresh token. Access tokens that were
    /// issued for a refresh token stay valid. Returns whether there was such a token.
    pub(super) fn revoke(&mut self, token: &str, now_ms: u64) -> bool {
        if let Some(at) = self.access_tokens.iter().position(|access| access.token == token) {
            let access = self.access_tokens.remove(at);
            self.end(&access.token, now_ms);
            self.revoke_refresh_token(&access.refresh_token);
            return true;
        }
        self.revoke_refresh_token(token)
    }

    fn revoke_refresh_token(&mut self, token: &str) -> bool {
        let live = self.refresh_tokens.iter_mut().find(|known| known.token == token && !known.revoked);
        live.map(|known| known.revoked = true).is_some()
    }

    /// Revokes all access tokens. The refresh tokens stay valid.
    pub(super) fn revoke_access_tokens(&mut self, now_ms: u64) {
        for access in std::mem::take(&mut self.access_tokens) {
            self.end(&access.token, now_ms);
        }
    }

    /// Notes the end of an access token.
    fn end(&mut self, token: &str, now_ms: u64) {
        if let Some(granted) = self.journal.iter_mut().find(|granted| granted.access_token == token) {
            granted.ends_ms = granted.ends_ms.min(now_ms);
        }
    }

    /// Every access token that was issued since the start, in order.
    pub(super) fn journal(&self) -> &[AgentGranted] {
        &self.journal
    }

    /// Revokes all refresh tokens. The access tokens stay valid.
    pub(super) fn revoke_refresh_tokens(&mut self) {
        self.refresh_tokens.iter_mut().for_each(|known| known.revoked = true);
    }

    /// The number of access tokens that are valid at `now_ms`.
    pub(super) fn live(&self, now_ms: u64) -> usize {
        self.access_tokens.iter().filter(|access| access.expires_ms > now_ms).count()
    }

    /// The largest number of access tokens that were valid at the same time, since the start.
    pub(super) fn most_live(&self) -> usize {
        self.most_live
    }

    /// The number of refresh tokens that are valid.
    pub(super) fn live_refresh_tokens(&self) -> usize {
        self.refresh_tokens.iter().filter(|known| !known.revoked).count()
    }
}

fn random(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}
