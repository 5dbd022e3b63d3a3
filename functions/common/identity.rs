//! The types of the domain. A string is parsed when it enters the program; a secret cannot be printed.
//!
//! | file | its terms |
//! |---|---|
//! | `identity/subject.rs` | user id, guest id, group, principal, subject |
//! | `identity/customer.rs` | cookies, identity, former identity |
//! | `identity/details.rs` | name, e-mail and session fields, and their latest update |
//! | `identity/sealed.rs` | secrets that may be encrypted |
//! | `identity/token.rs` | token, lifetime, issued |
//! | `identity/unix_time.rs` | points in time |
//! | `identity/counters.rs` | the number of a lease, the version of a record |

mod counters;
mod customer;
mod details;
mod sealed;
mod subject;
mod token;
mod unix_time;

pub use counters::{LeaseSeq, Version};
pub use customer::{Cookies, FormerIdentity, Identity};
pub use details::{CustomerDetails, DetailsUpdate};
pub use sealed::{Binding, MaybeSealed, Sealed};
pub use subject::{Group, GuestId, InvalidId, Principal, Subject, UserId};
pub use token::{Issued, Lifetime, Token};
pub use unix_time::{UnixMs, UnixSeconds};
