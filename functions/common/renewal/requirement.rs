//! Which results a call accepts, by the number of their lease: a fresh token is newer than the call that wants it.

use crate::identity::LeaseSeq;

/// What a call accepts in place of a renewal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenRequirement {
    is_fresh: bool,
    /// A token with a higher number makes a renewal unnecessary; `None` if no token does.
    unless_newer_than: Option<LeaseSeq>,
    /// A failure with this number or a higher one is this call's failure too; `None` if no failure is.
    failure_from: Option<LeaseSeq>,
}

impl TokenRequirement {
    /// A token with a higher number than `stale`, the stored token that has too little time left. Any token if nothing is stored.
    pub(crate) fn usable(stale: Option<LeaseSeq>) -> Self {
        let newer_than = stale.unwrap_or(LeaseSeq::BEFORE_FIRST);
        Self { is_fresh: false, unless_newer_than: Some(newer_than), failure_from: None }
    }

    /// Only a token for which LiveChat was called after this call came.
    pub(crate) fn fresh() -> Self {
        Self { is_fresh: true, unless_newer_than: None, failure_from: None }
    }

    /// Another call holds the lease with the number `seq`. Only the first holder matters: a lease with a higher number began after this
    /// call arrived.
    pub(crate) fn observe_holder(&mut self, seq: LeaseSeq) {
        if self.failure_from.is_none() {
            // That holder may have called LiveChat before this call arrived: good enough for a usable token, not for a fresh one.
            self.failure_from = Some(if self.is_fresh { seq.next() } else { seq });
            if self.is_fresh {
                self.unless_newer_than = Some(seq);
            }
        }
    }

    /// The stored token, with the number `seq`, is not accepted, and must not keep this call from renewing it.
    pub(crate) fn pass_over(&mut self, seq: LeaseSeq) {
        if let Some(than) = self.unless_newer_than {
            self.unless_newer_than = Some(than.max(seq));
        }
    }

    /// The number above which a stored token makes a renewal needless; `None` if no token does.
    pub(crate) fn unless_newer_than(&self) -> Option<LeaseSeq> {
        self.unless_newer_than
    }

    /// A token that was issued under the lease `seq` is accepted.
    pub(crate) fn accepts_token(&self, seq: LeaseSeq) -> bool {
        self.unless_newer_than.is_some_and(|than| seq > than)
    }

    /// The failure under the lease `seq` is this call's too.
    pub(crate) fn accepts_failure(&self, seq: LeaseSeq) -> bool {
        self.failure_from.is_some_and(|from| seq >= from)
    }
}
