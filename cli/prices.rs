//! List prices of June 2026 in US dollars, without free tiers. docs/operations.md explains them.

/// A call of LiveChat's API: the least and the most.
pub(crate) const LIVECHAT_CALL: (f64, f64) = (0.000_17, 0.000_27);
/// The calls that LiveChat does not bill.
pub(crate) const LIVECHAT_FREE_CALLS: usize = 1_000;
/// A write of 1 KB to DynamoDB, on demand in us-east-1.
pub(crate) const WRITE: f64 = 0.625e-6;
/// A strongly consistent read of 4 KB, likewise.
pub(crate) const READ: f64 = 0.125e-6;
