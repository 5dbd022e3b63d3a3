//! A record that is left out, and why.

use cip::livechat::imported::Invalid;

/// A record that is left out.
#[derive(Debug)]
pub(crate) struct Skipped {
    /// The number of its line, row or entry.
    pub(crate) at: u64,
    /// The user's id, if there is one.
    pub(crate) user: Option<String>,
    pub(crate) reason: Reason,
}

/// Why a record is left out. The messages repeat no value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Reason {
    #[error("the line is longer than 64 KiB")]
    LongLine,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("the user id begins or ends with a space: remove it, or use JSON Lines if it is a part of the id")]
    Spaces,
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has a field that the format does not have")]
    UnknownField,
    #[error("the field `{0}` is missing or malformed")]
    Field(&'static str),
    #[error("{0}")]
    User(String),
    #[error("the issuer is empty or contains #")]
    Issuer,
    #[error("it is a guest: a guest's customer is created when the browser calls")]
    Guest,
    #[error("groups need LiveChat's v2 API: set LIVECHAT_ORGANIZATION_ID")]
    GroupInV1,
    #[error("the group is not in GROUPS")]
    UnlistedGroup,
    #[error(transparent)]
    Customer(#[from] Invalid),
    #[error("the cookies expired more than 30 days ago")]
    Expired,
    #[error("it repeats another record of the file")]
    Repeated,
    #[error("the file has several customers for this user")]
    SeveralCustomers,
    #[error("the file has the same customer for another user")]
    SharedCustomer,
    #[error("the table has another customer for this user, or is about to")]
    Taken,
    #[error("the stored item cannot be read")]
    MalformedItem,
    #[error("LiveChat issues no token for the group ({0})")]
    RefusedGroup(String),
    #[error("no customer after {0} tries: {1}")]
    NoCustomer(u32, String),
}
