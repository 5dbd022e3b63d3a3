//! A sandbox, and a client without code of the project in between.

use axum::{
    body::Body,
    http::{HeaderMap, Request, header},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sandbox::{App, Sandbox};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::net::TcpListener;

pub(crate) const REDIRECT_URI: &str = "https://shop.example/";
pub(crate) const UPDATE: &str = "/v3.6/customer/action/update_customer";

pub(crate) struct Lab {
    pub(crate) sandbox: Sandbox,
    client: Client<HttpConnector, Body>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// The body; null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A field that is a string.
    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// The status and the code of an OAuth error.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.field("oauth_exception"))
    }
}

/// An OAuth error, to compare with [`Reply::refusal`].
pub(crate) fn refusal(status: u16, exception: &str) -> (u16, String) {
    (status, exception.to_owned())
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with_file(None).await
    }

    pub(crate) async fn with_file(file: Option<&Path>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let sandbox = Sandbox::start(listener, App::for_page(REDIRECT_URI), file).expect("a sandbox");
        Self { sandbox, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request. `None` if the connection was cut, or there was no response within a second.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: String,
    ) -> Option<Reply> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.sandbox.url()));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        let sent = self.client.request(request.body(Body::from(body)).expect("a good request"));
        let response = tokio::time::timeout(Duration::from_secs(1), sent).await.ok()?.ok()?;
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(Body::new(body), usize::MAX).await.ok()?;
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Some(Reply { status: head.status.as_u16(), headers: head.headers, text })
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: impl ToString,
    ) -> Reply {
        self.try_send(method, path, headers, body.to_string()).await.expect("a response")
    }

    /// `POST /v2/token` with these parameters, and the client's id and secret unless they are given.
    pub(crate) async fn oauth(&self, params: &[(&str, &str)]) -> Reply {
        self.try_oauth(params).await.expect("a response")
    }

    pub(crate) async fn try_oauth(&self, params: &[(&str, &str)]) -> Option<Reply> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("client_id", "sandbox-agent-client"), ("client_secret", "sandbox-agent-secret")] {
            if params.iter().all(|(given, _)| *given != name) {
                body.append_pair(name, value);
            }
        }
        body.extend_pairs(params);
        let form = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
        self.try_send("POST", "/v2/token", &form, body.finish()).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Reply {
        self.oauth(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// A new access token of the agent.
    pub(crate) async fn agent_token(&self) -> String {
        let reply = self.refresh("sandbox-refresh-token").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.field("access_token")
    }

    /// The URL to which `GET /` redirects a browser, with these parameters and the usual ones unless they are given.
    pub(crate) async fn authorize(&self, params: &[(&str, &str)]) -> Reply {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let usual = [("response_type", "code"), ("client_id", "sandbox-agent-client"), ("redirect_uri", REDIRECT_URI)];
        for (name, value) in usual {
            if params.iter().all(|(given, _)| *given != name) {
                query.append_pair(name, value);
            }
        }
        query.extend_pairs(params);
        self.send("GET", &format!("/?{}", query.finish()), &[], "").await
    }

    /// A new authorization code.
    pub(crate) async fn code(&self, params: &[(&str, &str)]) -> String {
        let reply = self.authorize(params).await;
        assert_eq!(reply.status, 302, "{reply:?}");
        let location = reply.headers[header::LOCATION].to_str().expect("text");
        let (_, query) = location.split_once('?').expect("a query");
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        code.expect("a code").1.into_owned()
    }

    /// The agent-token grant in v2, with the parameters in `more` in addition to the usual ones.
    pub(crate) async fn agent_grant(&self, agent_token: &str, more: Value) -> Reply {
        self.agent_grant_at("/v2/customer/token", agent_token, more).await
    }

    pub(crate) async fn agent_grant_at(&self, path: &str, agent_token: &str, more: Value) -> Reply {
        self.try_agent_grant_at(path, agent_token, more).await.expect("a response")
    }

    pub(crate) async fn try_agent_grant_at(&self, path: &str, agent_token: &str, more: Value) -> Option<Reply> {
        let mut body =
            json!({"grant_type": "agent_token", "client_id": "sandbox-agent-client", "response_type": "token"});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let bearer = format!("Bearer {agent_token}");
        self.try_send("POST", path, &[(header::AUTHORIZATION, &bearer)], body.to_string()).await
    }

    /// The cookie grant in v2. Returns the response and the cookies that it set, in the format of a request.
    pub(crate) async fn cookie_grant(&self, cookies: Option<&str>) -> (Reply, String) {
        self.cookie_grant_at("/v2/customer/token", cookies).await
    }

    pub(crate) async fn cookie_grant_at(&self, path: &str, cookies: Option<&str>) -> (Reply, String) {
        let app = self.sandbox.app();
        let body = json!({
            "grant_type": "cookie", "response_type": "token", "client_id": app.client_id, "redirect_uri": REDIRECT_URI,
            "organization_id": app.organization_id, "license_id": app.license_id,
        });
        let headers: Vec<_> = cookies.map(|cookies| (header::COOKIE, cookies)).into_iter().collect();
        let reply = self.send("POST", path, &headers, body).await;
        let set = reply.headers.get_all(header::SET_COOKIE).iter();
        let pairs = set.map(|line| line.to_str().expect("text").split(';').next().expect("a pair").to_owned());
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        (reply, cookies)
    }

    /// `update_customer` for the sandbox's organization.
    pub(crate) async fn update(&self, customer_token: &str, body: Value) -> Reply {
        self.try_update(customer_token, body).await.expect("a response")
    }

    pub(crate) async fn try_update(&self, customer_token: &str, body: Value) -> Option<Reply> {
        let path = format!("{UPDATE}?organization_id={}", self.sandbox.app().organization_id);
        let bearer = format!("Bearer {customer_token}");
        self.try_send("POST", &path, &[(header::AUTHORIZATION, &bearer)], body.to_string()).await
    }

    /// The admin API.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.send(method, path, &[], if body.is_null() { String::new() } else { body.to_string() }).await
    }
}
