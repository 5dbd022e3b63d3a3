//! Headers and cookies: none is lost, whatever a caller sends.

use lambda_http::http::{HeaderMap, HeaderValue, header::COOKIE};
use serde_json::Value;

/// Makes every string in an event's headers a valid header value.
pub(super) fn make_valid(headers: &mut Value) {
    match headers {
        Value::String(text) => *text = valid(text),
        Value::Array(values) => values.iter_mut().for_each(make_valid),
        Value::Object(values) => values.values_mut().for_each(make_valid),
        _ => {}
    }
}

/// A valid header value: control characters are replaced by U+FFFD. A valid credential contains neither.
fn valid(text: &str) -> String {
    text.replace(|character: char| character.is_ascii_control() && character != '\t', "\u{fffd}")
}

/// Sets `Cookie` to the `cookies` of an event, followed by those cookies of the header that are not among them.
pub(super) fn add_cookies(headers: &mut HeaderMap, cookies: &[String]) {
    let cookies: Vec<_> = cookies.iter().flat_map(|line| split(&valid(line))).collect();
    if cookies.is_empty() {
        return;
    }
    let in_header = headers.get_all(COOKIE).iter().flat_map(|line| split(&String::from_utf8_lossy(line.as_bytes())));
    let others: Vec<_> = in_header.filter(|cookie| !cookies.contains(cookie)).collect();
    if let Ok(all) = HeaderValue::from_str(&[cookies, others].concat().join("; ")) {
        headers.insert(COOKIE, all);
    }
}

/// The cookies in one line.
fn split(line: &str) -> Vec<String> {
    let cookies = line.split(';').map(|cookie| cookie.trim_matches([' ', '\t']));
    cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

/// All headers of an event that has them twice: with `all` values, and with the `last` value of each.
pub(super) fn merged(mut all: HeaderMap, last: &HeaderMap) -> HeaderMap {
    let missing: Vec<_> = last.iter().filter(|(name, _)| !all.contains_key(*name)).collect();
    for (name, value) in missing {
        all.append(name, value.clone());
    }
    all
}
