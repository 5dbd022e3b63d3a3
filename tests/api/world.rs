//! The world that a test happens in: a sandbox, a table of its own, and functions as processes.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use cip::{
    identity::{Group, GuestId, Principal, Subject, UserId},
    store::Store,
};
use lambda_simulator::{InvocationBuilder, InvocationStatus, Simulator, SimulatorPhase};
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// The site's redirect URI, which is on the sandbox's list.
const REDIRECT_URI: &str = "https://shop.example/";

/// What a guest's browser keeps.
pub(crate) const GUEST: &str = "guest-secret-0123456789-0123456789-0123456789";

/// The longest wait for what a fast machine does at once. The product has no such limit.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a binary is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    GetToken,
    GetFreshToken,
    HasToken,
    Invalidate,
}
pub(crate) use Binary::*;

impl Binary {
    pub(crate) fn path(self) -> &'static str {
        match self {
            GetToken => env!("CARGO_BIN_EXE_get-token"),
            GetFreshToken => env!("CARGO_BIN_EXE_get-fresh-token"),
            HasToken => env!("CARGO_BIN_EXE_has-token"),
            Invalidate => env!("CARGO_BIN_EXE_invalidate"),
        }
    }

    /// The operation's name in a path.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            GetToken => "getToken",
            GetFreshToken => "getFreshToken",
            HasToken => "hasToken",
            Invalidate => "invalidate",
        }
    }
}

/// A sandbox, a table, and settings for functions; everything that they log or answer is checked for secrets at the end.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    pub(crate) table: String,
    settings: HashMap<String, String>,
    said: Said,
    running: Mutex<HashMap<Binary, Arc<Function>>>,
}

type Said = Arc<Mutex<String>>;

impl World {
    /// A new one, with an organization (v2).
    pub(crate) async fn new() -> Self {
        let app = App { redirect_uris: vec![REDIRECT_URI.into()], ..App::for_page("") };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let sandbox = Sandbox::start(listener, app, None).expect("a sandbox");
        let url = if let Ok(url) = std::env::var("DYNAMODB_LOCAL_URL") {
            url
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            database::start(vec![listener], None).expect("a database in memory")
        };
        let dynamodb = database::client(&url);
        let table = format!("cip-{}", uuid::Uuid::new_v4());
        database::create_table(&dynamodb, &table).await.expect("a table");
        let app = sandbox.app();
        let settings = [
            ("TABLE_NAME", table.clone()),
            ("AUTH", "none".into()),
            ("ALLOW_UNVERIFIED_USERS", "true".into()),
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_LICENSE_ID", app.license_id.to_string()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", REDIRECT_URI.into()),
            ("LIVECHAT_ACCOUNTS_URL", sandbox.url()),
            ("AWS_ENDPOINT_URL_DYNAMODB", url),
            // Tests renew more often than any user.
            ("RENEWALS_PER_MINUTE", "1000".into()),
            ("RUST_LOG", "trace".into()),
        ];
        let settings = settings.into_iter().chain(database::ENVIRONMENT.map(|(name, value)| (name, value.to_owned())));
        Self {
            sandbox,
            dynamodb,
            table,
            settings: settings.map(|(name, value)| (name.to_owned(), value)).collect(),
            said: Said::default(),
            running: Mutex::default(),
        }
    }

    /// The same, with another setting: as after a deployment, functions start anew with it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.settings.insert(name.into(), value.into());
        self
    }

    /// The same, with a v1 licence only.
    pub(crate) fn with_v1(mut self) -> Self {
        self.settings.remove("LIVECHAT_ORGANIZATION_ID");
        self
    }

    /// The same, without a setting.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// Calls an operation for a user, as a page would through an HTTP API. The process lives on for the next call.
    pub(crate) async fn call(&self, binary: Binary, user: &str) -> Answer {
        self.send(binary, &http_api(binary, user, "")).await
    }

    /// The same for a group.
    pub(crate) async fn call_group(&self, binary: Binary, user: &str, group: &str) -> Answer {
        self.send(binary, &http_api(binary, user, &format!("group={group}"))).await
    }

    /// Sends an event of any kind.
    pub(crate) async fn send(&self, binary: Binary, event: &Value) -> Answer {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&binary).cloned();
        let function = if let Some(function) = running {
            function
        } else {
            let function = Arc::new(self.spawn(binary).await);
            self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(binary, function.clone());
            function
        };
        function.send(event).await
    }

    /// The value of a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }

    /// A process of its own.
    pub(crate) async fn spawn(&self, binary: Binary) -> Function {
        self.spawn_with(binary, &[]).await
    }

    /// The same, with settings that others do not have. It is there, and waits for events: how long a machine takes to start a process is
    /// no function's fault.
    pub(crate) async fn spawn_with(&self, binary: Binary, settings: &[(&str, String)]) -> Function {
        let lambda = Simulator::builder().function_name(binary.operation()).build().await.expect("a runtime API");
        let mut process = command(binary);
        process.envs(lambda.lambda_env_vars()).envs(&self.settings).envs(settings.iter().cloned());
        let mut process = process.spawn().expect("the binary starts");
        listen(process.stdout.take(), &self.said);
        listen(process.stderr.take(), &self.said);
        let function = Function { lambda, process: Mutex::new(process), said: self.said.clone() };
        function.is_ready().await;
        function
    }

    /// Starts a binary that is expected to end at once; what it said.
    pub(crate) async fn init_error(&self, binary: Binary) -> String {
        let lambda = Simulator::builder().function_name(binary.operation()).build().await.expect("a runtime API");
        let mut process = command(binary);
        process.envs(lambda.lambda_env_vars()).envs(&self.settings);
        let ended = tokio::time::timeout(Duration::from_secs(20), process.output()).await.expect("it ends");
        let ended = ended.expect("the binary starts");
        assert!(!ended.status.success());
        String::from_utf8_lossy(&ended.stderr).into_owned()
    }

    /// The subject's stored item.
    pub(crate) async fn item(&self, user: &str) -> HashMap<String, AttributeValue> {
        self.item_at(user, "identity").await
    }

    /// The stored item at this sort key.
    pub(crate) async fn item_at(&self, user: &str, sk: &str) -> HashMap<String, AttributeValue> {
        self.item_of(&format!("user#{user}"), sk).await
    }

    /// What is stored for the guest with this secret.
    pub(crate) async fn guest_item(&self, secret: &str) -> HashMap<String, AttributeValue> {
        self.item_of(&guest_key(secret), "identity").await
    }

    async fn item_of(&self, pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk.into()))
            .key("sk", AttributeValue::S(sk.into()))
            .consistent_read(true)
            .send()
            .await;
        answer.expect("an answer of DynamoDB").item.unwrap_or_default()
    }

    /// The store, as the functions use it.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), &self.table)
    }

    /// Makes the user's stored token older, as if time had passed.
    pub(crate) async fn age_token(&self, user: &str, by: Duration) {
        self.age_token_at(user, "identity", by).await;
    }

    /// The same, at this sort key.
    pub(crate) async fn age_token_at(&self, user: &str, sk: &str, by: Duration) {
        let token = self.item_at(user, sk).await["token"].as_m().expect("a map").clone();
        let created: i64 = token["created"].as_n().expect("a number").parse().expect("a number");
        let by = i64::try_from(by.as_millis()).expect("a short time");
        let created = AttributeValue::N((created - by).to_string());
        let (pk, set) = (format!("user#{user}"), "SET #token.#created = :created");
        self.change(pk, sk, set, &["token", "created"], created).await;
    }

    /// Spends the renewals of the user's groups, in this minute and the next one.
    pub(crate) async fn spend_renewals_in_groups(&self, user: &str) {
        let minute = cip::time::now_ms() / 60_000;
        for minute in [minute, minute + 1] {
            let many = AttributeValue::N("1000".into());
            let (pk, sk) = (format!("user#{user}"), format!("renewals#{minute}"));
            self.change(pk, &sk, "SET #renewals = :renewals", &["renewals"], many).await;
        }
    }

    /// How many renewals of the user's groups were counted since the minute `since` (since 1970).
    pub(crate) async fn renewals_in_groups(&self, user: &str, since: u64) -> u64 {
        let mut sum = 0;
        for minute in since..=cip::time::now_ms() / 60_000 {
            let item = self.item_at(user, &format!("renewals#{minute}")).await;
            let counted = item.get("renewals").map(|renewals| renewals.as_n().expect("a number").parse::<u64>());
            sum += counted.map_or(0, |counted| counted.expect("a number"));
        }
        sum
    }

    /// Ends LiveChat's refusal of the user, as if time had passed.
    pub(crate) async fn refusal_ends(&self, user: &str) {
        self.refusal_ends_at(user, cip::time::now_ms()).await;
    }

    /// It ends then, in Unix time in ms.
    pub(crate) async fn refusal_ends_at(&self, user: &str, at_ms: u64) {
        let until = AttributeValue::N(at_ms.to_string());
        self.change_item(user, "SET #refused.#until = :until", &["refused", "until"], until).await;
    }

    /// Changes the user's stored item. The expression names attributes as `#name` and the value as `:` and the last name.
    pub(crate) async fn change_item(&self, user: &str, expression: &str, names: &[&str], value: AttributeValue) {
        self.change(format!("user#{user}"), "identity", expression, names, value).await;
    }

    /// The same of the item of the guest with this secret.
    pub(crate) async fn change_guest(&self, secret: &str, expression: &str, names: &[&str], value: AttributeValue) {
        self.change(guest_key(secret), "identity", expression, names, value).await;
    }

    async fn change(&self, pk: String, sk: &str, expression: &str, names: &[&str], value: AttributeValue) {
        let mut request = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk.into()))
            .update_expression(expression);
        for name in names {
            request = request.expression_attribute_names(format!("#{name}"), *name);
        }
        let last = names.last().expect("a name");
        request.expression_attribute_values(format!(":{last}"), value).send().await.expect("a change");
    }

    /// Waits until LiveChat got this many token calls.
    pub(crate) async fn until_livechat_is_asked(&self, times: u64) {
        while self.sandbox.calls().token < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The lines of calls that functions wrote, from line `from` of all that was said.
    pub(crate) fn call_lines(&self, from: usize) -> Vec<Value> {
        self.said().lines().skip(from).filter_map(line_of_a_call).collect()
    }

    /// The same of all calls so far, once there are so many.
    pub(crate) async fn lines_of_calls(&self, number: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.call_lines(0);
            if lines.len() >= number {
                assert_eq!(lines.len(), number, "one line for each call");
                return lines;
            }
            assert!(Instant::now() < end, "a line for each of {number} calls, and not for {} only", lines.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that functions logged and answered so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn command(binary: Binary) -> Command {
    let mut command = Command::new(binary.path());
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// In every test: no cookie in any answer or log line, and no token, secret or user id in a log line.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.said());
            return;
        }
        for line in self.said().lines() {
            let is_answer = line.starts_with("answer: ");
            for secret in ["__lc_", "cst-", "guest-secret", "test-secret"] {
                assert!(!line.contains(secret), "{secret} in: {line}");
            }
            // The last three: a JSON Web Token, a guest's secret, and what tests call their own.
            for secret in ["sandbox:token-", "user#", "guest#", "alice", "eyJ", "guest-secret", "test-secret"] {
                assert!(is_answer || !line.contains(secret), "{secret} in the log: {line}");
            }
        }
    }
}

/// A Lambda function: one process, one event at a time.
pub(crate) struct Function {
    lambda: Simulator,
    process: Mutex<Child>,
    said: Said,
}

impl Function {
    /// Calls its operation for a user.
    pub(crate) async fn call(&self, binary: Binary, user: &str) -> Answer {
        self.send(&http_api(binary, user, "")).await
    }

    /// Sends an event, with the template's time-out.
    pub(crate) async fn send(&self, event: &Value) -> Answer {
        self.send_within(event, Duration::from_secs(15)).await
    }

    async fn is_ready(&self) {
        let end = Instant::now() + PATIENCE;
        // In short steps, as below.
        while self.lambda.wait_for_phase(SimulatorPhase::Ready, Duration::from_millis(20)).await.is_err() {
            let ended = self.process.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            assert!(Instant::now() < end && matches!(ended, Ok(None)), "the function does not start: {ended:?}");
        }
    }

    /// Sends an event with this time-out, and sees that the function kept to it by its own account: how long this machine took to let
    /// it is another matter.
    pub(crate) async fn send_within(&self, event: &Value, timeout: Duration) -> Answer {
        let request_id = self.start(event, timeout).await;
        let answer = self.answer(&request_id, timeout + PATIENCE).await.expect("an answer");
        let took_ms = self.duration_ms(&request_id).await;
        assert!(Duration::from_secs_f64(took_ms / 1000.0) < timeout, "{took_ms} ms, of {timeout:?}");
        answer
    }

    /// How long the call took, as its line says, which comes a moment later than the answer.
    async fn duration_ms(&self, request_id: &str) -> f64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let line = {
                let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                said.lines().rev().filter_map(line_of_a_call).find(|line| line["request_id"] == request_id)
            };
            if let Some(line) = line {
                return line["Duration"].as_f64().expect("ms");
            }
            assert!(Instant::now() < end, "no line of the call");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the answer to an event that was sent; `None` if there is none by then.
    pub(crate) async fn answer(&self, request_id: &str, timeout: Duration) -> Option<Answer> {
        let ended = tokio::time::timeout(timeout, async {
            loop {
                // The simulator misses a change that comes between its look and its wait, so it is asked to look often.
                let look = self.lambda.wait_for_invocation_complete(request_id, Duration::from_millis(20)).await;
                if let Ok(state) = look {
                    return state;
                }
            }
        });
        let state = ended.await.ok()?;
        assert_eq!(state.status, InvocationStatus::Success, "{:?}", state.error);
        let answer = state.response.expect("an answer").payload;
        note(&self.said, &format!("answer: {answer}"));
        Some(Answer(answer))
    }

    /// Sends an event and does not wait.
    pub(crate) async fn start(&self, event: &Value, timeout: Duration) -> String {
        let invocation = InvocationBuilder::new()
            .payload(event.clone())
            .timeout_ms(u64::try_from(timeout.as_millis()).expect("a short time"))
            .build()
            .expect("an invocation");
        self.lambda.enqueue(invocation).await
    }

    /// Ends the process at once, as when Lambda's host fails.
    pub(crate) fn kill(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).start_kill().expect("it was running");
    }

    /// The same, and ends its runtime API too, which else serves until the test ends.
    pub(crate) async fn end(self) {
        self.kill();
        self.lambda.shutdown().await;
    }

    /// The process's id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).id()
    }
}

/// What a function says of a call, if that is what it says here.
fn line_of_a_call(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(|line: &Value| line["message"] == "call")
}

fn note(said: &Said, line: &str) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_str(line);
    said.push('\n');
}

fn listen(stream: Option<impl AsyncRead + Unpin + Send + 'static>, said: &Said) {
    let (Some(stream), said) = (stream, said.clone()) else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            note(&said, &line);
        }
    });
}

/// An answer in API Gateway's form.
#[derive(Clone, Debug)]
pub(crate) struct Answer(Value);

impl Answer {
    pub(crate) fn status(&self) -> u64 {
        self.0["statusCode"].as_u64().expect("a status")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let of_a_rest_api = &self.0["multiValueHeaders"][name][0];
        self.0["headers"][name].as_str().or(of_a_rest_api.as_str()).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(self.0["body"].as_str().expect("a body")).expect("JSON")
    }

    /// The token object.
    pub(crate) fn token(&self) -> Value {
        assert_eq!(self.status(), 200, "{}", self.0);
        self.body()
    }

    pub(crate) fn entity(&self) -> String {
        self.token()["entityId"].as_str().expect("an entity id").to_owned()
    }

    pub(crate) fn access_token(&self) -> String {
        self.token()["accessToken"].as_str().expect("an access token").to_owned()
    }

    /// Where the token came from.
    pub(crate) fn source(&self) -> &str {
        self.header("cache-status").strip_prefix("livechat-cip; ").unwrap_or_default()
    }

    /// The status and code of a problem, after checking its form.
    pub(crate) fn problem(&self) -> (u64, String) {
        let body = self.body();
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.0);
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(body["status"], self.status());
        for member in ["title", "detail", "requestId"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
        }
        assert_eq!(body["livechatCode"].is_string(), self.status() == 502, "{body}");
        if [429, 502, 503].contains(&self.status()) {
            assert!(self.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", self.0);
        }
        (self.status(), body["code"].as_str().expect("a code").to_owned())
    }
}

/// The event that an HTTP API makes of `/{operation}/{user}`, the path decoded.
pub(crate) fn http_api(binary: Binary, user: &str, query: &str) -> Value {
    let path = format!("/{}/{user}", binary.operation());
    let mut event: Value = serde_json::from_str(include_str!("../events/get-token.json")).expect("JSON");
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["path"] = json!(path);
    event["pathParameters"] = json!({"user": user});
    event
}

/// The same with a path that need not name a user, and with headers.
pub(crate) fn request(binary: Binary, user: Option<&str>, headers: &[(&str, &str)]) -> Value {
    let mut event = http_api(binary, user.unwrap_or_default(), "");
    if user.is_none() {
        let path = json!(format!("/{}", binary.operation()));
        event["rawPath"] = path.clone();
        event["requestContext"]["http"]["path"] = path;
        event["pathParameters"] = json!({});
    }
    for (name, value) in headers {
        match *name {
            "cookie" => event["cookies"] = json!(value.split("; ").collect::<Vec<_>>()),
            _ => event["headers"][*name] = json!(value),
        }
    }
    event
}

/// The same event as a logout.
pub(crate) fn as_logout(mut event: Value) -> Value {
    event["requestContext"]["http"]["method"] = json!("POST");
    event["headers"]["content-type"] = json!("application/json");
    event["body"] = json!("{\"logout\":true}");
    event
}

/// A subject, as the functions make it of a request.
pub(crate) fn subject(user: &str, group: Option<u32>) -> Subject {
    Subject { principal: Principal::User(UserId::parse(user).expect("a good id")), group: group.map(Group) }
}

fn guest_key(secret: &str) -> String {
    format!("guest#{}", GuestId::of_secret(secret.as_bytes()).expect("a good secret").as_str())
}

/// Serves something that stands in for a service, on a free port, until the test ends; its URL.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A client for whatever listens on this machine, without any of our code between.
pub(crate) fn http_client() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client")
}
