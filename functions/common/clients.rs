//! How other services are reached: AWS, and LiveChat and the identity provider over HTTPS. Uses nothing else of this project.

pub(crate) mod aws;
pub(crate) mod https;
pub(crate) mod secrets;
