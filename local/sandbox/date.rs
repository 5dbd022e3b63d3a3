//! The header `Date` of all responses.

use super::Sandbox;
use axum::{
    extract::State,
    http::{HeaderValue, header::DATE},
    response::Response,
};

/// Sets the `Date` of a response by the sandbox's clock.
pub(super) async fn set(State(sandbox): State<Sandbox>, mut response: Response) -> Response {
    let now = sandbox.now();
    let (weekday, month) = (now.weekday().to_string(), now.month().to_string());
    let (hour, minute, second) = now.to_hms();
    let date = format!(
        "{}, {:02} {} {} {hour:02}:{minute:02}:{second:02} GMT",
        &weekday[..3],
        now.day(),
        &month[..3],
        now.year()
    );
    response.headers_mut().insert(DATE, HeaderValue::from_str(&date).expect("a date fits a header"));
    response
}
