//! The line of one call: a JSON object for people and queries, from which CloudWatch takes the metrics as well
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Names in Pascal case are metrics, the others are for searching. The metrics have no dimension, so each is billed once. `Errors` and
//! `Refusals` are also counted for each `outcome`.

use super::CallMetrics;
use crate::{identity::Principal, settings::Telemetry};
use metrique::{
    CloseValue, RootEntry,
    unit_of_work::metrics,
    writer::{Unit, format::Format},
};
use metrique_writer_format_emf::{Emf, MetricDefinition, MetricDirective};
use ring::hmac;
use secrecy::ExposeSecret;
use std::{
    borrow::Cow,
    io::Write,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tracing::Level;
use tracing_subscriber::fmt::{self, time::FormatTime};

/// A call that has its result.
pub(crate) struct Finished<'a> {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// Lambda's id of the invocation.
    pub(crate) request_id: &'a str,
    /// Whose call it was, if that is known.
    pub(crate) principal: Option<&'a Principal>,
    /// How long it took in all.
    pub(crate) took: Duration,
    /// Its result.
    pub(crate) outcome: Outcome,
    /// What it counted.
    pub(crate) metrics: &'a CallMetrics,
}

/// The result of a call, as its line shows it.
pub(crate) struct Outcome {
    /// `ok`, or the problem's code.
    pub(crate) code: &'static str,
    /// Which of the metrics it counts for.
    pub(crate) success: Success,
    /// The level of the line.
    pub(crate) level: Level,
    /// Where the token came from, if there is one, in the terms of `Cache-Status` (RFC 9211).
    pub(crate) source: Option<String>,
    /// What went wrong, for the log alone.
    pub(crate) cause: Option<String>,
}

/// Whether a call succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    /// It has its result.
    Succeeded,
    /// It counts as an error: an alarm may follow.
    Failed,
    /// It counts as a refusal: the caller must change something, or could cause the error at will.
    Refused,
}

/// Writes the lines, once [`start`] was called.
static WRITER: OnceLock<Writer> = OnceLock::new();

struct Writer {
    formats: Mutex<Formats>,
    subject_key: Option<hmac::Key>,
    release: String,
    is_warm: AtomicBool,
}

/// Starts writing the lines of calls to stdout, with the namespace and the key of the settings.
pub(super) fn start(settings: &Telemetry) {
    let _ = WRITER.set(Writer::new(settings));
}

/// Writes a call's line.
pub(crate) fn write(call: Finished<'_>) {
    if let Some(writer) = WRITER.get() {
        // Without stdout there is nowhere to report that it failed.
        let _ = std::io::stdout().write_all(&writer.line(call));
    }
}

/// Writes a line about the update of a customer's details that followed a call. Of the metrics, it has only those that count updates.
pub(crate) fn write_update(update: Finished<'_>) {
    if let Some(writer) = WRITER.get() {
        let _ = std::io::stdout().write_all(&writer.update_line(update));
    }
}

impl Writer {
    fn new(settings: &Telemetry) -> Self {
        let key = settings.subject_key.as_ref().map(ExposeSecret::expose_secret);
        Self {
            formats: Mutex::new(Formats::new(&settings.namespace)),
            subject_key: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())),
            release: settings.release.clone(),
            is_warm: AtomicBool::new(false),
        }
    }

    fn line(&self, call: Finished<'_>) -> Vec<u8> {
        let is_cold = !self.is_warm.swap(true, Ordering::Relaxed);
        count_result(&call, is_cold);
        self.format(call, "call")
    }

    fn update_line(&self, update: Finished<'_>) -> Vec<u8> {
        self.format(update, "customer update")
    }

    fn format(&self, call: Finished<'_>, message: &'static str) -> Vec<u8> {
        let subject = call.principal.zip(self.subject_key.as_ref()).map(|(who, key)| hash(key, who));
        let metrics = call.metrics;
        let entry = RootEntry::new(Line::of(call, message, subject, &self.release).close());
        let mut line = Vec::with_capacity(1024);
        let mut formats = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = formats.fitting(metrics).format(&entry, &mut line) {
            tracing::error!(cause = %error, "a call's line could not be written");
            return Vec::new();
        }
        line
    }
}

/// A line must contain every metric that its format names. So there is a format for each kind of line.
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

    fn fitting(&mut self, metrics: &CallMetrics) -> &mut Emf {
        match (metrics.errors.get(), metrics.refusals.get()) {
            (1.., _) => &mut self.error,
            (0, 1..) => &mut self.refusal,
            (0, 0) => &mut self.good,
        }
    }
}

/// The first 16 hexadecimal digits of the HMAC-SHA256 of the principal's key in the table. With the HMAC's key, a user's lines can be
/// found. Without it, the lines say nothing about the user.
pub(super) fn hash(key: &hmac::Key, principal: &Principal) -> String {
    hex::encode(&hmac::sign(key, principal.key().as_bytes()).as_ref()[..8])
}

/// The fields of a line, by their names, and the metrics.
#[metrics]
struct Line<'c> {
    #[metrics(timestamp)]
    at: SystemTime,
    /// If a line has no timestamp, or a level that Lambda does not know, Lambda replaces both with its own.
    timestamp: String,
    level: &'static str,
    message: &'static str,
    operation: &'static str,
    request_id: Cow<'c, str>,
    release: Cow<'c, str>,
    subject: Option<String>,
    outcome: &'static str,
    source: Option<String>,
    cause: Option<String>,
    #[metrics(flatten)]
    metrics: &'c CallMetrics,
}

impl<'c> Line<'c> {
    fn of(call: Finished<'c>, message: &'static str, subject: Option<String>, release: &'c str) -> Self {
        let outcome = call.outcome;
        Self {
            at: SystemTime::now(),
            timestamp: timestamp(),
            level: outcome.level.as_str(),
            message,
            operation: call.operation,
            request_id: call.request_id.into(),
            release: release.into(),
            subject,
            outcome: outcome.code,
            source: outcome.source,
            cause: outcome.cause,
            metrics: call.metrics,
        }
    }
}

/// Counts what is known when the call has its result.
fn count_result(call: &Finished<'_>, is_cold: bool) {
    let metrics = call.metrics;
    metrics.calls.increment();
    metrics.cold_starts.increment_if(is_cold);
    metrics.duration.add(call.took);
    metrics.errors.increment_if(call.outcome.success == Success::Failed);
    metrics.refusals.increment_if(call.outcome.success == Success::Refused);
}

/// Now, in RFC 3339 format, as in all other lines.
fn timestamp() -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = fmt::time::SystemTime.format_time(&mut fmt::format::Writer::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::UserId, settings::Lookup, telemetry::metric_names};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn line(settings: &'static [(&str, &str)], outcome: Outcome, metrics: &CallMetrics) -> Value {
        let look_up = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        let alice = Principal::User(UserId::parse("alice").expect("a user id"));
        let line = Writer::new(&Telemetry::from_lookup(&Lookup::new(look_up))).line(Finished {
            operation: "getToken",
            request_id: "r-1",
            principal: Some(&alice),
            took: Duration::from_micros(12_345),
            outcome,
            metrics,
        });
        let line = String::from_utf8(line).expect("UTF-8");
        assert!(line.ends_with('\n') && line.trim_end().lines().count() == 1, "{line}");
        serde_json::from_str(&line).expect("JSON")
    }

    fn succeeded() -> Outcome {
        Outcome { code: "ok", success: Success::Succeeded, level: Level::INFO, source: None, cause: None }
    }

    fn failed() -> Outcome {
        let cause = Some("another renewal did not end in time".into());
        Outcome { code: "busy", success: Success::Failed, level: Level::WARN, source: None, cause }
    }

    fn refused() -> Outcome {
        let cause = Some("no such path".into());
        Outcome { code: "not_found", success: Success::Refused, level: Level::DEBUG, source: None, cause }
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
    fn a_metric_that_is_0_is_left_out() {
        let line = line(&[], succeeded(), &CallMetrics::default());
        let names: Vec<_> = metrics(&line).into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(names, ["Calls", "ColdStarts", "Duration"]);
        assert_eq!(line["Duration"], json!(12.3));
        let timestamp = line["timestamp"].as_str().expect("a string");
        assert!(timestamp.starts_with("20") && timestamp.contains('T') && timestamp.ends_with('Z'), "{timestamp}");
        assert!(line.get("cause").is_none() && line.get("source").is_none() && line.get("subject").is_none());
    }

    #[cfg(feature = "operator")]
    #[test]
    fn a_line_can_be_read_back_and_found_by_the_hash_of_its_user() {
        use crate::telemetry::{LoggedCall, subject_hash};
        let metrics = CallMetrics::default();
        metrics.live_chat_time.add(Duration::from_millis(80));
        let line = line(&[("SUBJECT_KEY", "a key")], failed(), &metrics);
        let alice = Principal::User(UserId::parse("alice").expect("a user id"));
        let call = LoggedCall::read(&format!("2026-01-01T00:00:00.000Z {line}")).expect("a call");
        assert_eq!(call.subject, Some(subject_hash("a key", &alice)));
        assert_eq!((call.operation.as_str(), call.outcome.as_str()), ("getToken", "busy"));
        assert_eq!((call.duration, call.live_chat_time, call.dynamo_db_time), (12.3, Some(80.0), None));
        assert_eq!(call.cause.as_deref(), Some("another renewal did not end in time"));
        assert_eq!(LoggedCall::read(r#"{"level":"INFO","message":"started"}"#), None);
    }

    #[test]
    fn errors_are_counted_by_outcome_too() {
        let line = line(&[("METRICS_NAMESPACE", "shop")], failed(), &CallMetrics::default());
        assert_eq!((&line["Errors"], &line["outcome"], &line["level"]), (&json!(1), &json!("busy"), &json!("WARN")));
        let count = |dimensions: &str| (dimensions.to_owned(), "Errors".to_owned(), "Count".to_owned());
        let metrics = metrics(&line);
        assert!(metrics.contains(&count("[[]]")) && metrics.contains(&count(r#"[["outcome"]]"#)), "{metrics:?}");
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
            assert_eq!(directive["Namespace"], "shop");
        }
    }

    #[test]
    fn a_line_names_the_release() {
        let release = |settings| line(settings, succeeded(), &CallMetrics::default())["release"].clone();
        assert_eq!(release(&[]), env!("CARGO_PKG_VERSION"));
        assert_eq!(release(&[("RELEASE", "1.2.3+2")]), "1.2.3+2");
    }

    #[test]
    fn a_refusal_is_not_counted_as_an_error() {
        let line = line(&[], refused(), &CallMetrics::default());
        assert_eq!((line.get("Errors"), &line["Refusals"]), (None, &json!(1)));
        assert!(metrics(&line).contains(&(r#"[["outcome"]]"#.into(), "Refusals".into(), "Count".into())));
    }

    #[test]
    fn every_metric_can_be_in_a_line() {
        let everything = || {
            let metrics = CallMetrics::default();
            for count in [
                &metrics.live_chat_calls,
                &metrics.live_chat_failures,
                &metrics.live_chat_rejections,
                &metrics.renewals,
                &metrics.identities_made,
                &metrics.identities_adopted,
                &metrics.identities_changed,
                &metrics.identities_lapsed,
                &metrics.identities_recovered,
                &metrics.agent_tokens_refreshed,
                &metrics.agent_token_failures,
                &metrics.customer_updates,
                &metrics.customer_update_failures,
                &metrics.kms_refusals,
                &metrics.lease_waits,
            ] {
                count.increment();
            }
            metrics.dynamo_db_time.add(Duration::from_millis(1));
            metrics.live_chat_time.add(Duration::from_millis(1));
            metrics
        };
        let lines = [failed(), refused()].map(|outcome| line(&[], outcome, &everything()));
        let seen: BTreeSet<_> = lines.iter().flat_map(metrics).map(|(_, name, _)| name).collect();
        assert_eq!(seen, metric_names().into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn times_are_in_ms() {
        let counted = CallMetrics::default();
        counted.dynamo_db_time.add(Duration::from_millis(11));
        counted.dynamo_db_time.add(Duration::from_micros(290));
        counted.live_chat_time.add(Duration::from_millis(80));
        counted.live_chat_calls.increment();
        counted.live_chat_calls.increment();
        let line = line(&[], succeeded(), &counted);
        assert_eq!(
            (&line["DynamoDbTime"], &line["LiveChatTime"], &line["LiveChatCalls"]),
            (&json!(11.3), &json!(80), &json!(2))
        );
        let in_ms = metrics(&line).into_iter().filter(|(_, _, unit)| unit == "Milliseconds").count();
        assert_eq!(in_ms, 3);
    }

    #[test]
    fn with_a_key_the_line_has_a_hash_of_the_user() {
        let line = line(&[("SUBJECT_KEY", "k")], succeeded(), &CallMetrics::default());
        // printf %s 'user#alice' | openssl dgst -sha256 -hmac k
        assert_eq!(line["subject"], "42d63b1800c9c190");
        assert!(!line.to_string().contains("alice"));
    }
}
