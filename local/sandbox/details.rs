//! A customer's name, e-mail and session fields.

use serde::{Deserialize, Serialize};

/// What `update_customer` has set for a customer. It is empty for a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomerDetails {
    /// `name`.
    pub name: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `session_fields`, by key and value, in the order of the request. The admin API shows each as a pair.
    pub session_fields: Vec<(String, String)>,
}
