//! LiveChat's Customer Accounts API: the cookie grant, in both versions. The only file that knows its wire format.
//!
//! Source: <https://platform.text.com/docs/authorization/customer-authorization>, section *Cookie grant*.

use crate::{
    config::{LiveChat, Tenant},
    error::{Error, Failure},
    identity::{Cookies, Group, Identity, Lifetime},
    time::{Deadline, now_ms},
};
use cookie::Cookie;
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// The API's client.
#[derive(Clone, Debug)]
pub struct Accounts {
    http: Client,
    /// Shared, as each call works on a clone.
    settings: Arc<LiveChat>,
}

/// A token that LiveChat has just issued, and the cookies that prove who it is for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The customer.
    pub entity_id: String,
    /// The token.
    pub access_token: SecretString,
    /// Its age and life.
    pub lifetime: Lifetime,
    /// What to send next time.
    pub cookies: Cookies,
    /// When the cookies lapse; Unix time in s.
    pub cookies_lapse_at_s: u64,
}

impl Accounts {
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
    /// One attempt, from connecting to the last byte of the answer.
    const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
    /// An attempt with less time than this is not worth the customer that it might leave behind.
    pub const SHORTEST_ATTEMPT: Duration = Duration::from_millis(500);
    /// A frozen function's connections die without a word, so only young ones are used again.
    const IDLE_CONNECTION: Duration = Duration::from_secs(10);
    /// The longest that all attempts for one renewal take. A time-out is final, so a second attempt follows a quick failure.
    pub const LONGEST: Duration = Duration::from_millis(4_500);

    /// A client with these settings. It connects when it is first used.
    ///
    /// # Errors
    /// None that a site could cause: only if the TLS library does not support its own defaults.
    pub fn new(settings: LiveChat) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .tls_backend_preconfigured(tls())
            .connect_timeout(Self::CONNECT_TIMEOUT)
            .pool_idle_timeout(Self::IDLE_CONNECTION)
            // A redirect would carry the cookies to another place.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, settings: Arc::new(settings) })
    }

    /// The site's settings for LiveChat.
    pub fn settings(&self) -> &LiveChat {
        &self.settings
    }

    /// Whether tokens for this group can be asked for at all.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with a group where only a v1 licence is configured: v1 has no group tokens.
    pub fn check_group(&self, group: Option<Group>) -> Result<(), Error> {
        match (&self.settings.tenant, group) {
            (Tenant::License(_), Some(_)) => Err(Error::InvalidRequest(
                "`group` needs LiveChat's v2 API: this site has LIVECHAT_LICENSE_ID only, and must also set \
                 LIVECHAT_ORGANIZATION_ID."
                    .into(),
            )),
            _ => Ok(()),
        }
    }

    /// Asks for a token: of the customer that `known` is, or of a new one.
    ///
    /// Tries again once if the request never reached LiveChat, or if it names a customer: a new customer is not asked for
    /// again when the first answer is lost, as each time could make one. (If LiveChat kills the secret with each call, a
    /// lost answer takes it along; then no second attempt and no later one can get the customer back.)
    ///
    /// # Errors
    /// A [`Failure`]. After any but [`Failure::Rejected`] LiveChat may have issued a token all the same, and changed the
    /// cookies.
    pub async fn token(
        &self,
        group: Option<Group>,
        known: Option<&Identity>,
        deadline: Deadline,
    ) -> Result<Grant, Failure> {
        let miss = match self.attempt(group, known, deadline).await {
            Ok(grant) => return Ok(grant),
            Err(miss) => miss,
        };
        if miss.may_try_again(known.is_some()) {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(50..150))).await;
            if deadline.left() >= Self::SHORTEST_ATTEMPT {
                return self.token_at_once(group, known, deadline).await;
            }
        }
        Err(miss.into())
    }

    /// The same, in one attempt.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn token_at_once(
        &self,
        group: Option<Group>,
        known: Option<&Identity>,
        deadline: Deadline,
    ) -> Result<Grant, Failure> {
        self.attempt(group, known, deadline).await.map_err(Into::into)
    }

    async fn attempt(&self, group: Option<Group>, known: Option<&Identity>, deadline: Deadline) -> Result<Grant, Miss> {
        // Before the call is sent: a token that seems older than it is gets renewed early, which does no harm.
        let asked_at_ms = now_ms();
        let time = deadline.left().min(Self::ATTEMPT_TIMEOUT);
        let cut_short = time < Self::ATTEMPT_TIMEOUT;
        let in_time = |error| Miss::of_transport(error, cut_short);
        let mut request = self
            .http
            .post(self.url(group))
            .timeout(time)
            .header(CONTENT_TYPE, "application/json")
            .header(ORIGIN, &self.settings.origin)
            .body(self.body());
        if let Some(identity) = known {
            request = request.header(COOKIE, cookie_header(&identity.cookies)?);
        }
        let mut response = request.send().await.map_err(in_time)?;
        let body = limited_body(&mut response, in_time).await?;
        read_answer(response.status(), response.headers(), &body, known, asked_at_ms)
    }

    fn url(&self, group: Option<Group>) -> String {
        let base = self.settings.accounts_url.as_str().trim_end_matches('/');
        match (&self.settings.tenant, group) {
            (Tenant::Organization(id), Some(Group(group))) => format!("{base}/v2/customer/{id}/{group}/token"),
            (Tenant::Organization(_), None) => format!("{base}/v2/customer/token"),
            (Tenant::License(_), _) => format!("{base}/customer/token"),
        }
    }

    fn body(&self) -> String {
        #[derive(Serialize)]
        struct CookieGrant<'a> {
            grant_type: &'static str,
            response_type: &'static str,
            client_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            license_id: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            organization_id: Option<&'a str>,
            redirect_uri: &'a str,
        }
        let (license_id, organization_id) = match &self.settings.tenant {
            Tenant::License(id) => (Some(*id), None),
            Tenant::Organization(id) => (None, Some(id.as_str())),
        };
        let grant = CookieGrant {
            grant_type: "cookie",
            response_type: "token",
            client_id: &self.settings.client_id,
            license_id,
            organization_id,
            redirect_uri: &self.settings.redirect_uri,
        };
        serde_json::to_string(&grant).unwrap_or_default()
    }
}

/// Mozilla's root certificates as they were compiled in, and `ring` for the cryptography. Reading the system's certificates
/// costs a cold start 17 million instructions, and the first handshake of `aws-lc-rs`, the usual choice, over 300 million:
/// it gathers its randomness from the jitter of the processor's clock.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Why an attempt gave no token.
#[derive(Debug, PartialEq, Eq)]
enum Miss {
    /// The request never reached LiveChat.
    Unsent(String),
    /// It was sent, and the answer was lost: it may have taken effect.
    Lost(String),
    /// It was sent, and no answer came in time: it may have taken effect.
    TimedOut,
    /// The same, in less time than LiveChat is due: the caller had no more.
    CutShort,
    /// LiveChat said that it cannot answer now.
    Down(String),
    /// LiveChat said that it was asked too often.
    Throttled,
    /// LiveChat refused, and will again.
    Rejected { exception: String, description: String },
    /// The answer is not one of LiveChat's documented ones.
    Nonsense(String),
}

impl Miss {
    fn of_transport(error: reqwest::Error, cut_short: bool) -> Self {
        // The URL is ours and holds no secret, but an error's text is no place for it.
        let error = error.without_url();
        if error.is_connect() {
            Self::Unsent("no connection".into())
        } else if error.is_timeout() {
            if cut_short { Self::CutShort } else { Self::TimedOut }
        } else if error.is_builder() {
            Self::Unsent("the request cannot be built".into())
        } else {
            Self::Lost("the connection broke before the answer was complete".into())
        }
    }

    fn may_try_again(&self, names_a_customer: bool) -> bool {
        match self {
            Self::Unsent(_) => true,
            Self::Lost(_) | Self::Down(_) => names_a_customer,
            Self::TimedOut | Self::CutShort | Self::Throttled | Self::Rejected { .. } | Self::Nonsense(_) => false,
        }
    }
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Rejected { exception, description } => Self::Rejected { exception, description },
            Miss::TimedOut => Self::Unavailable { cause: "no answer in time".into() },
            Miss::CutShort => Self::OutOfTime,
            Miss::Throttled => Self::Unavailable { cause: "status 429".into() },
            Miss::Unsent(cause) | Miss::Lost(cause) | Miss::Down(cause) | Miss::Nonsense(cause) => {
                Self::Unavailable { cause }
            }
        }
    }
}

const CID: &str = "__lc_cid";
const CST: &str = "__lc_cst";
/// Two years, the documented life of the cookies and of everything that hangs on them, in s.
const TWO_YEARS_S: u64 = 63_072_000;
const LONGEST_BODY: usize = 64 * 1024;
const LONGEST_TOKEN: usize = 4 * 1024;
const LONGEST_COOKIE: usize = 1024;
const LONGEST_ENTITY_ID: usize = 128;

fn cookie_header(cookies: &Cookies) -> Result<HeaderValue, Miss> {
    let pairs = format!("{CID}={}; {CST}={}", cookies.cid.expose_secret(), cookies.cst.expose_secret());
    let mut header =
        HeaderValue::from_str(&pairs).map_err(|_| Miss::Nonsense("the stored cookies fit no header".into()))?;
    header.set_sensitive(true);
    Ok(header)
}

async fn limited_body(
    response: &mut reqwest::Response,
    of_error: impl Fn(reqwest::Error) -> Miss,
) -> Result<Vec<u8>, Miss> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(&of_error)? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(Miss::Nonsense("an answer of more than 64 KiB".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A good answer.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<SecretString>,
    entity_id: Option<String>,
    /// In s.
    expires_in: Option<u64>,
    token_type: Option<String>,
}

fn read_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    known: Option<&Identity>,
    asked_at_ms: u64,
) -> Result<Grant, Miss> {
    // What the parser says of a body could quote it, token and all.
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // LiveChat's own client ignores the status and looks for these two, so they count in every answer.
    if let Some(exception) = body["oauth_exception"].as_str().or(body["identity_exception"].as_str()) {
        return Err(of_exception(exception, body["exception_description"].as_str().unwrap_or_default(), known));
    }
    match status {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(Miss::Throttled),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => return Err(Miss::Down(of_status(status))),
        _ if status.is_server_error() => return Err(Miss::Down(of_status(status))),
        _ if status.is_client_error() => {
            return Err(Miss::Rejected { exception: of_status(status), description: UNEXPLAINED.into() });
        }
        _ => return Err(Miss::Nonsense(of_status(status))),
    }
    let answer = serde_json::from_value(body).map_err(|_| Miss::Nonsense("a body that is no token answer".into()))?;
    read_grant(answer, headers, known, asked_at_ms)
}

fn of_status(status: StatusCode) -> String {
    format!("status {}", status.as_u16())
}

const UNEXPLAINED: &str = "without an explanation";

fn of_exception(exception: &str, description: &str, known: Option<&Identity>) -> Miss {
    let known_form =
        (1..=64).contains(&exception.len()) && exception.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let exception = if known_form { exception } else { "an unknown exception" };
    if matches!(exception, "server_error" | "temporarily_unavailable") {
        return Miss::Down(exception.to_owned());
    }
    let shown: String = description.chars().filter(|char| !char.is_control()).take(300).collect();
    let secrets = known.map(|known| [known.cookies.cid.expose_secret(), known.cookies.cst.expose_secret()]);
    let quotes_a_secret = description.contains("__lc_")
        || secrets.is_some_and(|all| all.iter().any(|secret| description.contains(secret)));
    let description = match shown.trim_end_matches('.') {
        said if said.is_empty() || quotes_a_secret => UNEXPLAINED,
        said => said,
    };
    Miss::Rejected { exception: exception.to_owned(), description: description.to_owned() }
}

fn read_grant(answer: Answer, headers: &HeaderMap, known: Option<&Identity>, asked_at_ms: u64) -> Result<Grant, Miss> {
    let nonsense = |what: &str| Miss::Nonsense(what.to_owned());
    let access_token = answer
        .access_token
        .filter(|token| (1..=LONGEST_TOKEN).contains(&token.expose_secret().len()))
        .ok_or_else(|| nonsense("no usable access_token"))?;
    let entity_id = answer
        .entity_id
        .filter(|id| (1..=LONGEST_ENTITY_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| nonsense("no usable entity_id"))?;
    let expires_in_s = answer
        .expires_in
        .filter(|seconds| (1..=TWO_YEARS_S).contains(seconds))
        .ok_or_else(|| nonsense("no usable expires_in"))?;
    if !answer.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(nonsense("a token_type other than Bearer"));
    }
    let (cookies, max_age_s) =
        read_cookies(headers, known.filter(|known| known.entity_id == entity_id), asked_at_ms / 1000)?;
    Ok(Grant {
        entity_id,
        access_token,
        // The only place where LiveChat's seconds become the milliseconds that the widget counts in.
        lifetime: Lifetime { created_ms: asked_at_ms, expires_in_ms: expires_in_s * 1000 },
        cookies,
        cookies_lapse_at_s: asked_at_ms / 1000 + max_age_s,
    })
}

/// The cookies to send next time and how long they live, in s: what came now, over what was there. An answer that
/// brings neither cookie is none of LiveChat's; a new customer needs both.
fn read_cookies(headers: &HeaderMap, known: Option<&Identity>, now_s: u64) -> Result<(Cookies, u64), Miss> {
    let (mut cid, mut cst, mut max_age_s) = (None, None, TWO_YEARS_S);
    for line in headers.get_all(SET_COOKIE) {
        let Some(cookie) = line.to_str().ok().and_then(|line| Cookie::parse(line).ok()) else { continue };
        let slot = match cookie.name() {
            CID => &mut cid,
            CST => &mut cst,
            _ => continue,
        };
        let age_s = age_s(&cookie, now_s);
        // A cookie that is empty or already over is a request to forget it, and an identity is not forgotten.
        if (1..=LONGEST_COOKIE).contains(&cookie.value().len()) && age_s > 0 {
            *slot = Some(SecretString::from(cookie.value()));
            max_age_s = max_age_s.min(age_s);
        }
    }
    if cid.is_none() && cst.is_none() {
        return Err(Miss::Nonsense("no cookies".into()));
    }
    let known = known.map(|known| &known.cookies);
    let cid = cid.or_else(|| known.map(|known| known.cid.clone()));
    let cst = cst.or_else(|| known.map(|known| known.cst.clone()));
    let (Some(cid), Some(cst)) = (cid, cst) else {
        return Err(Miss::Nonsense("one of the two cookies only".into()));
    };
    let cookies = Cookies { cid, cst };
    cookie_header(&cookies)?;
    Ok((cookies, max_age_s))
}

/// How long a cookie lives from now, in s: `Max-Age` before `Expires` (RFC 6265, 5.3), and two years without either.
fn age_s(cookie: &Cookie, now_s: u64) -> u64 {
    if let Some(age) = cookie.max_age() {
        return age.whole_seconds().try_into().unwrap_or(0);
    }
    cookie
        .expires_datetime()
        .map_or(TWO_YEARS_S, |end| u64::try_from(end.unix_timestamp()).unwrap_or(0).saturating_sub(now_s))
}

#[cfg(test)]
mod tests;
