//! LiveChat's two formats of an error of its account service. LiveChat's own client ignores the status and looks for the two keys
//! `oauth_exception` and `identity_exception`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// An OAuth error: its status, its code, and its description.
    Oauth(StatusCode, &'static str, &'static str),
    /// An identity error, with status 200: its code.
    Identity(&'static str),
}

impl Refused {
    /// An OAuth error with status 400.
    pub(super) fn bad(exception: &'static str, description: &'static str) -> Self {
        Self::Oauth(StatusCode::BAD_REQUEST, exception, description)
    }

    /// An OAuth error with status 401.
    pub(super) fn unauthorized(exception: &'static str, description: &'static str) -> Self {
        Self::Oauth(StatusCode::UNAUTHORIZED, exception, description)
    }

    /// The error for a token that cannot be used.
    pub(super) fn invalid_token() -> Self {
        Self::unauthorized("access_denied", "the token is not known, expired or revoked")
    }

    /// The error for a customer that no longer exists.
    pub(super) fn identity_lost() -> Self {
        Self::Identity("identity_lost")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Oauth(status, exception, description) => {
                let body = json!({"oauth_exception": exception, "exception_description": description});
                (status, Json(body)).into_response()
            }
            Self::Identity(exception) => Json(json!({"identity_exception": exception})).into_response(),
        }
    }
}
