//! The whole service on one machine: for `cargo local`, and for the tests.
//!
//! | file | what it is |
//! |---|---|
//! | [`gateway`] | API Gateway: HTTP to events, through the functions' own code, and back |
//! | [`database`] | DynamoDB: an embedded one, and the table in any |
//! | [`sandbox`] | accounts.livechat.com, misbehaving on request |
//! | [`page`] | the page with two devices |
//! | [`settings`] | which LiveChat account: the environment's, `.env`'s, or the sandbox's |

pub mod database;
pub mod gateway;
pub mod page;
pub mod sandbox;
pub mod settings;
