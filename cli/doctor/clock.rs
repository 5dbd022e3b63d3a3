//! This machine's clock, against those of LiveChat and of the identity provider.

use super::report::Report;
use crate::http;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use cip::{auth::operator::LEEWAY_S, time::now};
use reqwest::header::DATE;
use std::time::Duration;

/// A difference that is worth a word, in s: a response's date has no fractions, and the response takes time.
const NOTICED_S: u64 = 5;

pub(super) async fn check(report: &mut Report, accounts_url: Option<String>, key_set: Option<String>) {
    let servers = [("LiveChat", accounts_url), ("the identity provider", key_set)];
    for (whose, url) in servers {
        let Some(url) = url else { continue };
        match date(&url).await {
            Ok(ahead_s) => compare(report, whose, ahead_s),
            Err(why) => report.skipped("clock", format!("{url} could not be asked for the time: {why}.")),
        }
    }
}

fn compare(report: &mut Report, whose: &str, ahead_s: i64) {
    let apart_s = ahead_s.unsigned_abs();
    let found = format!(
        "This machine's clock is {apart_s} s {} that of {whose}.",
        if ahead_s < 0 { "ahead of" } else { "behind" }
    );
    let fix = format!(
        "Set the clock by NTP (timedatectl set-ntp true; on macOS: sudo sntp -sS time.apple.com). If this machine is right, the other server \
         is wrong. A difference of more than {LEEWAY_S} s makes tokens seem expired, or not valid yet."
    );
    match apart_s {
        0..NOTICED_S => report.ok("clock", format!("The same as that of {whose}.")),
        NOTICED_S..=LEEWAY_S => report.warning("clock", found, fix),
        _ => report.wrong("clock", found, fix),
    }
}

/// How far a server's clock is ahead, in s, by a request without credentials.
async fn date(url: &str) -> Result<i64, String> {
    let http = http::client(url).timeout(Duration::from_secs(5)).redirect(reqwest::redirect::Policy::none());
    let http = http.build().map_err(|error| error.to_string())?;
    let sent_ms = now().as_u64();
    let response = http
        .get(url)
        .send()
        .await
        .map_err(|error| if error.is_timeout() { "no response in time" } else { "no connection" }.to_owned())?;
    let received_ms = now().as_u64();
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok()).ok_or("its response has no date")?;
    let date = DateTime::from_str(date, DateTimeFormat::HttpDate).map_err(|_| "its date is malformed")?;
    let here_s = i64::try_from(u64::midpoint(sent_ms, received_ms) / 1000).unwrap_or(i64::MAX);
    Ok(date.secs() - here_s)
}
