//! Everything that can go wrong, and for each: what the caller is told, and how loudly we log it.

use crate::identity::Refusal;
use lambda_http::http::StatusCode;
use std::borrow::Cow;
use tracing::Level;

/// What went wrong with a call. What a variant carries beside its public words is for the log, and never secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request has no user, or a user id or group that cannot be one. Says what to change.
    #[error("{0}")]
    InvalidRequest(String),
    /// Nobody whom we know is calling: credentials are missing, expired or wrong.
    #[error("not authenticated: {cause}")]
    Unauthenticated {
        /// What a caller has to send.
        expected: Credential,
        /// What is wrong, for the log. The caller is not told: it would help those who try.
        cause: Cow<'static, str>,
    },
    /// The verified user is not the one whom the path names.
    #[error("the verified user is not the one of the path")]
    UserMismatch,
    /// This guest became a user, who has the identity since.
    #[error("the guest became a user")]
    GuestGone,
    /// The keys that callers are verified with cannot be had.
    #[error("keys unavailable: {0}")]
    KeysUnavailable(String),
    /// LiveChat refuses the group that the request names, or the site does not list it.
    #[error("unknown group: {}", refusal.as_deref().unwrap_or("not in GROUPS"))]
    UnknownGroup {
        /// LiveChat's code and words, if it refused.
        refusal: Option<String>,
    },
    /// No operation of this function has that path.
    #[error("no such path")]
    NotFound,
    /// The operations take GET and POST.
    #[error("no such method")]
    MethodNotAllowed,
    /// LiveChat answered for another customer, or that it lost the one on record, and the site chose to refuse that.
    #[error("LiveChat no longer knows the customer on record")]
    IdentityChanged,
    /// This user's token was renewed more often than the site allows.
    #[error("too many renewals for one user")]
    RateLimited {
        /// When the user may renew again, in s from now.
        retry_after_s: u32,
    },
    /// LiveChat does not accept our settings.
    #[error("LiveChat refused: {exception}: {description}")]
    LiveChatRejected {
        /// LiveChat's code.
        exception: String,
        /// LiveChat's words.
        description: String,
        /// Until when this is the answer to all calls for this subject, in s from now.
        retry_after_s: u32,
    },
    /// LiveChat is down, slow or talks nonsense.
    #[error("LiveChat unavailable: {0}")]
    LiveChatUnavailable(String),
    /// DynamoDB refused, failed or was too slow.
    #[error("DynamoDB unavailable: {0}")]
    StoreUnavailable(String),
    /// Another call is renewing this token, and did not end in time.
    #[error("another renewal did not end in time")]
    Busy,
    /// The user logged out while a token was being renewed for this call.
    #[error("the user logged out meanwhile")]
    LoggedOut,
    /// A bug of ours.
    #[error("bug: {0}")]
    Internal(String),
}

impl Error {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::UserMismatch => StatusCode::FORBIDDEN,
            Self::GuestGone => StatusCode::GONE,
            Self::NotFound | Self::UnknownGroup { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::IdentityChanged => StatusCode::CONFLICT,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::LiveChatRejected { .. } => StatusCode::BAD_GATEWAY,
            Self::LiveChatUnavailable(_)
            | Self::StoreUnavailable(_)
            | Self::KeysUnavailable(_)
            | Self::Busy
            | Self::LoggedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code that programs can rely on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::UserMismatch => "user_mismatch",
            Self::GuestGone => "guest_gone",
            Self::KeysUnavailable(_) => "keys_unavailable",
            Self::UnknownGroup { .. } => "unknown_group",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::IdentityChanged => "identity_changed",
            Self::RateLimited { .. } => "rate_limited",
            Self::LiveChatRejected { .. } => "livechat_rejected",
            Self::LiveChatUnavailable(_) => "livechat_unavailable",
            Self::StoreUnavailable(_) => "store_unavailable",
            Self::Busy | Self::LoggedOut => "busy",
            Self::Internal(_) => "internal",
        }
    }

    /// LiveChat's own code, such as `invalid_client`, where it refused: its clients know what to make of that.
    pub fn livechat_code(&self) -> Option<&str> {
        match self {
            Self::LiveChatRejected { exception, .. } => Some(exception),
            _ => None,
        }
    }

    /// A few words, the same for each code.
    pub fn title(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "The request cannot be understood",
            Self::Unauthenticated { .. } => "Who is calling could not be verified",
            Self::UserMismatch => "This is another user's path",
            Self::GuestGone => "This guest has become a user",
            Self::KeysUnavailable(_) => "The keys to verify callers are not available",
            Self::UnknownGroup { .. } => "There is no such group",
            Self::NotFound => "There is no such operation",
            Self::MethodNotAllowed => "This method is not allowed",
            Self::IdentityChanged => "LiveChat no longer knows this customer",
            Self::RateLimited { .. } => "Too many new tokens for this user",
            Self::LiveChatRejected { .. } => "LiveChat refuses this site's settings",
            Self::LiveChatUnavailable(_) => "LiveChat is not available",
            Self::StoreUnavailable(_) => "The token store is not available",
            Self::Busy | Self::LoggedOut => "A renewal is under way",
            Self::Internal(_) => "Something is wrong on our side",
        }
    }

    /// What happened and what to do, for the person who integrates.
    pub fn detail(&self) -> String {
        match self {
            Self::InvalidRequest(what) => what.clone(),
            Self::Unauthenticated { expected, .. } => format!("Credentials are missing, expired or wrong. {}", expected.how()),
            Self::UserMismatch => "The verified user is not the {user} of the path. Leave {user} out, or let it be the same.".into(),
            Self::GuestGone => "The user who this guest became has the identity now. Log in, or make a new X-Guest-Id.".into(),
            Self::KeysUnavailable(_) => "The identity provider gave no keys to verify callers with. Try again after the time \
                                         in Retry-After."
                .into(),
            Self::UnknownGroup { refusal: None } => "The site does not list this `group` in GROUPS.".into(),
            Self::UnknownGroup { refusal: Some(refusal) } => format!(
                "LiveChat gives no token for this `group` ({refusal}). Check its number, and that the licence keeps chats between \
                 groups apart. If the group exists, list it in GROUPS, and check the LIVECHAT_* settings."
            ),
            Self::NotFound => "The paths are /getToken, /getFreshToken, /hasToken and /invalidate, each also with \
                               /{user}, the user id percent-encoded."
                .into(),
            Self::MethodNotAllowed => "Use GET or POST.".into(),
            Self::IdentityChanged => "LiveChat no longer knows the customer on record for this user, or answered for another \
                                      one. The record was left alone, as ON_IDENTITY_CHANGE=reject asks for."
                .into(),
            Self::RateLimited { .. } => "New tokens were asked for more often than RENEWALS_PER_MINUTE allows for one user, \
                                         or for a user's groups. Look for a page that calls getFreshToken or invalidate in \
                                         a loop, and try again after the time in Retry-After."
                .into(),
            Self::LiveChatRejected { exception, description, .. } => {
                format!(
                    "LiveChat answered {exception}: {description}. {} LiveChat is called again after the time in Retry-After, or \
                     at once with other LIVECHAT_* settings.",
                    remedy(exception)
                )
            }
            Self::LiveChatUnavailable(_) => "LiveChat gave no usable answer. Try again after the time in \
                                             Retry-After; nothing was lost."
                .into(),
            Self::StoreUnavailable(_) => {
                "DynamoDB gave no usable answer. Try again after the time in Retry-After.".into()
            }
            Self::Busy => "Another call is getting a token for this user, or was until too little time was left. Try \
                           again after the time in Retry-After."
                .into(),
            Self::LoggedOut => "The user logged out while a token was being renewed for this call, so it got none. If the user is \
                                logged in again, try again after the time in Retry-After."
                .into(),
            Self::Internal(_) => "The requestId finds the reason in the function's log.".into(),
        }
    }

    /// For `Retry-After`, in s, where trying again can help.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after_s } | Self::LiveChatRejected { retry_after_s, .. } => Some(*retry_after_s),
            Self::Busy
            | Self::LoggedOut
            | Self::LiveChatUnavailable(_)
            | Self::StoreUnavailable(_)
            | Self::KeysUnavailable(_) => Some(1),
            _ => None,
        }
    }

    /// The caller's mistakes are quiet, who is turned away is on record, LiveChat's faults and waiting are warnings, ours are
    /// errors.
    pub fn level(&self) -> Level {
        match self {
            Self::InvalidRequest(_) | Self::NotFound | Self::MethodNotAllowed => Level::DEBUG,
            Self::Unauthenticated { .. }
            | Self::UserMismatch
            | Self::GuestGone
            | Self::UnknownGroup { .. }
            | Self::LoggedOut => Level::INFO,
            Self::IdentityChanged | Self::RateLimited { .. } | Self::LiveChatUnavailable(_) | Self::Busy => Level::WARN,
            Self::LiveChatRejected { .. }
            | Self::StoreUnavailable(_)
            | Self::KeysUnavailable(_)
            | Self::Internal(_) => Level::ERROR,
        }
    }
}

/// How callers say who they are: by `AUTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A JWT in `Authorization`.
    Bearer,
    /// The same, or the site's own cookie.
    BearerOrCookie,
    /// Whatever the gateway's authorizer takes.
    Gateway,
    /// A hash of the user id.
    UserHash,
}

impl Credential {
    fn how(self) -> &'static str {
        match self {
            Self::Bearer => "Send the user's token as `Authorization: Bearer <token>`.",
            Self::BearerOrCookie => {
                "Send the user's token as `Authorization: Bearer <token>`, or call with the session cookie from one of the \
                 ALLOWED_ORIGINS."
            }
            Self::Gateway => "The gateway in front of this function must verify the caller.",
            Self::UserHash => "Send the user id in the path and its hash in X-User-Hash.",
        }
    }

    /// For `WWW-Authenticate` (RFC 9110, section 11.6.1).
    pub fn challenge(self) -> &'static str {
        match self {
            Self::Bearer | Self::BearerOrCookie | Self::Gateway => "Bearer",
            Self::UserHash => "X-User-Hash",
        }
    }
}

/// Why LiveChat gave no token that we could use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not accept our settings or request; trying again soon changes nothing.
    Rejected {
        /// LiveChat's code, such as `invalid_client`.
        exception: String,
        /// LiveChat's words, or ours where it had none.
        description: String,
    },
    /// It is down, slow or talks nonsense; a later try may work.
    Unavailable {
        /// What we saw, for the log.
        cause: String,
    },
    /// There was no answer in the little time that this caller had. Says nothing about LiveChat.
    OutOfTime,
    /// It answered for another customer than the one on record, or that it lost that one, and the site's settings refuse that.
    IdentityChanged,
}

impl Failure {
    /// LiveChat is there and said what it thinks of our request.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::IdentityChanged)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected { exception, description } => {
                Self::LiveChatRejected { exception, description, retry_after_s: Refusal::FIRST_PAUSE_S }
            }
            Failure::Unavailable { cause } => Self::LiveChatUnavailable(cause),
            Failure::OutOfTime => Self::LiveChatUnavailable("no answer in the time that this call had".into()),
            Failure::IdentityChanged => Self::IdentityChanged,
        }
    }
}

/// What a site owner can do about an OAuth error of LiveChat's
/// (<https://platform.text.com/docs/authorization/customer-authorization>).
fn remedy(exception: &str) -> &'static str {
    match exception {
        "invalid_request" | "unauthorized_client" | "invalid_client" | "access_denied" | "forbidden" => {
            "Check LIVECHAT_CLIENT_ID, that the app is installed on this licence, and that LIVECHAT_REDIRECT_URI is in \
             the app's list of redirect URIs: same scheme and host, a path that starts alike, no query."
        }
        "resource_not_found" => {
            "Check LIVECHAT_ORGANIZATION_ID or LIVECHAT_LICENSE_ID, and the group if there was one."
        }
        "unsupported_grant_type" | "invalid_grant" => {
            "Check that the app's type in the console allows the cookie grant."
        }
        _ => "Check the LIVECHAT_* settings against the app in LiveChat's console.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_stays_inside() {
        for error in [
            Error::LiveChatUnavailable("connect to 10.0.0.1".into()),
            Error::StoreUnavailable("AccessDeniedException".into()),
            Error::Internal("index out of bounds".into()),
            Error::KeysUnavailable("10.0.0.1 refused".into()),
            Error::Unauthenticated { expected: Credential::Bearer, cause: "AccessDenied".into() },
        ] {
            let public = format!("{} {}", error.title(), error.detail());
            assert!(!public.contains("10.0.0.1") && !public.contains("AccessDenied") && !public.contains("bounds"));
        }
    }

    #[test]
    fn every_error_that_time_can_mend_says_when_to_come_back() {
        let because = String::new;
        let rejected = Failure::Rejected { exception: because(), description: because() };
        for (error, status, seconds) in [
            (Error::Busy, 503, 1),
            (Error::LiveChatUnavailable(because()), 503, 1),
            (Error::StoreUnavailable(because()), 503, 1),
            (Error::KeysUnavailable(because()), 503, 1),
            (Error::RateLimited { retry_after_s: 7 }, 429, 7),
            (rejected.into(), 502, 60),
        ] {
            assert_eq!((error.status().as_u16(), error.retry_after_s()), (status, Some(seconds)), "{error:?}");
        }
        assert_eq!(Error::IdentityChanged.retry_after_s(), None);
    }

    #[test]
    fn a_rejection_names_livechats_code_and_what_to_fix() {
        let error = Error::LiveChatRejected {
            exception: "invalid_request".into(),
            description: "redirect URI mismatch".into(),
            retry_after_s: 60,
        };
        let detail = error.detail();
        assert!(detail.contains("invalid_request: redirect URI mismatch") && detail.contains("LIVECHAT_REDIRECT_URI"));
    }
}
