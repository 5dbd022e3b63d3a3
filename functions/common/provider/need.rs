//! Which results a call can take, by the number of the lease that they were got under. The heart of *fresh means
//! fresh*, and so the very code that the model in `tests/model` explores.

/// What a call that renews a token will be content with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    fresh: bool,
    /// A token with a higher number makes a renewal needless; `None` if no token can.
    unless_newer_than: Option<u64>,
    /// A failure with a higher number is this call's failure too; `None` if none is.
    failure_after: Option<u64>,
}

impl Need {
    /// Any token newer than the one, if any, that has too little time left.
    pub fn usable(stale_seq: Option<u64>) -> Self {
        Self { fresh: false, unless_newer_than: Some(stale_seq.unwrap_or(0)), failure_after: None }
    }

    /// Only a token that LiveChat was asked for after this call came.
    pub fn fresh() -> Self {
        Self { fresh: true, unless_newer_than: None, failure_after: None }
    }

    /// The lease with the number `seq` was found taken. Only the first one tells: whatever has a higher number began
    /// after this call came.
    pub fn found_taken(&mut self, seq: u64) {
        if self.failure_after.is_none() {
            // The call under way was sent before a fresh token was wanted; to a usable one it is as good as any.
            self.failure_after = Some(if self.fresh { seq } else { seq.saturating_sub(1) });
            if self.fresh {
                self.unless_newer_than = Some(seq);
            }
        }
    }

    /// The stored token, with the number `seq`, does not serve, and must not keep this call from renewing it.
    pub fn pass_over(&mut self, seq: u64) {
        if let Some(than) = self.unless_newer_than {
            self.unless_newer_than = Some(than.max(seq));
        }
    }

    /// The number above which a stored token makes a renewal needless; `None` if no token can.
    pub fn unless_newer_than(&self) -> Option<u64> {
        self.unless_newer_than
    }

    /// Whether a token that was got under the lease `seq` will do.
    pub fn takes_token(&self, seq: u64) -> bool {
        self.unless_newer_than.is_some_and(|than| seq > than)
    }

    /// Whether the failure under the lease `seq` is this call's too.
    pub fn takes_failure(&self, seq: u64) -> bool {
        self.failure_after.is_some_and(|than| seq > than)
    }
}
