//! The line of one call: a JSON object for people and queries, from which CloudWatch takes the metrics as well
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Names in capitals are metrics, others are there to search for. The metrics have no dimension, so that each costs once; but
//! `Errors` and `Refusals` are there for each `outcome` too.

use super::tally::Tally;
use crate::{
    error::Error,
    http::{Problem, cache_status},
    identity::Principal,
    operation::Reply,
    renewal,
    settings::Telemetry,
};
use metrique_writer::{
    Entry, Unit,
    format::Format,
    unit::{AsCount, AsMilliseconds},
};
use metrique_writer_format_emf::{Emf, MetricDefinition, MetricDirective};
use ring::hmac;
use secrecy::ExposeSecret;
use std::{
    io::Write,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tracing_subscriber::fmt::{self, time::FormatTime};

/// The metrics, by the names that the template's alarms and dashboard know them by.
pub const METRICS: [&str; 16] = [
    "Calls",
    "Errors",
    "Refusals",
    "ColdStarts",
    "Duration",
    "DynamoDbTime",
    "LiveChatTime",
    "LiveChatCalls",
    "LiveChatFailures",
    "LiveChatRejections",
    "Renewals",
    "IdentitiesMade",
    "IdentitiesAdopted",
    "IdentitiesChanged",
    "IdentitiesLapsed",
    "LeaseWaits",
];

/// A call that has been answered.
pub(crate) struct Finished<'a> {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// Lambda's id of the invocation.
    pub(crate) request_id: &'a str,
    /// Whose token it was about, if that is known.
    pub(crate) principal: Option<&'a Principal>,
    /// How long it took in all.
    pub(crate) took: Duration,
    /// Its result.
    pub(crate) result: &'a Result<Reply, Error>,
    /// What it counted.
    pub(crate) tally: Tally,
}

/// Writes lines, once it has been started.
static WRITER: OnceLock<Writer> = OnceLock::new();

struct Writer {
    formats: Mutex<Formats>,
    subject_key: Option<hmac::Key>,
    is_warm: AtomicBool,
}

/// From now on calls are written to stdout, with the namespace and the key of the settings.
pub(super) fn start(settings: &Telemetry) {
    let _ = WRITER.set(Writer::new(settings));
}

/// Writes a call's line.
pub(crate) fn write(call: &Finished<'_>) {
    if let Some(writer) = WRITER.get() {
        // What cannot be written can be told to nobody.
        let _ = std::io::stdout().write_all(&writer.line(call));
    }
}

impl Writer {
    fn new(settings: &Telemetry) -> Self {
        let key = settings.subject_key.as_ref().map(ExposeSecret::expose_secret);
        Self {
            formats: Mutex::new(Formats::new(&settings.namespace)),
            subject_key: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())),
            is_warm: AtomicBool::new(false),
        }
    }

    fn line(&self, call: &Finished<'_>) -> Vec<u8> {
        let is_cold = !self.is_warm.swap(true, Ordering::Relaxed);
        let subject = call.principal.zip(self.subject_key.as_ref()).map(|(who, key)| hash(key, who));
        let (entry, mut line) = (Line::of(call, is_cold, subject), Vec::with_capacity(1024));
        let mut formats = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = formats.fitting(&entry).format(&entry, &mut line) {
            tracing::error!(cause = %error, "a call's line could not be written");
            return Vec::new();
        }
        line
    }
}

/// A line must have every metric that its format names, so there is one for each kind of line.
struct Formats {
    good: Emf,
    error: Emf,
    refusal: Emf,
}

impl Formats {
    fn new(namespace: &str) -> Self {
        let format = || Emf::builder(namespace.to_owned(), vec![vec![]]);
        let by_outcome = |name| {
            let count = MetricDefinition { name, unit: Unit::Count, storage_resolution: None };
            let directive = MetricDirective { dimensions: vec![vec!["outcome"]], metrics: vec![count], namespace };
            format().directive(directive).build()
        };
        Self { good: format().build(), error: by_outcome("Errors"), refusal: by_outcome("Refusals") }
    }

    fn fitting(&mut self, line: &Line<'_>) -> &mut Emf {
        match (&line.errors, &line.refusals) {
            (Some(_), _) => &mut self.error,
            (None, Some(_)) => &mut self.refusal,
            (None, None) => &mut self.good,
        }
    }
}

/// HMAC-SHA256 of the principal's key in the table; the first 16 hexadecimal digits. The
/// HMAC's key finds a user's lines; without it, the lines say nothing about the user.
fn hash(key: &hmac::Key, principal: &Principal) -> String {
    hex::encode(&hmac::sign(key, principal.key().as_bytes()).as_ref()[..8])
}

#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
struct Line<'c> {
    #[entry(timestamp)]
    at: SystemTime,
    /// Without it, or with a level that it does not know, Lambda puts its own in place of both.
    #[entry(name = "timestamp")]
    timestamp: String,
    #[entry(name = "level")]
    level: &'static str,
    #[entry(name = "message")]
    message: &'static str,
    #[entry(name = "operation")]
    operation: &'static str,
    #[entry(name = "request_id")]
    request_id: &'c str,
    #[entry(name = "subject")]
    subject: Option<String>,
    #[entry(name = "outcome")]
    outcome: &'static str,
    #[entry(name = "source")]
    source: Option<String>,
    #[entry(name = "cause")]
    cause: Option<String>,
    calls: AsCount<u64>,
    errors: Option<AsCount<u64>>,
    refusals: Option<AsCount<u64>>,
    cold_starts: Option<AsCount<u64>>,
    duration: AsMilliseconds<f64>,
    dynamo_db_time: Option<AsMilliseconds<f64>>,
    live_chat_time: Option<AsMilliseconds<f64>>,
    live_chat_calls: Option<AsCount<u64>>,
    live_chat_failures: Option<AsCount<u64>>,
    live_chat_rejections: Option<AsCount<u64>>,
    renewals: Option<AsCount<u64>>,
    identities_made: Option<AsCount<u64>>,
    identities_adopted: Option<AsCount<u64>>,
    identities_changed: Option<AsCount<u64>>,
    identities_lapsed: Option<AsCount<u64>>,
    lease_waits: Option<AsCount<u64>>,
}

impl<'c> Line<'c> {
    fn of(call: &Finished<'c>, is_cold: bool, subject: Option<String>) -> Self {
        let error = call.result.as_ref().err();
        let tally = &call.tally;
        let problem = error.map(Problem::of);
        let is_server_error = problem.as_ref().is_some_and(|problem| problem.status.is_server_error());
        let is_ours = is_server_error && !error.is_some_and(|error| is_of_caller(error, tally));
        let reply = call.result.as_ref().ok();
        Self {
            at: SystemTime::now(),
            timestamp: timestamp(),
            level: error.map_or(tracing::Level::INFO, Error::level).as_str(),
            message: "call",
            operation: call.operation,
            request_id: call.request_id,
            subject,
            outcome: problem.map_or("ok", |problem| problem.code),
            source: reply.and_then(Reply::source).map(cache_status),
            cause: error.map(ToString::to_string),
            calls: 1.into(),
            errors: some(u64::from(is_ours)),
            refusals: some(u64::from(error.is_some() && !is_ours)),
            cold_starts: some(u64::from(is_cold)),
            duration: ms(call.took),
            dynamo_db_time: (!tally.dynamodb.is_zero()).then(|| ms(tally.dynamodb)),
            live_chat_time: (tally.livechat_calls > 0).then(|| ms(tally.livechat)),
            live_chat_calls: some(tally.livechat_calls),
            live_chat_failures: some(tally.livechat_failures),
            live_chat_rejections: some(tally.livechat_rejections),
            renewals: some(tally.renewals),
            identities_made: some(tally.identities_made),
            identities_adopted: some(tally.identities_adopted),
            identities_changed: some(tally.identities_changed),
            identities_lapsed: some(tally.identities_lapsed),
            lease_waits: some(tally.lease_waits),
        }
    }
}

/// Whether any caller can cause a server error. A caller can make up a group or log out, and must not trigger the site's alarms, which
/// stop its deployments.
fn is_of_caller(error: &Error, tally: &Tally) -> bool {
    match error {
        Error::Renewal(renewal::Error::LoggedOut) => true,
        Error::Renewal(renewal::Error::LiveChatUnavailable(_) | renewal::Error::LiveChatNotCalled(_)) => {
            tally.is_unproven_group
        }
        _ => false,
    }
}

/// A count that is left out when it is 0: most of them are, and each costs room in every line.
fn some(count: u64) -> Option<AsCount<u64>> {
    (count > 0).then(|| count.into())
}

/// Now, in RFC 3339 format, as in all other lines.
fn timestamp() -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = fmt::time::SystemTime.format_time(&mut fmt::format::Writer::new(&mut text));
    text
}

/// To a tenth.
fn ms(time: Duration) -> AsMilliseconds<f64> {
    ((time.as_secs_f64() * 10_000.0).round() / 10.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::UserId, settings::Lookup};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn line(settings: &'static [(&str, &str)], result: &Result<Reply, Error>, tally: Tally) -> Value {
        let look_up = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        let alice = Principal::User(UserId::parse("alice").expect("a user id"));
        let line = Writer::new(&Telemetry::from_lookup(&Lookup::new(look_up))).line(&Finished {
            operation: "getToken",
            request_id: "r-1",
            principal: Some(&alice),
            took: Duration::from_micros(12_345),
            result,
            tally,
        });
        let line = String::from_utf8(line).expect("text");
        assert!(line.ends_with('\n') && line.trim_end().lines().count() == 1, "{line}");
        serde_json::from_str(&line).expect("JSON")
    }

    /// The metrics that CloudWatch would take from a line: dimensions, name and unit.
    fn metrics(line: &Value) -> Vec<(String, String, String)> {
        let mut metrics = Vec::new();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
            for metric in directive["Metrics"].as_array().expect("metrics") {
                let name = metric["Name"].as_str().expect("a name");
                assert!(line.get(name).is_some(), "{name} is not in {line}");
                let unit = metric["Unit"].as_str().unwrap_or_default();
                metrics.push((directive["Dimensions"].to_string(), name.to_owned(), unit.to_owned()));
            }
        }
        metrics
    }

    #[test]
    fn what_did_not_happen_is_left_out() {
        let line = line(&[], &Ok(Reply::HasToken(true)), Tally::default());
        let names: Vec<_> = metrics(&line).into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(names, ["Calls", "ColdStarts", "Duration"]);
        assert_eq!(line["Duration"], json!(12.3));
        let timestamp = line["timestamp"].as_str().expect("a text");
        assert!(timestamp.starts_with("20") && timestamp.contains('T') && timestamp.ends_with('Z'), "{timestamp}");
        assert!(line.get("cause").is_none() && line.get("source").is_none() && line.get("subject").is_none());
    }

    #[test]
    fn an_error_counts_by_its_outcome_too() {
        let line = line(&[("METRICS_NAMESPACE", "shop")], &Err(renewal::Error::Busy.into()), Tally::default());
        assert_eq!((&line["Errors"], &line["outcome"], &line["level"]), (&json!(1), &json!("busy"), &json!("WARN")));
        let count = |dimensions: &str| (dimensions.to_owned(), "Errors".to_owned(), "Count".to_owned());
        let metrics = metrics(&line);
        assert!(metrics.contains(&count("[[]]")) && metrics.contains(&count(r#"[["outcome"]]"#)), "{metrics:?}");
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
            assert_eq!(directive["Namespace"], "shop");
        }
    }

    #[test]
    fn who_is_turned_away_is_no_error() {
        let line = line(&[], &Err(Error::NotFound), Tally::default());
        assert_eq!((line.get("Errors"), &line["Refusals"]), (None, &json!(1)));
        assert!(metrics(&line).contains(&(r#"[["outcome"]]"#.into(), "Refusals".into(), "Count".into())));
    }

    #[test]
    fn all_metrics_are_named() {
        let everything = Tally {
            dynamodb: Duration::from_millis(1),
            livechat: Duration::from_millis(1),
            livechat_calls: 1,
            livechat_failures: 1,
            livechat_rejections: 1,
            renewals: 1,
            identities_made: 1,
            identities_adopted: 1,
            identities_changed: 1,
            identities_lapsed: 1,
            lease_waits: 1,
            is_unproven_group: false,
        };
        let lines = [Err(renewal::Error::Busy.into()), Err(Error::NotFound)]
            .map(|result| line(&[], &result, everything.clone()));
        let seen: BTreeSet<_> = lines.iter().flat_map(metrics).map(|(_, name, _)| name).collect();
        assert_eq!(seen, METRICS.map(str::to_owned).into());
    }

    #[test]
    fn times_are_in_ms() {
        let tally = Tally {
            dynamodb: Duration::from_micros(11_290),
            livechat: Duration::from_millis(80),
            livechat_calls: 2,
            ..Tally::default()
        };
        let line = line(&[], &Ok(Reply::Invalidated), tally);
        assert_eq!(
            (&line["DynamoDbTime"], &line["LiveChatTime"], &line["LiveChatCalls"]),
            (&json!(11.3), &json!(80), &json!(2))
        );
        let in_ms = metrics(&line).into_iter().filter(|(_, _, unit)| unit == "Milliseconds").count();
        assert_eq!(in_ms, 3);
    }

    #[test]
    fn a_subject_is_found_by_who_has_the_key() {
        let line = line(&[("SUBJECT_KEY", "k")], &Ok(Reply::Invalidated), Tally::default());
        // printf %s 'user#alice' | openssl dgst -sha256 -hmac k
        assert_eq!(line["subject"], "42d63b1800c9c190");
        assert!(!line.to_string().contains("alice"));
    }
}
