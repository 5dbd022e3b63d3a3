//! LiveChat's Customer Chat API: what agents see of a customer.
//!
//! Source: <https://platform.text.com/docs/messaging/customer-chat-api/#update-customer>. Which statuses errors have is not documented.

use super::{Accounts, response::code, transport};
use crate::{clients::https, context::Context, identity::CustomerDetails};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::Duration;

/// How long LiveChat may take. No user is waiting, but the function serves no other call meanwhile.
pub(crate) const LONGEST_UPDATE: Duration = Duration::from_secs(2);

/// Why LiveChat may not have accepted an update.
#[derive(Debug)]
pub(crate) enum UpdateError {
    /// It says that it refuses what the update contains.
    Content(String),
    /// Anything else.
    Other(String),
}

impl Accounts {
    /// Sets the details of the customer whose token this is, once. What `details` does not have stays as it is.
    pub(crate) async fn update_customer(
        &self,
        token: &SecretString,
        details: &CustomerDetails,
        context: &Context,
    ) -> Result<(), UpdateError> {
        let request = self.http.post(self.update_url()).header(CONTENT_TYPE, "application/json");
        let request = request.bearer_auth(token.expose_secret()).body(body(details));
        let mut response = request.timeout(context.left().min(LONGEST_UPDATE)).send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let body = https::body(&mut response, Self::LONGEST_BODY).await.map_err(lost)?.unwrap_or_default();
        read(status, &body)
    }

    /// Where updates are sent. `CUSTOMER_DETAILS` needs an organization.
    pub(crate) fn update_url(&self) -> String {
        let base = self.settings.api_url.as_str().trim_end_matches('/');
        let organization_id = self.settings.account().organization_id.unwrap_or_default();
        format!("{base}/v3.6/customer/action/update_customer?organization_id={organization_id}")
    }
}

fn body(CustomerDetails { name, email, fields }: &CustomerDetails) -> String {
    let mut body = json!({});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    if !fields.is_empty() {
        body["session_fields"] = fields.iter().map(|(key, value)| json!({ key: value })).collect();
    }
    body.to_string()
}

fn read(status: u16, body: &[u8]) -> Result<(), UpdateError> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json["error"]["type"].as_str()).map(code);
    match (status, error) {
        (200..300, None)
            if body.trim_ascii().is_empty() || json.as_ref().is_some_and(|json| json.get("error").is_none()) =>
        {
            Ok(())
        }
        (200..300, None) => Err(UpdateError::Other("a response that is not LiveChat's".into())),
        (_, Some("misdirected_request")) | (421, _) => Err(UpdateError::Other(
            "misdirected_request: the account is in another region (see LIVECHAT_API_URL)".into(),
        )),
        (_, Some(error @ ("validation" | "entity_too_large"))) => Err(UpdateError::Content(error.into())),
        (_, error) => Err(UpdateError::Other(error.map_or_else(|| format!("status {status}"), str::to_owned))),
    }
}

fn lost(error: reqwest::Error) -> UpdateError {
    UpdateError::Other(transport::cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_sent() {
        let fields = vec![("plan".to_owned(), "pro".to_owned()), ("since".to_owned(), "2020".to_owned())];
        let all = CustomerDetails { name: Some("Alice".into()), email: Some("alice@shop.example".into()), fields };
        let expected = json!({
            "name": "Alice", "email": "alice@shop.example", "session_fields": [{"plan": "pro"}, {"since": "2020"}]
        });
        assert_eq!(serde_json::from_str::<Value>(&body(&all)).expect("JSON"), expected);
        let name = CustomerDetails { email: None, fields: vec![], ..all };
        assert_eq!(body(&name), r#"{"name":"Alice"}"#);
    }

    #[test]
    fn a_response_decides_whether_an_update_is_repeated() {
        let error = |kind: &str| json!({"error": {"type": kind, "message": "alice@shop.example"}}).to_string();
        for (status, body) in [(200, ""), (200, "{}"), (202, "\n")] {
            assert!(read(status, body.as_bytes()).is_ok(), "{status} {body}");
        }
        for (status, body) in [(400, error("validation")), (200, error("validation")), (413, error("entity_too_large"))]
        {
            let refused = read(status, body.as_bytes());
            assert!(
                matches!(&refused, Err(UpdateError::Content(why)) if !why.to_lowercase().contains("alice")),
                "{status} {body} {refused:?}"
            );
        }
        for (status, body) in [
            (200, "<!doctype html>".into()),
            (200, r#"{"error":"alice"}"#.into()),
            (302, String::new()),
            // A proxy.
            (400, String::new()),
            (413, "<!doctype html>".into()),
            (422, r#"{"error":"validation"}"#.into()),
            (400, error("Alice")),
            (401, error("authentication")),
            (403, error("customer_banned")),
            (404, error("license_not_found")),
            (421, error("misdirected_request")),
            (429, error("too_many_requests")),
            (500, String::new()),
            (503, "<!doctype html>".into()),
            (500, error("alice@shop.example")),
        ] {
            let failed = read(status, body.as_bytes());
            assert!(
                matches!(&failed, Err(UpdateError::Other(why)) if !why.to_lowercase().contains("alice")),
                "{status} {body} {failed:?}"
            );
        }
    }
}
