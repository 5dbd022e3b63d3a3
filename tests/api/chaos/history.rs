//! What happened: every call as its caller saw it, and every token as the sandbox issued it. Fields in `_us` are in µs
//! since the start of the run, on one monotonic clock.

use crate::world::Binary;
use sandbox::AgentGranted;
use std::{collections::BTreeSet, fmt};

/// A user or guest, or one of their group identities.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) name: Name,
    pub(crate) group: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Name {
    /// A user's id.
    User(String),
    /// A guest's secret.
    Guest(String),
}

impl Who {
    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.name, Name::Guest(_))
    }
}

/// One call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) who: Who,
    /// The guest that the user was before the login, by their `X-Guest-Id`: their *former* guest.
    pub(crate) was_guest: Option<Who>,
    pub(crate) operation: Binary,
    /// Before it was sent.
    pub(crate) start_us: u64,
    /// Lambda's deadline for the response.
    pub(crate) deadline_us: u64,
    /// After its response, or after the wait for it.
    pub(crate) end_us: u64,
    pub(crate) outcome: Outcome,
    /// Set if it is a logout.
    pub(crate) logout: Option<Logout>,
}

/// What is known about a logout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logout {
    /// Its response says that LiveChat has revoked all tokens.
    pub(crate) is_complete: bool,
    /// The tokens that had been returned before the logout and still worked right after its response.
    pub(crate) still_working: Vec<String>,
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Token(TokenObject),
    HasToken(bool),
    Invalidated,
    /// An error in the documented format.
    Problem {
        status: u64,
        code: String,
        /// In s.
        retry_after: Option<u64>,
    },
    /// The test killed or stopped its process, so it is unknown how far the call got.
    Killed,
    /// No response by the deadline.
    NoResponse,
    /// A response that is not in the documentation.
    Undocumented(String),
}

/// A token object, and its source from `Cache-Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenObject {
    pub(crate) entity: String,
    pub(crate) access_token: String,
    /// Unix time.
    pub(crate) created_ms: u64,
    pub(crate) expires_in_ms: u64,
    pub(crate) source: String,
}

/// What the test read from a stored item, without the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) who: Who,
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    /// The entity on record.
    pub(crate) entity: Option<String>,
    /// The former entities on record, the latest last.
    pub(crate) former: Vec<String>,
    pub(crate) access_token: Option<String>,
    /// The guest has been adopted.
    pub(crate) is_adopted: bool,
}

/// The last step for a subject: a call to LiveChat with the stored cookies, or with an agent's token for the stored entity.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) who: Who,
    pub(crate) at_us: u64,
    /// The entity on record.
    pub(crate) stored: String,
    /// The entity that LiveChat returned.
    pub(crate) returned: String,
}

/// Everything that the test saw and did.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Unix time in ms at the run's start, by the test's clock.
    pub(crate) began_unix_ms: u64,
    /// The largest difference between the clocks of two processes.
    pub(crate) skew_ms: u64,
    /// LiveChat was sometimes made to reject the settings.
    pub(crate) rejections: bool,
    /// Each call to LiveChat invalidates the customer's former secret, so a lost response loses the customer: no agent can ask for it.
    pub(crate) secrets_expire: bool,
    /// The functions have an agent's credentials.
    pub(crate) has_agent: bool,
    /// The end of all faults.
    pub(crate) calm_us: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) looks: Vec<Look>,
    pub(crate) probes: Vec<Probe>,
    /// Customers that LiveChat was made to forget.
    pub(crate) forgotten: BTreeSet<String>,
    /// Tokens that were returned and still worked after everybody had logged out.
    pub(crate) left_working: Vec<String>,
    pub(crate) agent: AgentTokens,
}

/// The agent's tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentTokens {
    /// All that LiveChat issued, in order.
    pub(crate) issued: Vec<AgentGranted>,
    /// Those that the test found stored at some time.
    pub(crate) stored: BTreeSet<String>,
    /// The number of leases for a refresh.
    pub(crate) leases: u64,
    /// The number of refreshes that the network sent to LiveChat a second time.
    pub(crate) repeated: u64,
}

/// A token that LiveChat issued.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) came_us: u64,
    pub(crate) took_effect_us: u64,
    /// The customer of the request's cookies, if LiveChat accepted them; or the one that an agent asked for.
    pub(crate) proved: Option<String>,
    /// The customer for whom the cookies were issued, even if they are no longer valid; or the one that an agent asked for.
    pub(crate) claimed: Option<String>,
    /// LiveChat did not recognise the customer, because of a simulated fault.
    pub(crate) slipped: bool,
    pub(crate) entity: String,
    pub(crate) access_token: String,
    pub(crate) ends_us: u64,
}

/// All tokens that LiveChat issued, in order.
pub(crate) type Journal = Vec<Grant>;

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::User(id) => f.write_str(id)?,
            // It can be printed here: these guests exist only in the test.
            Name::Guest(secret) => f.write_str(secret)?,
        }
        self.group.map_or(Ok(()), |group| write!(f, " (group {group})"))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} … {}: {} ",
            seconds(self.start_us),
            self.operation.operation(),
            seconds(self.end_us),
            self.who
        )?;
        if let Some(guest) = &self.was_guest {
            write!(f, "(was {guest}) ")?;
        }
        match &self.outcome {
            Outcome::Token(token) => {
                write!(f, "{} of {} ({})", short(&token.access_token), short(&token.entity), token.source)
            }
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [token, entity] = [&self.access_token, &self.entity].map(|id| id.as_deref().map_or("nothing", short));
        write!(f, "{} stored … {}: {} {token} of {entity}", seconds(self.start_us), seconds(self.end_us), self.who)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (proved, claimed) = (self.proved.as_deref().map(short), self.claimed.as_deref().map(short));
        write!(
            f,
            "{} LiveChat … {}: {} of {} until {} (proved {proved:?}, claimed {claimed:?})",
            seconds(self.came_us),
            seconds(self.took_effect_us),
            short(&self.access_token),
            short(&self.entity),
            seconds(self.ends_us)
        )
    }
}

/// A time for a report.
pub(crate) fn seconds(us: u64) -> String {
    format!("{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// The first characters of a token or entity id, enough to identify it.
pub(crate) fn short(id: &str) -> &str {
    let id = id.strip_prefix("sandbox:token-").unwrap_or(id);
    id.get(..8).unwrap_or(id)
}
