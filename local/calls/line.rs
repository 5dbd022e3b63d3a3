//! A call as a line for the terminal: `getToken       alice             200  hit                    5.1 ms`.

use crate::gateway::Insight;
use anstyle::{AnsiColor, Style};
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use cip::identity::{Principal, Subject};
use std::{io::Write, time::Duration};

/// The longest name of a user that is shown, in characters.
const LONGEST_NAME: usize = 40;

/// What is shown of a call that has its response.
pub(super) struct Line {
    operation: String,
    pub(super) user: Option<String>,
    pub(super) status: StatusCode,
    /// The parameters of `Cache-Status`.
    pub(super) source: Option<String>,
    pub(super) code: Option<String>,
    /// What came of it, in a word or two.
    result: String,
    took: Duration,
    cause: Option<String>,
}

impl Line {
    pub(super) fn of(operation: String, response: &Response, took: Duration) -> Self {
        let insight = response.extensions().get::<Insight>();
        let source = source(response.headers());
        Self {
            result: result(&operation, response, insight, source.as_deref()),
            user: insight.and_then(|insight| insight.subject.as_ref()).map(name),
            code: insight.and_then(|insight| insight.code.clone()),
            cause: insight.and_then(|insight| Some(printable(&insight.cause.as_ref()?.to_string()))),
            status: response.status(),
            operation,
            source,
            took,
        }
    }

    /// Prints the line. In a terminal, the status has a colour.
    pub(super) fn print(&self) {
        // Without stdout there is nowhere to report that it failed.
        let _ = writeln!(anstream::stdout(), "{}", self.text());
    }

    fn text(&self) -> String {
        let Self { operation, user, status, result, took, cause, .. } = self;
        let colour = match status.as_u16() {
            200..400 => AnsiColor::Green,
            400..500 => AnsiColor::Yellow,
            _ => AnsiColor::Red,
        };
        let (bold, quiet) = (Style::new().fg_color(Some(colour.into())).bold(), Style::new().dimmed());
        let user = user.as_deref().unwrap_or("–");
        let status = status.as_u16();
        let ms = took.as_secs_f64() * 1e3;
        let ms = if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") };
        let cause = cause.as_ref().map(|cause| format!("  {quiet}{cause}{quiet:#}")).unwrap_or_default();
        format!("{operation:<14} {user:<16}  {bold}{status}{bold:#}  {result:<20} {ms:>5} ms{cause}")
    }
}

/// The parameters of our member of `Cache-Status` (RFC 9211).
fn source(headers: &HeaderMap) -> Option<String> {
    let status = headers.get("cache-status")?.to_str().ok()?;
    status.strip_prefix("livechat-cip; ").map(str::to_owned)
}

fn result(operation: &str, response: &Response, insight: Option<&Insight>, source: Option<&str>) -> String {
    let Some(insight) = insight else {
        return if response.status() == StatusCode::UNAUTHORIZED { "authorizer".into() } else { "no function".into() };
    };
    if let Some(code) = &insight.code {
        return code.clone();
    }
    if let Some(source) = source {
        return source.replace("fwd=request", "fresh").replace("fwd=", "").replace("; ", ", ").replace("detail=", "");
    }
    if let Some(has_token) = insight.has_token {
        return has_token.to_string();
    }
    match response.headers().get("x-logout").map(|logout| logout == "complete") {
        Some(true) => "logged out".into(),
        Some(false) => "logged out, revocation pending".into(),
        None if operation == "invalidate" => "dropped".into(),
        None => String::new(),
    }
}

/// The user's name and the group, as people know them.
fn name(Subject { principal, group }: &Subject) -> String {
    let name = match principal {
        Principal::User(user) => printable(user.as_str()),
        Principal::Guest(_) => "a guest".into(),
    };
    let name = match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    };
    match group {
        Some(group) => format!("{name}, group {}", group.0),
        None => name,
    }
}

/// `text` without what a terminal would carry out or what would change the direction of the line.
pub(super) fn printable(text: &str) -> String {
    let is_bad = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_bad(c) { '�' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use cip::{
        error::Error,
        identity::{Group, UserId},
    };

    fn insight(user: &str, group: Option<u32>) -> Insight {
        let principal = Principal::User(UserId::parse(user).expect("a user id"));
        let subject = Some(Subject { principal, group: group.map(Group) });
        Insight { subject, cause: None, code: None, has_token: None }
    }

    fn text(operation: &str, status: u16, header: (&str, &str), insight: Option<Insight>) -> String {
        let mut response = Response::builder().status(status).header(header.0, header.1);
        if let Some(insight) = insight {
            response = response.extension(insight);
        }
        let response = response.body(Body::empty()).expect("a response");
        let line = Line::of(operation.to_owned(), &response, Duration::from_micros(5_250)).text();
        anstream::adapter::strip_str(&line).to_string()
    }

    const NO_HEADER: (&str, &str) = ("cache-control", "no-store");

    #[test]
    fn a_line_says_who_called_what_and_what_came_of_it() {
        let cached = |source| ("cache-status", source);
        for (operation, header, result) in [
            ("getToken", cached("livechat-cip; hit"), "hit"),
            ("getToken", cached("livechat-cip; hit; detail=livechat-unavailable"), "hit, livechat-unavailable"),
            ("getToken", cached("livechat-cip; fwd=miss; collapsed"), "miss, collapsed"),
            ("getFreshToken", cached("livechat-cip; fwd=request"), "fresh"),
            ("invalidate", NO_HEADER, "dropped"),
            ("invalidate", ("x-logout", "complete"), "logged out"),
            ("invalidate", ("x-logout", "pending"), "logged out, revocation pending"),
        ] {
            let line = text(operation, 200, header, Some(insight("alice", None)));
            assert_eq!(line, format!("{operation:<14} alice             200  {result:<20}   5.2 ms"));
        }
        let has_token = Insight { has_token: Some(true), ..insight("alice", Some(3)) };
        let line = text("hasToken", 200, NO_HEADER, Some(has_token));
        assert_eq!(line, "hasToken       alice, group 3    200  true                   5.2 ms");
    }

    #[test]
    fn a_refused_call_shows_the_code_and_the_cause() {
        let cause = Some(Error::InvalidRequest("no user".into()));
        let refused = Insight { subject: None, cause, code: Some("invalid_request".into()), has_token: None };
        let line = text("getToken", 400, NO_HEADER, Some(refused));
        assert_eq!(line, "getToken       –                 400  invalid_request        5.2 ms  no user");
        assert_eq!(
            text("getToken", 401, NO_HEADER, None),
            "getToken       –                 401  authorizer             5.2 ms"
        );
    }

    #[test]
    fn a_name_cannot_take_over_the_terminal() {
        let line = text("getToken", 200, NO_HEADER, Some(insight(&format!("\u{202e}{}", "x".repeat(90)), None)));
        assert!(line.contains(&format!(" �{}… ", "x".repeat(39))), "{line}");
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a�[2Jb��");
    }
}
