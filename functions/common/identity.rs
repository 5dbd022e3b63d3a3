//! The types of the domain. Strings are parsed where they come in; secrets cannot be printed.
//!
//! | file | its words |
//! |---|---|
//! | `identity/subject.rs` | user id, guest id, group, principal, subject |
//! | `identity/customer.rs` | cookies, identity, former identity |
//! | `identity/token.rs` | token, lifetime, issued |

mod customer;
mod subject;
mod token;

pub use customer::{Cookies, FormerIdentity, Identity};
pub use subject::{Group, GuestId, InvalidId, Principal, Subject, UserId};
pub use token::{Issued, Lifetime, Token};
