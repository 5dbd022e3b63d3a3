//! The code that the fuzz targets share: how a function is called, and what must hold of every response.
//!
//! | file | what it holds |
//! |---|---|
//! | [`panics`] | the hook that ends a run at a panic, except one |
//! | [`function`] | one function with canned results: an event in, a response out |
//! | [`response`] | the HTTP contract, as a check of any response |
//! | [`gateway`] | requests as the gateways pass them on, and the expected result of each |
//! | [`path`] | a second parser of a path and a group |
//! | [`livechat`] | a customer and a response of LiveChat that are valid |
//! | [`items`] | items of the table: their shape, and items that have it or nearly have it |
//! | [`provider`] | an identity provider's HTTP server |
//! | [`signer`] | an identity provider's signing keys, and the tokens that they sign |
//! | [`key_set`] | key sets, valid ones with changes, and the signers whose keys are in them |
//! | [`settings`] | the settings of `AUTH=jwt`, and their rules for a token |
//! | [`claims`] | tokens that meet the rules or nearly meet them |
//! | [`sent`] | requests with tokens in their headers, and the expected caller of each |
//! | [`verdict`] | whether a token must be accepted, and for which user, by a second parser of settings and token |
//! | [`json`] | a second parser of JSON |
//! | [`log`] | what was logged |

pub mod claims;
pub mod function;
pub mod gateway;
pub mod items;
pub mod json;
pub mod key_set;
pub mod livechat;
pub mod log;
pub mod panics;
pub mod path;
pub mod provider;
pub mod response;
pub mod sent;
pub mod settings;
pub mod signer;
pub mod verdict;
