//! Which results a call accepts, by the number of their lease: a fresh token is newer than the call that wants it.

/// What a call accepts in place of a renewal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenRequirement {
    is_fresh: bool,
    /// A token with a higher number makes a renewal needless; `None` if no token does.
    unless_newer_than: Option<u64>,
    /// A failure with a higher number is this call's failure too; `None` if none is.
    failure_after: Option<u64>,
}

impl TokenRequirement {
    /// Any token that is newer than the stored one, which has too little time left. `stale_seq` is its number; `None` if there is none.
    pub(crate) fn usable(stale_seq: Option<u64>) -> Self {
        Self { is_fresh: false, unless_newer_than: Some(stale_seq.unwrap_or(0)), failure_after: None }
    }

    /// Only a token for which LiveChat was called after this call came.
    pub(crate) fn fresh() -> Self {
        Self { is_fresh: true, unless_newer_than: None, failure_after: None }
    }

    /// Another call holds the lease with the number `seq`. Only the first holder matters: whatever has a higher number began after this
    /// call came.
    pub(crate) fn observe_holder(&mut self, seq: u64) {
        if self.failure_after.is_none() {
            // LiveChat was called before a fresh token was wanted. A usable token may come from that call.
            self.failure_after = Some(if self.is_fresh { seq } else { seq.saturating_sub(1) });
            if self.is_fresh {
                self.unless_newer_than = Some(seq);
            }
        }
    }

    /// The stored token, with the number `seq`, is not accepted, and must not keep this call from renewing it.
    pub(crate) fn pass_over(&mut self, seq: u64) {
        if let Some(than) = self.unless_newer_than {
            self.unless_newer_than = Some(than.max(seq));
        }
    }

    /// The number above which a stored token makes a renewal needless; `None` if no token does.
    pub(crate) fn unless_newer_than(&self) -> Option<u64> {
        self.unless_newer_than
    }

    /// A token that was issued under the lease `seq` is accepted.
    pub(crate) fn accepts_token(&self, seq: u64) -> bool {
        self.unless_newer_than.is_some_and(|than| seq > than)
    }

    /// The failure under the lease `seq` is this call's too.
    pub(crate) fn accepts_failure(&self, seq: u64) -> bool {
        self.failure_after.is_some_and(|than| seq > than)
    }
}
