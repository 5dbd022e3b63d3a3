//! What the fuzz targets share: how a function is called, and what must hold of every answer.
//!
//! | file | what it holds |
//! |---|---|
//! | [`panics`] | which panics are finds: all but one |
//! | [`function`] | one function with canned results: an event in, an answer out |
//! | [`answer`] | the HTTP contract, as a check of any answer |
//! | [`gateway`] | requests as the gateways hand them over, and what each must lead to |
//! | [`reading`] | a second reading of a path and a group |
//! | [`livechat`] | a customer and an answer of LiveChat's that are known to be good |
//! | [`items`] | items of the table: their form, and items that have it or nearly have it |
//! | [`provider`] | an identity provider's HTTP server |
//! | [`signer`] | an identity provider's signing keys, and what they sign |
//! | [`key_set`] | key sets, good ones and changed ones, and which signers they stand for |
//! | [`settings`] | the settings of `AUTH=jwt`, and what they ask of a token |
//! | [`claims`] | tokens that meet the settings or nearly meet them |
//! | [`sent`] | requests with tokens in their headers, and whose each is |
//! | [`verdict`] | whether a token counts, and for whom, by a second reading of settings and token |
//! | [`json`] | a second reading of JSON |
//! | [`log`] | what was logged |

pub mod answer;
pub mod claims;
pub mod function;
pub mod gateway;
pub mod items;
pub mod json;
pub mod key_set;
pub mod livechat;
pub mod log;
pub mod panics;
pub mod provider;
pub mod reading;
pub mod sent;
pub mod settings;
pub mod signer;
pub mod verdict;
