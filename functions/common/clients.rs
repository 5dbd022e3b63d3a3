//! How other services are reached: AWS, and LiveChat and the identity provider over HTTPS. Uses nothing else of this project.
//!
//! | file | what it holds |
//! |---|---|
//! | `https.rs` | the HTTP client of all of them |
//! | `roots.rs` | which certificates are trusted |
//! | `aws.rs` | the configuration of the AWS SDK, from what Lambda sets |
//! | `aws/http.rs` | the HTTP client, as the SDK takes it |
//! | `aws/partitions.rs` | the region's domain, in a file that is short to parse |
//! | `kms.rs` | AWS KMS |
//! | `secrets.rs` | AWS Secrets Manager |

pub(crate) mod aws;
pub(crate) mod https;
pub(crate) mod kms;
pub(crate) mod roots;
pub(crate) mod secrets;
