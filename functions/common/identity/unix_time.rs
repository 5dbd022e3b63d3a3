//! Points in time, as they are stored and exchanged. They depend on the clock of the machine that read them.

/// A point in time: Unix time in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(u64);

impl UnixMs {
    /// This many ms after the start of 1970.
    pub const fn new(ms: u64) -> Self {
        Self(ms)
    }

    /// The number of ms since the start of 1970.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The point in time `ms` later, or the latest that the type can hold.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The point in time `ms` earlier, or the start of 1970.
    #[must_use]
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// The time from `earlier` to this, in ms; 0 if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether `now` is in the `ms` that begin with this point in time. If the clock was put back since, it is not.
    pub fn is_recent(self, ms: u64, now: Self) -> bool {
        (self..self.plus_ms(ms)).contains(&now)
    }

    /// The whole second that this is in.
    pub const fn in_seconds(self) -> UnixSeconds {
        UnixSeconds(self.0 / 1000)
    }
}

/// A point in time: Unix time in s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The latest point in time that the type can hold.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// This many s after the start of 1970.
    pub const fn new(s: u64) -> Self {
        Self(s)
    }

    /// The number of s since the start of 1970.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The point in time `s` later, or the latest that the type can hold.
    #[must_use]
    pub const fn plus_s(self, s: u64) -> Self {
        Self(self.0.saturating_add(s))
    }

    /// The point in time `s` earlier, or the start of 1970.
    #[must_use]
    pub const fn minus_s(self, s: u64) -> Self {
        Self(self.0.saturating_sub(s))
    }
}
