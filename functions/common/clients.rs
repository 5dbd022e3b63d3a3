//! How others are reached: AWS, and LiveChat and the identity provider over HTTPS.

pub(crate) mod aws;
pub(crate) mod https;
pub(crate) mod secrets;
