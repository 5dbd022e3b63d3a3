//! One function, from the event to the response, with canned results in place of DynamoDB and LiveChat.

use crate::panics::PLANTED;
use cip::{
    auth::Auth,
    context::Context,
    error::Error,
    http::{Event, Function},
    identity::{Group, Issued, LeaseSeq, Lifetime, Principal, Subject, Token, UnixMs},
    operation::{Call, GetFreshToken, GetToken, HasToken, Invalidate, Name, Operation, Reply},
    renewal::{self, Obtained, Source, StoreError, Why},
    settings::{Account, AuthSettings, Common, ConfigError, Groups, Lookup},
    time::Deadline,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use serde_json::{Value, value::RawValue};
use std::{
    marker::PhantomData,
    pin::pin,
    sync::{LazyLock, Mutex, PoisonError},
    task::{self, Poll, Waker},
};

/// The request id, which every problem has as `requestId`.
pub const REQUEST_ID: &str = "request-1";
/// The text of internal errors, which must only be logged.
pub const INSIDE: &str = "only-for-the-log";

/// The outcome of an operation.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeds.
    Good,
    /// [`renewal::Error::IdentityChanged`].
    IdentityChanged,
    /// [`renewal::Error::RateLimited`].
    RateLimited,
    /// [`renewal::Error::LiveChatRejected`].
    LiveChatRejected,
    /// [`renewal::Error::LiveChatUnavailable`].
    LiveChatUnavailable,
    /// [`StoreError::Unavailable`].
    StoreUnavailable,
    /// [`renewal::Error::Busy`].
    Busy,
    /// [`Error::Internal`].
    Internal,
    /// A panic.
    Panic,
}

impl Outcome {
    /// The outcome that the group chooses, for inputs that are only an event.
    pub fn of_group(subject: &Subject) -> Self {
        match subject.group {
            Some(Group(2)) => Self::IdentityChanged,
            Some(Group(3)) => Self::RateLimited,
            Some(Group(4)) => Self::LiveChatRejected,
            Some(Group(5)) => Self::LiveChatUnavailable,
            Some(Group(6)) => Self::StoreUnavailable,
            Some(Group(7)) => Self::Busy,
            Some(Group(8)) => Self::Internal,
            Some(Group(9)) => Self::Panic,
            _ => Self::Good,
        }
    }

    /// The problem code that the response must have; `None` for success.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::IdentityChanged => Some("identity_changed"),
            Self::RateLimited => Some("rate_limited"),
            Self::LiveChatRejected => Some("livechat_rejected"),
            Self::LiveChatUnavailable => Some("livechat_unavailable"),
            Self::StoreUnavailable => Some("store_unavailable"),
            Self::Busy => Some("busy"),
            Self::Internal | Self::Panic => Some("internal"),
        }
    }

    /// The result of an operation. The entity id of a token is the user id, so that the response shows whose token it is.
    fn of(self, operation: Name, subject: &Subject) -> Result<Reply, Error> {
        Err(match self {
            Self::Good => return Ok(reply(operation, subject)),
            Self::IdentityChanged => renewal::Error::IdentityChanged.into(),
            Self::RateLimited => renewal::Error::RateLimited { retry_after_s: 60 }.into(),
            Self::LiveChatRejected => renewal::Error::LiveChatRejected {
                exception: "invalid_request".into(),
                description: "redirect_uri \"mismatch\"".into(),
                retry_after_s: 60,
            }
            .into(),
            Self::LiveChatUnavailable => renewal::Error::LiveChatUnavailable(INSIDE.into()).into(),
            Self::StoreUnavailable => StoreError::Unavailable(INSIDE.into()).into(),
            Self::Busy => renewal::Error::Busy.into(),
            Self::Internal => Error::Internal(INSIDE.into()),
            Self::Panic => panic!("{PLANTED}"),
        })
    }
}

fn reply(operation: Name, subject: &Subject) -> Reply {
    let lifetime = Lifetime { created: UnixMs::new(1_700_000_000_123), expires_in_ms: 28_800_000 };
    match operation {
        Name::GetToken | Name::GetFreshToken => Reply::Token(Obtained {
            issued: Issued {
                entity_id: user_of(subject).to_owned(),
                token: Token { access_token: "dal:token".into(), lifetime, seq: LeaseSeq::new(1) },
                details: None,
            },
            source: Source::LiveChat { why: Why::Miss, collapsed: false },
        }),
        Name::HasToken => Reply::HasToken(true),
        Name::Invalidate => Reply::Invalidated,
    }
}

/// The id of the user. Guests are not allowed here, so every subject is a user.
pub fn user_of(subject: &Subject) -> &str {
    match &subject.principal {
        Principal::User(id) => id.as_str(),
        Principal::Guest(_) => panic!("a guest, although guests are not allowed"),
    }
}

/// The headers of a request, without the invalid ones.
pub fn headers(sent: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    headers
}

/// The result of a future that never waits.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(result) = pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) else {
        panic!("the future waits")
    };
    result
}

/// The verification of callers with these settings.
///
/// # Errors
/// If the settings are invalid.
pub async fn auth(lookup: &Lookup<'_>) -> Result<Auth, ConfigError> {
    cip::connect_auth(AuthSettings::from_lookup(lookup)?).await
}

/// `AUTH=none`, without guests.
static AUTH: LazyLock<Auth> =
    LazyLock::new(|| ready(auth(&Lookup::new(|name| (name == "AUTH").then(|| "none".into())))).expect("good settings"));

/// The result of a function for an event.
#[derive(Debug)]
pub struct Called {
    /// The response to the gateway.
    pub response: Value,
    /// The subject that the operation was called for; `None` if it was not called.
    pub subject: Option<Subject>,
}

/// An operation `O` with canned results, which records the subjects that it was called for.
struct Canned<O, F> {
    outcome: F,
    subjects: Mutex<Vec<Subject>>,
    operation: PhantomData<fn() -> O>,
}

impl<O: Operation, F: Fn(&Subject) -> Outcome + Send + Sync + 'static> Operation for Canned<O, F> {
    const NAME: Name = O::NAME;

    type Settings = ();

    fn read(lookup: &Lookup<'_>) -> Result<(Common, ()), ConfigError> {
        Ok((Common::from_lookup(lookup)?, ()))
    }

    async fn connect(_: &Common, (): ()) -> Result<Self, lambda_http::Error> {
        Err("there is nothing to connect to".into())
    }

    fn account(&self) -> Account {
        Account { license_id: Some(1), organization_id: Some("o".into()) }
    }

    async fn call(&self, Call { subject, .. }: &Call, _: &Context) -> Result<Reply, Error> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner).push(subject.clone());
        (self.outcome)(subject).of(O::NAME, subject)
    }
}

/// Calls the function of `operation`. `outcome` decides the outcome of the operation.
pub fn call(
    operation: Name,
    event: Box<RawValue>,
    outcome: impl Fn(&Subject) -> Outcome + Send + Sync + 'static,
) -> Called {
    match operation {
        Name::GetToken => call_canned::<GetToken>(event, outcome),
        Name::GetFreshToken => call_canned::<GetFreshToken>(event, outcome),
        Name::HasToken => call_canned::<HasToken>(event, outcome),
        Name::Invalidate => call_canned::<Invalidate>(event, outcome),
    }
}

fn call_canned<O: Operation>(
    event: Box<RawValue>,
    outcome: impl Fn(&Subject) -> Outcome + Send + Sync + 'static,
) -> Called {
    let operation: Canned<O, _> = Canned { outcome, subjects: Mutex::default(), operation: PhantomData };
    let function = Function { operation, auth: AUTH.clone(), groups: Groups::default() };
    let event = Event { payload: event, request_id: REQUEST_ID.into(), deadline: Deadline::of_invocation(None) };
    let response = serde_json::to_value(ready(function.handle(event))).expect("a response is JSON");
    let mut subjects = function.operation.subjects.lock().unwrap_or_else(PoisonError::into_inner);
    let subject = subjects.pop();
    assert!(subjects.is_empty(), "two calls for one event");
    Called { response, subject }
}
