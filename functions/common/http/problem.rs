//! What the caller is told about an error: the only place that turns an [`Error`] into a problem (RFC 9457).

use crate::{
    auth::{self, Credential},
    error::Error,
    renewal::{self, StoreError, circuit::NotCalled},
    sealing,
};
use lambda_http::http::StatusCode;
use std::borrow::Cow;

/// The public part of an error. Nothing that is for the log alone is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The code that programs rely on.
    pub(super) code: &'static str,
    /// A few words. Problems with the same code have the same title.
    pub(super) title: &'static str,
    /// What happened and what to do, for the person who integrates.
    pub(super) detail: Cow<'static, str>,
    /// LiveChat's own code, such as `invalid_client`, if LiveChat refused the request.
    pub(super) livechat_code: Option<String>,
    /// `Retry-After`, in s, if a later call can succeed.
    pub(super) retry_after_s: Option<u32>,
    /// `Allow`.
    pub(super) allow: Option<&'static str>,
    /// `WWW-Authenticate` (RFC 9110, section 11.6.1).
    pub(super) challenge: Option<&'static str>,
}

/// Status, code and title. Errors that a program would handle in the same way have the same code.
struct Kind(StatusCode, &'static str, &'static str);

const INVALID_REQUEST: Kind = Kind(StatusCode::BAD_REQUEST, "invalid_request", "The request cannot be understood");
const UNAUTHENTICATED: Kind = Kind(StatusCode::UNAUTHORIZED, "unauthenticated", "The caller could not be verified");
const USER_MISMATCH: Kind = Kind(StatusCode::FORBIDDEN, "user_mismatch", "This is another user's path");
const NOT_FOUND: Kind = Kind(StatusCode::NOT_FOUND, "not_found", "There is no such operation");
const UNKNOWN_GROUP: Kind = Kind(StatusCode::NOT_FOUND, "unknown_group", "There is no such group");
const METHOD_NOT_ALLOWED: Kind =
    Kind(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not allowed");
const IDENTITY_CHANGED: Kind = Kind(StatusCode::CONFLICT, "identity_changed", "LiveChat no longer knows this customer");
const GUEST_GONE: Kind = Kind(StatusCode::GONE, "guest_gone", "This guest has become a user");
const RATE_LIMITED: Kind = Kind(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many new tokens for this user");
const INTERNAL: Kind = Kind(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong on our side");
const LIVECHAT_REJECTED: Kind =
    Kind(StatusCode::BAD_GATEWAY, "livechat_rejected", "LiveChat refuses this site's settings");
const LIVECHAT_UNAVAILABLE: Kind =
    Kind(StatusCode::SERVICE_UNAVAILABLE, "livechat_unavailable", "LiveChat is not available");
const STORE_UNAVAILABLE: Kind =
    Kind(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", "The token store is not available");
const KEYS_UNAVAILABLE: Kind =
    Kind(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", "The keys to verify callers are not available");
const BUSY: Kind = Kind(StatusCode::SERVICE_UNAVAILABLE, "busy", "A renewal is in progress");

/// `Retry-After` where nothing says how long the trouble lasts, in s.
const SOON_S: u32 = 1;

impl Problem {
    /// The problem that a caller gets for `error`.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidRequest(detail) => Self::new(INVALID_REQUEST, detail.clone()),
            Error::Auth(error) => Self::of_auth(error),
            Error::UnknownGroup { refusal } => unknown_group(refusal.as_deref()),
            Error::NotFound => Self::new(NOT_FOUND, PATHS),
            Error::MethodNotAllowed => {
                Self { allow: Some("GET, POST"), ..Self::new(METHOD_NOT_ALLOWED, "Use GET or POST.") }
            }
            Error::Renewal(error) => Self::of_renewal(error),
            Error::Store(error) => Self::of_store(error),
            Error::Internal(_) => Self::new(INTERNAL, SEE_THE_LOG),
        }
    }

    /// The problem of a caller who is not verified.
    fn of_auth(error: &auth::Error) -> Self {
        use auth::Error;
        match error {
            Error::InvalidRequest(detail) => Self::new(INVALID_REQUEST, detail.clone()),
            Error::Unauthenticated { expected, .. } => unauthenticated(*expected),
            Error::UserMismatch => Self::new(USER_MISMATCH, ANOTHER_USER),
            Error::KeysUnavailable(_) => Self::new(KEYS_UNAVAILABLE, NO_KEYS).retry_after(SOON_S),
        }
    }

    /// The problem of a call that gets no token.
    pub(super) fn of_renewal(error: &renewal::Error) -> Self {
        use renewal::Error;
        match error {
            Error::GuestGone => Self::new(GUEST_GONE, LOG_IN),
            Error::IdentityChanged => Self::new(IDENTITY_CHANGED, LEFT_ALONE),
            Error::RateLimited { retry_after_s } => Self::new(RATE_LIMITED, A_LOOP).retry_after(*retry_after_s),
            Error::LiveChatRejected { exception, description, retry_after_s } => {
                livechat_rejected(exception, description).retry_after(*retry_after_s)
            }
            Error::LiveChatUnavailable(_) => Self::new(LIVECHAT_UNAVAILABLE, NO_RESPONSE).retry_after(SOON_S),
            Error::LiveChatNotCalled(reason) => {
                Self::new(LIVECHAT_UNAVAILABLE, not_called(*reason)).retry_after(SOON_S)
            }
            Error::Busy => Self::new(BUSY, ANOTHER_RENEWAL).retry_after(SOON_S),
            Error::LoggedOut => Self::new(BUSY, LOGGED_OUT).retry_after(SOON_S),
            Error::Store(error) => Self::of_store(error),
            Error::Internal(_) => Self::new(INTERNAL, SEE_THE_LOG),
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(STORE_UNAVAILABLE, NO_STORE).retry_after(SOON_S),
            StoreError::KmsUnavailable(_) => Self::new(STORE_UNAVAILABLE, NO_KMS).retry_after(sealing::UNAVAILABLE_S),
            StoreError::KmsRefused(_) => Self::new(STORE_UNAVAILABLE, KMS_REFUSES).retry_after(sealing::REFUSED_S),
            StoreError::Internal(_) => Self::new(INTERNAL, SEE_THE_LOG),
        }
    }

    fn new(Kind(status, code, title): Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self { status, code, title, detail, livechat_code: None, retry_after_s: None, allow: None, challenge: None }
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

const ANOTHER_USER: &str =
    "The verified user is not the {user} of the path. Leave {user} out, or send the id of the verified user.";
const LOG_IN: &str =
    "This guest became a user, and the user has the guest's identity now. Log in, or create a new X-Guest-Id.";
const NO_KEYS: &str =
    "The identity provider returned no keys to verify callers with. Try again after the time in Retry-After.";
const PATHS: &str = "The paths are /getToken, /getFreshToken, /hasToken and /invalidate, each also with /{user}, the user id \
                     percent-encoded.";
const LEFT_ALONE: &str = "LiveChat no longer knows the customer on record for this user, or returned another one. The record was \
                          not changed, because of ON_IDENTITY_CHANGE=reject.";
const A_LOOP: &str = "New tokens were requested more often than RENEWALS_PER_MINUTE allows for one user, or for a user's groups. \
                      Look for a page that calls getFreshToken or invalidate in a loop, and try again after the time in \
                      Retry-After.";
const NO_RESPONSE: &str =
    "There is no usable response from LiveChat. Try again after the time in Retry-After; nothing was lost.";
const NO_STORE: &str = "DynamoDB returned no usable response. Try again after the time in Retry-After.";
const NO_KMS: &str = "AWS KMS returned no usable response, so the cookies in the table could not be decrypted or encrypted. Try again \
                      after the time in Retry-After; nothing was lost.";
const KMS_REFUSES: &str = "AWS KMS refused to decrypt or encrypt the cookies in the table. Check that the functions' roles may use the \
                           key in COOKIES_KMS_KEY, and the key before it if it was changed. Nothing was lost.";
const ANOTHER_RENEWAL: &str = "Another call is renewing the token of this user, or did so until too little time was left. Try again \
                               after the time in Retry-After.";
const LOGGED_OUT: &str = "The user logged out while a token was being renewed for this call, so the call gets no token. If the user \
                          is logged in again, try again after the time in Retry-After.";
const SEE_THE_LOG: &str = "The function's log has the reason: search it for the requestId.";

fn not_called(reason: NotCalled) -> &'static str {
    match reason {
        NotCalled::CircuitOpen => {
            "LiveChat was not called, because it does not respond to other calls at the moment. Try again after the time in \
             Retry-After; nothing was lost."
        }
        NotCalled::GateFull => {
            "LiveChat was not called, because it is slow and too many other calls wait for it. Try again after the time in \
             Retry-After; nothing was lost."
        }
    }
}

fn unauthenticated(expected: Credential) -> Problem {
    let (challenge, what_to_send) = match expected {
        Credential::Bearer => ("Bearer", "Send the user's token as `Authorization: Bearer <token>`."),
        Credential::BearerOrCookie => (
            "Bearer",
            "Send the user's token as `Authorization: Bearer <token>`, or call with the session cookie from one of the \
             ALLOWED_ORIGINS.",
        ),
        Credential::Gateway => ("Bearer", "The gateway in front of this function must verify the caller."),
        Credential::UserHash => ("X-User-Hash", "Send the user id in the path and its hash in X-User-Hash."),
    };
    let detail = format!("Credentials are missing, expired or wrong. {what_to_send}");
    Problem { challenge: Some(challenge), ..Problem::new(UNAUTHENTICATED, detail) }
}

fn unknown_group(refusal: Option<&str>) -> Problem {
    let detail = match refusal {
        None => "The site does not list this `group` in GROUPS.".to_owned(),
        Some(refusal) => format!(
            "LiveChat issues no token for this `group` ({refusal}). Check its number, and that the licence keeps chats between \
             groups apart. If the group exists, list it in GROUPS, and check the LIVECHAT_* settings."
        ),
    };
    Problem::new(UNKNOWN_GROUP, detail)
}

fn livechat_rejected(exception: &str, description: &str) -> Problem {
    let remedy = remedy(exception);
    let detail = format!(
        "LiveChat returned {exception}: {description}. {remedy} LiveChat is called again after the time in Retry-After, or at \
         once with other LIVECHAT_* settings."
    );
    Problem { livechat_code: Some(exception.to_owned()), ..Problem::new(LIVECHAT_REJECTED, detail) }
}

/// What a site owner can do about an OAuth error from LiveChat
/// (<https://platform.text.com/docs/authorization/customer-authorization>).
pub(super) fn remedy(exception: &str) -> &'static str {
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
        "agent_token_required" => {
            "This user's customer can only be asked for with an agent token: set LIVECHAT_AGENT_CREDENTIALS_ARN."
        }
        "agent_token_refused" => {
            "Check the secret in LIVECHAT_AGENT_CREDENTIALS_ARN: the app's client id and secret, and a refresh token of an agent of this \
             account with the scope customers:own."
        }
        _ => "Check the LIVECHAT_* settings against the app in LiveChat's console.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::renewal::record::Failure;

    #[test]
    fn what_is_for_the_log_is_not_in_the_problem() {
        for error in [
            renewal::Error::LiveChatUnavailable("connect to 10.0.0.1".into()).into(),
            StoreError::Unavailable("AccessDeniedException".into()).into(),
            StoreError::KmsUnavailable("10.0.0.1".into()).into(),
            StoreError::KmsRefused("AccessDeniedException".into()).into(),
            Error::Internal("index out of bounds".into()),
            auth::Error::KeysUnavailable("10.0.0.1 refused".into()).into(),
            auth::Error::Unauthenticated { expected: Credential::Bearer, cause: "AccessDenied".into() }.into(),
        ] {
            let public = format!("{:?}", Problem::of(&error));
            assert!(!public.contains("10.0.0.1") && !public.contains("AccessDenied") && !public.contains("bounds"));
        }
    }

    #[test]
    fn an_error_that_passes_says_when_to_try_again() {
        let because = String::new;
        let rejected = Failure::Refused { exception: because(), description: because() };
        for (error, status, seconds) in [
            (renewal::Error::Busy.into(), 503, 1),
            (renewal::Error::LiveChatUnavailable(because()).into(), 503, 1),
            (renewal::Error::from(NotCalled::CircuitOpen).into(), 503, 1),
            (StoreError::Unavailable(because()).into(), 503, 1),
            (StoreError::KmsUnavailable(because()).into(), 503, 5),
            (StoreError::KmsRefused(because()).into(), 503, 30),
            (auth::Error::KeysUnavailable(because()).into(), 503, 1),
            (renewal::Error::RateLimited { retry_after_s: 7 }.into(), 429, 7),
            (renewal::Error::from(rejected).into(), 502, 60),
        ] {
            let problem = Problem::of(&error);
            assert_eq!((problem.status.as_u16(), problem.retry_after_s), (status, Some(seconds)), "{error:?}");
        }
        assert_eq!(Problem::of_renewal(&renewal::Error::IdentityChanged).retry_after_s, None);
    }

    #[test]
    fn a_rejection_names_livechats_code_and_what_to_fix() {
        let error = renewal::Error::LiveChatRejected {
            exception: "invalid_request".into(),
            description: "redirect URI mismatch".into(),
            retry_after_s: 60,
        };
        let detail = Problem::of_renewal(&error).detail;
        assert!(detail.contains("invalid_request: redirect URI mismatch") && detail.contains("LIVECHAT_REDIRECT_URI"));
    }

    #[test]
    fn a_call_that_was_not_sent_is_not_reported_as_unanswered() {
        for (reason, why) in [(NotCalled::CircuitOpen, "does not respond"), (NotCalled::GateFull, "slow")] {
            let error = renewal::Error::from(reason);
            let Problem { code, detail, .. } = Problem::of_renewal(&error);
            assert_eq!(code, "livechat_unavailable");
            assert!(detail.contains("was not called") && detail.contains(why), "{detail}");
            let cause = error.to_string();
            assert!(cause.contains("not called") && cause.contains(why), "{cause}");
        }
    }
}
