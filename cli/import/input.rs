//! A record of any format becomes an identity, or is skipped for a reason.

use crate::records::{
    self,
    skipped::{Reason, Skipped},
};
use cip::{
    identity::{Group, GuestId, Identity, Principal, Subject, UnixSeconds},
    livechat::imported::Imported,
    settings::UserIds,
    store::operator::is_kept,
    time::now,
};

/// What was read so far.
pub(super) struct Input {
    pub(super) found: Vec<Found>,
    pub(super) skipped: Vec<Skipped>,
    user_ids: UserIds,
    now: UnixSeconds,
}

/// An identity of the file.
#[derive(Debug)]
pub(super) struct Found {
    /// The number of its line, row or entry.
    pub(super) at: u64,
    pub(super) subject: Subject,
    pub(super) identity: Identity,
}

/// Whose record it is, as the file has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    /// A user, at the issuer if it is not the first one.
    User(&'a str, Option<&'a str>),
    /// The guest whose secret has this hash.
    Guest(&'a str),
}

impl Found {
    /// The same record, not imported.
    pub(super) fn skip(self, reason: Reason) -> Skipped {
        let user = match self.subject.principal {
            Principal::User(user) => Some(user.as_str().to_owned()),
            Principal::Guest(_) => None,
        };
        Skipped { at: self.at, user, reason }
    }
}

impl Input {
    pub(super) fn new(user_ids: UserIds) -> Self {
        Self { found: Vec::new(), skipped: Vec::new(), user_ids, now: now().in_seconds() }
    }

    /// The number of records.
    pub(super) fn records(&self) -> usize {
        self.found.len() + self.skipped.len()
    }

    /// Adds a record.
    pub(super) fn add(&mut self, at: u64, owner: Owner, group: Option<Group>, customer: Imported) {
        match self.read(owner, group, customer) {
            Ok((subject, identity)) => self.found.push(Found { at, subject, identity }),
            Err(reason) => {
                let user = if let Owner::User(id, _) = owner { Some(id.to_owned()) } else { None };
                self.skipped.push(Skipped { at, user, reason });
            }
        }
    }

    /// Adds a record that cannot be read, with the user's id if it is known.
    pub(super) fn skip(&mut self, at: u64, user: Option<&str>, reason: Reason) {
        self.skipped.push(Skipped { at, user: user.map(str::to_owned), reason });
    }

    fn read(&self, owner: Owner, group: Option<Group>, customer: Imported) -> Result<(Subject, Identity), Reason> {
        let principal = match owner {
            Owner::User(id, issuer) => Principal::User(records::user(self.user_ids, id, issuer)?),
            Owner::Guest(hash) => Principal::Guest(GuestId::of_hash(hash).ok_or(Reason::Field("guestIdHash"))?),
        };
        let identity = customer.identity(self.now)?;
        if is_kept(&identity) { Ok((Subject { principal, group }, identity)) } else { Err(Reason::Expired) }
    }
}

/// A point in time in s or ms: the tutorial has both.
pub(super) fn in_seconds(time: u64) -> UnixSeconds {
    /// As s, this is in the year 5138; as ms, it is in 1973.
    const MS_FROM: u64 = 100_000_000_000;
    UnixSeconds::new(if time >= MS_FROM { time / 1000 } else { time })
}
