//! The whole service on one machine: for `cargo local`, and for the tests.
//!
//! | file | what it is |
//! |---|---|
//! | [`access`] | who may call a port: under which `Host`, and from which pages |
//! | [`gateway`] | API Gateway: HTTP to events, through the functions' own code, and back |
//! | [`authorizer`] | its JWT authorizer, for `AUTH=authorizer` |
//! | [`cors`] | which origins' pages may call, as the template has it |
//! | [`credentials`] | a login for development: a secret, and what it issues |
//! | [`database`] | DynamoDB: an embedded one, and the table in any |
//! | [`sandbox`] | accounts.livechat.com, misbehaving on request |
//! | [`folder`] | what is kept from one start to the next |
//! | [`page`] | the page with two devices |
//! | [`settings`] | the environment's and `.env`'s, with the options, and the sandbox's account unless they name one |

pub mod access;
pub mod authorizer;
pub mod cors;
pub mod credentials;
pub mod database;
pub mod folder;
pub mod gateway;
pub mod page;
pub mod sandbox;
pub mod settings;
