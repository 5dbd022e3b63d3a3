//! The sandbox itself, called as LiveChat and through its admin API: the other tests depend on it.

use crate::world::{http_client, until};
use reqwest::{Client, Method, RequestBuilder, header};
use sandbox::{App, CstMode, Fault, Forgotten, Granted, Sandbox};
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// A sandbox, and a client without our own code in between.
struct Lab {
    sandbox: Sandbox,
    http: Client,
}

impl Lab {
    async fn new() -> Self {
        Self::with_file(None).await
    }

    async fn with_file(file: Option<&Path>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let sandbox = Sandbox::start(listener, App::for_page("https://shop.example/"), file).expect("a sandbox");
        Self { sandbox, http: http_client() }
    }

    /// Calls the admin API. Returns the status and the body.
    async fn admin(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let request = self.http.request(method, format!("{}{path}", self.sandbox.url())).body(body.to_owned());
        let response = request.send().await.expect("a response");
        (response.status().as_u16(), response.text().await.expect("a text"))
    }

    async fn report(&self) -> Value {
        let (status, report) = self.admin(Method::GET, "/sandbox", "").await;
        assert_eq!(status, 200);
        serde_json::from_str(&report).expect("JSON")
    }

    fn token_request(&self, cookies: Option<&str>) -> RequestBuilder {
        let app = self.sandbox.app();
        let body = json!({
            "grant_type": "cookie", "response_type": "token", "client_id": app.client_id,
            "organization_id": app.organization_id, "redirect_uri": "https://shop.example/"
        });
        let request = self.http.post(format!("{}/v2/customer/token", self.sandbox.url())).body(body.to_string());
        cookies.into_iter().fold(request, |request, cookies| request.header(header::COOKIE, cookies))
    }

    /// Requests a token. Returns the cookies that came with it, in the format of a request.
    async fn token(&self, cookies: Option<&str>) -> String {
        let response = self.token_request(cookies).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        let set = response.headers().get_all(header::SET_COOKIE).iter();
        let pairs = set.map(|line| line.to_str().expect("text").split(';').next().expect("a pair").to_owned());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Sends `text`, if there is one, to the chat of this token's customer. Returns the status and the messages.
    async fn chat(&self, access_token: &str, text: Option<&str>) -> (u16, Value) {
        let url = format!("{}/sandbox/chat", self.sandbox.url());
        let request = match text {
            Some(text) => self.http.post(url).body(json!({ "text": text }).to_string()),
            None => self.http.get(url),
        };
        let response = request.bearer_auth(access_token).send().await.expect("a response");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Only the texts of the chat's messages.
    async fn texts(&self, access_token: &str) -> Vec<String> {
        let (status, messages) = self.chat(access_token, None).await;
        assert_eq!(status, 200, "{messages}");
        let texts = messages.as_array().expect("messages").iter().map(|message| message["text"].as_str());
        texts.map(|text| text.expect("a text").to_owned()).collect()
    }

    fn latest(&self) -> Granted {
        self.sandbox.journal().pop().expect("a token was issued")
    }
}

#[tokio::test]
async fn malformed_admin_requests_are_refused_with_the_reason() {
    let lab = Lab::new().await;
    let before = lab.report().await;
    for (method, path, body, says) in [
        (Method::PATCH, "/sandbox/settings", "{", "The body is invalid"),
        (Method::PATCH, "/sandbox/settings", "[]", "expected a map"),
        (Method::PATCH, "/sandbox/settings", r#"{"latency": 1}"#, "unknown field `latency`, expected one of"),
        (Method::PATCH, "/sandbox/settings", r#"{"latencyMs": -1}"#, "expected u64"),
        (Method::PATCH, "/sandbox/settings", r#"{"latencyMs": 600001}"#, "latencyMs is 600001; the maximum is 600000"),
        (Method::PATCH, "/sandbox/settings", r#"{"jitterMs": 600001}"#, "jitterMs is 600001; the maximum is 600000"),
        (Method::PATCH, "/sandbox/settings", r#"{"expiresIn": 63072001}"#, "the maximum is 63072000"),
        (Method::PATCH, "/sandbox/settings", r#"{"clockSkewMs": -31536000001}"#, "the maximum is 31536000000"),
        (Method::PATCH, "/sandbox/settings", r#"{"cst": "other"}"#, "unknown variant `other`, expected one of"),
        (
            Method::PATCH,
            "/sandbox/settings",
            r#"{"forgotten": "other"}"#,
            "unknown variant `other`, expected `new_customer`",
        ),
        (Method::POST, "/sandbox/faults", "", "The body is invalid"),
        (Method::POST, "/sandbox/faults", r#"{"fault": "flood"}"#, "unknown variant `flood`, expected one of"),
        (Method::POST, "/sandbox/faults", r#"{"times": 2}"#, "missing field `fault`"),
        (Method::POST, "/sandbox/faults", r#"{"fault": "html", "often": 2}"#, "unknown field `often`"),
        (Method::POST, "/sandbox/faults", r#"{"anyOf": ["html"]}"#, "missing field `perMille`"),
        (Method::POST, "/sandbox/faults", r#"{"anyOf": [], "perMille": 1}"#, "anyOf names no fault"),
        (Method::POST, "/sandbox/faults", r#"{"anyOf": ["html"], "perMille": 1001}"#, "the maximum is 1000"),
    ] {
        let (status, text) = lab.admin(method, path, body).await;
        assert_eq!(status, 400, "{body}: {text}");
        assert!(text.contains(says) && text.ends_with(".\n"), "{body}: {text}");
    }
    assert_eq!(lab.report().await, before);
}

#[tokio::test]
async fn all_settings_and_faults_can_be_set_and_read() {
    let lab = Lab::new().await;
    let settings = json!({
        "latencyMs": 1, "jitterMs": 2, "expiresIn": 3, "cst": "strict", "forgotten": "identity_lost",
        "revocation": "customer", "clockSkewMs": -4, "agentExpiresIn": 5, "agentScope": "customers:ro",
        "refreshRotation": "strict", "unknownEntity": "identity_lost", "identityTransfer": "refused"
    });
    assert_eq!(lab.admin(Method::PATCH, "/sandbox/settings", &settings.to_string()).await.0, 200);
    let share = json!({"anyOf": ["http_503"], "perMille": 1000, "seed": 7});
    assert_eq!(lab.admin(Method::POST, "/sandbox/faults", &share.to_string()).await.0, 200);
    assert_eq!(lab.admin(Method::POST, "/sandbox/faults", r#"{"fault": "html", "times": 2}"#).await.0, 200);
    let statuses = async || {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(lab.token_request(None).send().await.expect("a response").status().as_u16());
        }
        statuses
    };
    let report = lab.report().await;
    assert_eq!(report["settings"], settings);
    assert_eq!(report["share"], share);
    assert_eq!(report["faults"], json!([{"fault": "html", "times": 2}]));
    assert_eq!(statuses().await, [200, 200, 503]);
    assert_eq!(lab.report().await["faultsHit"], json!({"html": 2, "http_503": 1}));
    assert_eq!(lab.admin(Method::POST, "/sandbox/faults", r#"{"anyOf": [], "perMille": 0}"#).await.0, 200);
    assert_eq!(statuses().await, [200, 200, 200]);
    assert_eq!(lab.admin(Method::POST, "/sandbox/reset", "").await.0, 200);
    let fresh = Lab::new().await.report().await;
    assert_eq!(lab.report().await, fresh);
    assert!(lab.sandbox.journal().is_empty());
}

#[tokio::test]
async fn a_skewed_clock_changes_dates_but_not_the_lifetime_of_new_tokens() {
    let lab = Lab::new().await;
    let date = async || {
        let response = lab.token_request(None).send().await.expect("a response");
        response.headers()[header::DATE].to_str().expect("text").to_owned()
    };
    assert_ne!(date().await, "Thu, 01 Jan 1970 00:00:00 GMT");
    // Hours and days with one digit, and a clock at its lowest value.
    lab.sandbox.set(|settings| settings.clock_skew_ms = i64::MIN);
    assert_eq!(date().await, "Thu, 01 Jan 1970 00:00:00 GMT");
    let before = Instant::now();
    lab.token(None).await;
    let granted = lab.latest();
    assert!(before <= granted.came && granted.came <= granted.took_effect);
    assert_eq!(granted.ends, granted.took_effect + Duration::from_hours(8));
    let info = lab.http.get(format!("{}/v2/customer/info", lab.sandbox.url())).bearer_auth(&granted.access_token);
    let info: Value = serde_json::from_str(&info.send().await.expect("a response").text().await.expect("a text"))
        .expect("a token that lives");
    assert_eq!(info["expires_in"], 28_800);
}

#[tokio::test]
async fn the_journal_records_which_customer_the_cookies_proved_and_claimed() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let first = lab.token(None).await;
    let alice = lab.latest().entity_id;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (None, None));
    let second = lab.token(Some(&first)).await;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (Some(alice.clone()), Some(alice.clone())));
    lab.token(Some(&first)).await;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (None, Some(alice.clone())), "an old secret");
    assert_ne!(lab.latest().entity_id, alice);
    lab.sandbox.fail(Fault::OtherEntity, 1);
    lab.token(Some(&second)).await;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (None, Some(alice.clone())), "not recognised");
    assert!(lab.latest().slipped);
    lab.sandbox.forget(&alice);
    lab.token(Some(&second)).await;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (None, Some(alice)), "forgotten");
    assert!(!lab.latest().slipped);
    lab.token(Some("__lc_cid=a; __lc_cst=b")).await;
    assert_eq!((lab.latest().proved, lab.latest().claimed), (None, None), "unknown cookies");
}

#[tokio::test]
async fn unrecognised_cookies_return_identity_lost_and_create_no_customer() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| (settings.cst, settings.forgotten) = (CstMode::Strict, Forgotten::IdentityLost));
    let lost = async |cookies: &str| {
        let issued = lab.sandbox.journal().len();
        let response = lab.token_request(Some(cookies)).send().await.expect("a response");
        let has_cookies = response.headers().contains_key(header::SET_COOKIE);
        let body: Value = serde_json::from_str(&response.text().await.expect("a text")).expect("JSON");
        assert_eq!(lab.sandbox.journal().len() - issued, usize::from(body["entity_id"].is_string()));
        assert_eq!(has_cookies, body["entity_id"].is_string());
        body == json!({"identity_exception": "identity_lost"})
    };
    let old = lab.token(None).await;
    let cookies = lab.token(Some(&old)).await;
    assert!(lost(&old).await && lost("__lc_cid=a; __lc_cst=b").await);
    lab.sandbox.fail(Fault::OtherEntity, 1);
    assert!(lost(&cookies).await, "not recognised once");
    let good = lab.token(Some(&cookies)).await;
    assert!(!lost("__lc_cid=a").await, "one of the two cookies counts as no cookies");
    lab.sandbox.forget(&lab.sandbox.journal()[0].entity_id);
    assert!(lost(&good).await);
    assert_eq!(lab.sandbox.customers(), 2);
    lab.sandbox.fail(Fault::ResetAfter, 1);
    assert!(lab.token_request(Some(&good)).send().await.is_err(), "this response can be lost too");
}

#[tokio::test]
async fn a_call_takes_effect_after_its_caller_disconnected() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.latency_ms = 1_000);
    let impatient = tokio::spawn(lab.token_request(None).send());
    until("a waiting call", async || lab.sandbox.most_waiting() > 0).await;
    impatient.abort();
    until("a token", async || !lab.sandbox.journal().is_empty()).await;
    lab.sandbox.reset();
    assert_eq!(lab.sandbox.most_waiting(), 0, "a disconnected caller does not wait");
}

#[tokio::test]
async fn late_responses_come_after_the_effect() {
    let lab = Lab::new().await;
    lab.sandbox.fail(Fault::HangAfter, 1);
    let impatient = tokio::spawn(lab.token_request(None).send());
    until("a token", async || !lab.sandbox.journal().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!impatient.is_finished(), "the response does not come");
    impatient.abort();
    lab.sandbox.fail(Fault::SlowBody, 1);
    let sent = Instant::now();
    let mut response = lab.token_request(None).send().await.expect("headers at once");
    assert_eq!(response.status(), 200);
    let start = response.chunk().await.expect("no error").expect("a first part at once");
    assert!(start.starts_with(br#"{"access"#));
    response.chunk().await.expect("no error").expect("a second part");
    assert!(sent.elapsed() >= Duration::from_millis(500), "the rest takes its time");
    assert_eq!(lab.sandbox.journal().len(), 2);
}

#[tokio::test]
async fn every_token_of_a_customer_shows_the_same_chat() {
    let lab = Lab::new().await;
    let cookies = lab.token(None).await;
    let laptop = lab.latest().access_token;
    lab.token(Some(&cookies)).await;
    let phone = lab.latest().access_token;
    lab.token(None).await;
    let other = lab.latest().access_token;

    let (status, messages) = lab.chat(&laptop, Some("Hello")).await;
    assert_eq!(status, 200);
    let message = &messages[0];
    assert!(message["id"].is_string() && message["text"] == "Hello" && message["sentAt"].is_u64(), "{message}");
    assert_eq!(lab.chat(&phone, Some("It is me again")).await.0, 200);
    assert_eq!(lab.texts(&laptop).await, ["Hello", "It is me again"]);
    assert_eq!(lab.texts(&phone).await, ["Hello", "It is me again"]);
    assert!(lab.texts(&other).await.is_empty());
    lab.sandbox.forget(&lab.sandbox.journal()[0].entity_id);
    assert!(lab.texts(&phone).await.is_empty());
}

#[tokio::test]
async fn a_chat_needs_a_valid_token() {
    let lab = Lab::new().await;
    lab.token(None).await;
    let token = lab.latest().access_token;
    let refused = async |token: &str| {
        for text in [None, Some("Hello"), Some("")] {
            let (status, response) = lab.chat(token, text).await;
            assert_eq!((status, &response["oauth_exception"]), (401, &json!("access_denied")));
        }
    };
    refused("sandbox:unknown").await;
    refused("").await;
    assert_eq!(lab.admin(Method::GET, "/sandbox/chat", "").await.0, 401);
    lab.sandbox.set(|settings| settings.clock_skew_ms = 8 * 3_600_000);
    refused(&token).await;
    lab.sandbox.set(|settings| settings.clock_skew_ms = 0);
    assert_eq!(lab.chat(&token, None).await.0, 200);
    let revoked = lab.http.delete(format!("{}/v2/customer/token", lab.sandbox.url())).bearer_auth(&token);
    assert_eq!(revoked.send().await.expect("a response").status(), 200);
    refused(&token).await;
}

#[tokio::test]
async fn malformed_messages_are_refused_with_the_reason() {
    let lab = Lab::new().await;
    lab.token(None).await;
    let token = lab.latest().access_token;
    for (text, says) in
        [(" \n", "The text is empty.\n"), (&"x".repeat(1001), "has 1001 characters; the maximum is 1000.\n")]
    {
        let (status, response) = lab.chat(&token, Some(text)).await;
        assert!(status == 400 && response.as_str().is_some_and(|response| response.ends_with(says)), "{response}");
    }
    let bodies = ["", "{}", r#"{"text": 1}"#, r#"{"text": "a", "from": "b"}"#];
    for body in bodies {
        let request = lab.http.post(format!("{}/sandbox/chat", lab.sandbox.url())).bearer_auth(&token).body(body);
        assert_eq!(request.send().await.expect("a response").status(), 400, "{body}");
    }
    assert!(lab.texts(&token).await.is_empty());
}

#[tokio::test]
async fn chats_survive_a_restart_until_a_reset() {
    let file = std::env::temp_dir().join(format!("livechat-cip-{}.json", uuid::Uuid::new_v4()));
    let lab = Lab::with_file(Some(&file)).await;
    lab.token(None).await;
    let token = lab.latest().access_token;
    lab.chat(&token, Some("Hello")).await;
    let after_a_restart = Lab::with_file(Some(&file)).await;
    assert_eq!(after_a_restart.texts(&token).await, ["Hello"]);
    after_a_restart.sandbox.reset();
    assert_eq!(after_a_restart.chat(&token, None).await.0, 401);
    let kept = std::fs::read_to_string(&file).expect("the file");
    std::fs::remove_file(&file).expect("removed");
    assert!(!kept.contains("Hello"), "{kept}");
}
