//! The whole service on one machine, for `cargo local`.
//!
//! | file | what it is |
//! |---|---|
//! | [`gateway`] | API Gateway: HTTP to events, through the functions' own code, and back |
//! | [`authorizer`] | its JWT authorizer, for `AUTH=authorizer` |
//! | [`cors`] | which origins' pages may call, as the template has it |
//! | [`credentials`] | a login for development: a secret, and what it issues |
//! | [`page`] | the page with two devices |
//! | [`settings`] | the environment's and `.env`'s, with the options, and the sandbox's account unless they name one |
//!
//! What the functions call is in the package [`sandbox`]: the stand-in for accounts.livechat.com and the embedded DynamoDB.

pub mod authorizer;
pub mod cors;
pub mod credentials;
pub mod gateway;
pub mod page;
pub mod settings;
