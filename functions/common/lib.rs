//! The library that the four functions share: one LiveChat identity for each user, on every device.
//!
//! A site's page calls one of four operations (`getToken`, `getFreshToken`, `hasToken`, `invalidate`). API Gateway passes
//! the call to the Lambda function of that name. Its `main.rs` calls [`serve`]:
//!
//! ```text
//!  event ──▶ http ──▶ auth ──▶ operation ──┬──▶ store      DynamoDB: cookies, token, lease
//!            request  subject  one of four └──▶ livechat   LiveChat's Customer Accounts API
//!              ▲                   │ ▲
//!              └───── response ◀───┘ └── renewal   the rules: what to do next
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`settings`] | typed settings from environment variables, read at init |
//! | `serve` | a function's life: settings, clients, then one request after the other |
//! | [`http`] | turns a gateway's event into a call, and its result or error into a response |
//! | [`auth`] | who is calling: a verified user or a guest; the only place that decides it |
//! | [`identity`] | the types of the domain: subject, cookies, token |
//! | [`operation`] | the four operations, a file each; carries out what `renewal` asks for |
//! | [`renewal`] | the protocol: what a call does next, given what it has seen; no I/O, no clock. **Start reading here** |
//! | [`store`] | DynamoDB; the only module that knows its attributes |
//! | `sealing` | encrypts cookies and agents' tokens, with keys of AWS KMS |
//! | [`livechat`] | LiveChat; the only module that knows its wire format |
//! | [`context`] | what goes along with a call: its deadline and its metrics |
//! | [`error`] | everything that can go wrong |
//! | [`telemetry`] | logs and metrics |
//! | `clients` | how AWS, LiveChat and the identity provider are reached |
//! | [`time`], `base64`, `safe_url` | clocks and deadlines; base64 as people write it; URLs that may be trusted |
//!
//! The heart is `renewal`: a call that needs a new token acquires the user's lease with one conditional write, calls LiveChat, and stores
//! cookies and token with one more write, which also releases the lease and which only the lease's owner can make. All other calls wait for
//! that result. So however many tabs, devices and crashed invocations there are, all tokens of a user belong to one LiveChat customer,
//! as long as LiveChat knows that customer. The model in `tests/model` explores this very code.

pub mod auth;
mod base64;
mod clients;
pub mod context;
pub mod error;
pub mod http;
pub mod identity;
pub mod livechat;
pub mod operation;
pub mod renewal;
mod safe_url;
mod sealing;
mod serve;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod time;

#[cfg(feature = "operator")]
pub use serve::connect_auth_with;
pub use serve::{connect_auth, serve};
