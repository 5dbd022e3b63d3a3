//! What the fuzz targets share: how a function is called, and what must hold of every answer.
//!
//! | file | what it holds |
//! |---|---|
//! | [`panics`] | which panics are finds, and which are part of the way that a function works |
//! | [`function`] | one function with canned results: an event in, an answer out |
//! | [`answer`] | the HTTP contract, as a check of any answer |
//! | [`gateway`] | requests as the gateways hand them over, and what each must lead to |
//! | [`reading`] | a second reading of a path and a group |
//! | [`livechat`] | a customer and an answer of LiveChat's that are known to be good |
//! | [`items`] | items of the table: their form, and items that have it or nearly have it |

pub mod answer;
pub mod function;
pub mod gateway;
pub mod items;
pub mod livechat;
pub mod panics;
pub mod reading;
