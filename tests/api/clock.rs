//! The time, as items have it.

/// Now; Unix time in ms.
pub(crate) fn now_ms() -> u64 {
    cip::time::now().as_u64()
}
