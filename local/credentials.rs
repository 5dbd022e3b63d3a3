//! A login for development, in place of a site's own login. A secret is created at the first start, and anybody on this machine
//! can get credentials for any user. This exists only in `cargo local`: the functions on AWS have neither the secret nor the
//! route `/dev/credentials`. If the settings have a key or a secret, no secret is created and no credentials are issued.

use crate::settings::Settings;
use axum::{
    Json, Router,
    extract::Query,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, HOST, ORIGIN},
        uri::Authority,
    },
    response::{IntoResponse, Response},
    routing::get,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use cip::{auth::SHORTEST_SECRET, identity::UserId, time::now};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::HashMap, fmt, fmt::Write, fs, io, path::Path};
use uuid::Uuid;

/// The lifetime of a token, in s.
const LIFETIME_S: u64 = 8 * 60 * 60;

/// The settings for the keys that verify tokens, with `AUTH=jwt` and `AUTH=authorizer`.
const KEYS_OF_TOKENS: [&str; 6] = [
    "JWT_JWKS_URL",
    "JWT_PUBLIC_KEY",
    "JWT_SECRET",
    "JWT_SECRET_ARN",
    "JWT_SECRET_PREVIOUS",
    "JWT_SECRET_PREVIOUS_ARN",
];
/// The settings for the keys that verify hashes, with `AUTH=hmac`.
const KEYS_OF_HASHES: [&str; 4] =
    ["HMAC_SECRET", "HMAC_SECRET_ARN", "HMAC_SECRET_PREVIOUS", "HMAC_SECRET_PREVIOUS_ARN"];

/// The development secret, and the kind of credentials that it signs.
#[derive(Clone)]
pub struct Credentials {
    secret: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// A JSON Web Token with these claims, and with the user in `user_claim`.
    Token { claims: Map<String, Value>, user_claim: String },
    /// `X-User-Hash`.
    Hash,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Credentials {
    /// If `AUTH` needs a secret and the settings have none: the settings with a development secret, and the credentials for it.
    /// The secret is stored in `file`; without a file, only in memory.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be used.
    pub fn develop(settings: Settings, file: Option<&Path>) -> Result<(Settings, Option<Self>), String> {
        let (keys, name, kind) = match settings.get("AUTH").as_deref() {
            Some("jwt") => (&KEYS_OF_TOKENS[..], "JWT_SECRET", Kind::token(&settings, "JWT_USER_CLAIM")),
            Some("authorizer") => (&KEYS_OF_TOKENS[..], "JWT_SECRET", Kind::token(&settings, "AUTHORIZER_CLAIM")),
            Some("hmac") => (&KEYS_OF_HASHES[..], "HMAC_SECRET", Kind::Hash),
            _ => return Ok((settings, None)),
        };
        if keys.iter().any(|key| settings.has(key)) {
            return Ok((settings, None));
        }
        let secret = stored_secret(file)?;
        // Development tokens are signed with HS256, whatever algorithms the settings accept.
        let settings =
            settings.with(name, secret.clone()).with("JWT_ALGORITHMS", "HS256").with("JWT_SECRET_ENCODING", "text");
        Ok((settings, Some(Self { secret, kind })))
    }

    /// The headers that a request of this user needs.
    pub fn headers(&self, user: &str) -> HashMap<String, String> {
        let (name, value) = self.header(user);
        HashMap::from([(name.to_owned(), value)])
    }

    fn header(&self, user: &str) -> (&'static str, String) {
        match &self.kind {
            Kind::Token { claims, user_claim } => {
                let now_s = now().in_seconds().as_u64();
                let mut claims = claims.clone();
                claims.insert("iat".into(), now_s.into());
                claims.insert("exp".into(), (now_s + LIFETIME_S).into());
                claims.insert(user_claim.clone(), user.into());
                ("Authorization", format!("Bearer {}", self.token(claims)))
            }
            Kind::Hash => ("X-User-Hash", hex::encode(self.sign(user))),
        }
    }

    /// A JSON Web Token with these claims, signed with HS256 (RFC 7515, section 3.1).
    fn token(&self, claims: Map<String, Value>) -> String {
        let encoded = |json: Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encoded(json!({ "alg": "HS256", "typ": "JWT" })), encoded(claims.into()));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.sign(&signed));
        format!("{signed}.{signature}")
    }

    fn sign(&self, message: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes()), message.as_bytes())
    }

    /// Whether the path must name the user.
    fn user_in_path(&self) -> bool {
        matches!(self.kind, Kind::Hash)
    }
}

impl Kind {
    /// Tokens that the settings accept. The setting `claim_setting` names the claim with the user.
    fn token(settings: &Settings, claim_setting: &str) -> Self {
        let set = |name| settings.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |name, separators: &[char]| {
            set(name)
                .and_then(|list| list.split(separators).map(str::trim).find(|part| !part.is_empty()).map(str::to_owned))
        };
        // A setting may have a path (`data.level`) as the name of a claim. A claim with exactly this name is accepted too.
        let mut claims = Map::new();
        for required in set("JWT_REQUIRED_CLAIMS").unwrap_or_default().split(',') {
            if let Some((name, value)) = required.split_once('=') {
                claims.entry(name.trim()).or_insert_with(|| value.trim().into());
            }
        }
        if let Some(issuer) = first("JWT_ISSUER", &[',', '|']) {
            let tenant = claims.get("tid").and_then(Value::as_str).unwrap_or_default();
            let issuer = issuer.replace("{tid}", tenant).replace("{tenantid}", tenant);
            claims.insert("iss".into(), issuer.into());
        }
        if let Some(audience) = first("JWT_AUDIENCE", &[',']) {
            claims.insert(set("JWT_AUDIENCE_CLAIM").unwrap_or_else(|| "aud".into()), audience.into());
        }
        Self::Token { claims, user_claim: set(claim_setting).unwrap_or_else(|| "sub".into()) }
    }
}

/// The secret in `file`. If the file does not exist, creates a secret and stores it.
fn stored_secret(file: Option<&Path>) -> Result<String, String> {
    let Some(file) = file else { return Ok(random()) };
    let unusable = |error: io::Error| {
        format!("{} cannot be used ({error}): make it readable and writable, or delete it", file.display())
    };
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= SHORTEST_SECRET => Ok(text.trim().to_owned()),
        Ok(_) => {
            Err(format!("{} has no secret of {SHORTEST_SECRET} bytes or more: delete it, start again", file.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random();
            store(file, &secret).map_err(unusable)?;
            Ok(secret)
        }
        Err(error) => Err(unusable(error)),
    }
}

fn store(file: &Path, secret: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(file)?, format!("{secret}\n").as_bytes())
}

/// 64 hexadecimal digits with 244 random bits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// A guest's id, as the browser script creates it: 32 bytes in base64url.
fn guest_id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat())
}

/// What `cargo local` prints at start: how callers are verified, development credentials, and example requests to `url`.
pub fn introduction(auth: &str, credentials: Option<&Credentials>, guests: bool, url: &str) -> String {
    let mut lines = Lines::default();
    let verified = if auth == "none" { ": nobody is verified, the path names the user" } else { "" };
    lines.add("Callers", &format!("AUTH={auth}{verified}, {}", if guests { "with guests" } else { "without guests" }));
    match credentials {
        Some(credentials) => credentials.introduce(&mut lines, url),
        None if auth == "none" => {}
        None => lines.add("", "verified with the key or secret in your settings; no credentials are issued here"),
    }
    if guests {
        lines.add("a guest", &format!("returns 200: curl -i -H 'X-Guest-Id: {}' {url}/getToken", guest_id()));
    }
    lines.0
}

impl Credentials {
    fn introduce(&self, lines: &mut Lines, url: &str) {
        let header = |user| {
            let (name, value) = self.header(user);
            format!("{name}: {value}")
        };
        let alice = header("alice");
        lines.add("Secret", &format!("{}  only for development on this machine", self.secret));
        lines.add("alice", &alice);
        match self.kind {
            Kind::Token { .. } => {
                lines.add("bob", &header("bob"));
                let hours = LIFETIME_S / 3600;
                lines.add("", &format!("valid for {hours} h; other users: curl '{url}/dev/credentials?user=carol'"));
                lines.add("", &format!("returns 200: curl -i -H '{alice}' {url}/getToken"));
                lines.add("", &format!("returns 403: curl -i -H '{alice}' {url}/getToken/bob"));
            }
            Kind::Hash => {
                lines.add("", &format!("other users: curl '{url}/dev/credentials?user=carol'"));
                lines.add("", &format!("returns 200: curl -i -H '{alice}' {url}/getToken/alice"));
                // 401, not 403: a hash does not name its user, so this one is only a wrong hash for bob.
                lines.add("", &format!("returns 401: curl -i -H '{alice}' {url}/getToken/bob"));
            }
        }
        lines.add("", &format!("returns 401: curl -i {url}/getToken/alice"));
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        writeln!(self.0, "{label:<9} {text}").expect("writing to a string never fails");
    }
}

/// `GET /dev/credentials?user=alice` returns the headers that a request of this user needs, and whether the path must name the
/// user: `{"headers": {…}, "userInPath": false}`. It returns 404 without a development secret, 400 if the user id is invalid,
/// and 403 to pages of other sites.
pub fn router(credentials: Option<Credentials>) -> Router {
    let show = async move |headers: HeaderMap, query: Query<Who>| show(credentials.as_ref(), &headers, &query);
    Router::new().route("/dev/credentials", get(show))
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

fn show(credentials: Option<&Credentials>, headers: &HeaderMap, Who { user }: &Who) -> Response {
    let Some(credentials) = credentials else {
        let why = "No credentials are issued: callers are not verified, or your settings have the key or secret.\n";
        return (StatusCode::NOT_FOUND, why).into_response();
    };
    if !is_own(headers) {
        let why = "Only the page of `cargo local` itself and programs such as curl may call this, at 127.0.0.1 or localhost.\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    if let Err(error) = UserId::parse(user) {
        return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    }
    let body = json!({ "headers": credentials.headers(user), "userInPath": credentials.user_in_path() });
    let headers = [
        (CACHE_CONTROL.as_str(), "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ];
    (headers, Json(body)).into_response()
}

/// Whether a request comes from this machine's own page, or from a program that is not a browser. A page of another site cannot
/// read a response without CORS headers. An attacker can make the name of that site resolve to this machine (DNS rebinding), but
/// then `Host` has this name.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(host) = header(HOST.as_str()) else { return false };
    let is_loopback = |host: Authority| matches!(host.host(), "127.0.0.1" | "[::1]" | "localhost");
    host.parse().is_ok_and(is_loopback)
        && header(ORIGIN.as_str()).is_none_or(|origin| origin == format!("http://{host}"))
        && header("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cip::{
        auth::Sender,
        identity::Principal,
        settings::{AuthSettings, Lookup},
        time::Deadline,
    };
    use std::time::Duration;

    fn settings(auth: &str, more: &[(&str, &str)]) -> Settings {
        let settings = Settings::default().with_options(Some(auth.into()), false);
        more.iter().fold(settings, |all, (name, value)| all.with(name, *value))
    }

    #[tokio::test]
    async fn the_functions_accept_the_issued_credentials() {
        let strict = [("JWT_ISSUER", "me"), ("JWT_AUDIENCE", "chat, shop"), ("JWT_USER_CLAIM", "uid")];
        let several = [
            ("JWT_ISSUER", "https://a.example/{tid}/|https://b.example/{tid}, https://c.example"),
            ("JWT_AUDIENCE", "chat"),
            ("JWT_AUDIENCE_CLAIM", "client_id"),
            ("JWT_REQUIRED_CLAIMS", "tid=one, tid=two, data.level=7, scope=chat"),
            ("JWT_USER_CLAIM", "data.user.id"),
            ("JWT_SECRET_ENCODING", "base64"),
            ("USER_ID_NORMALIZATION", "nfc-lowercase"),
        ];
        for (auth, more) in [("jwt", &[] as &[_]), ("jwt", &strict), ("jwt", &several), ("hmac", &[])] {
            let (settings, credentials) = Credentials::develop(settings(auth, more), None).expect("a secret");
            let credentials = credentials.expect("a development secret");
            let settings = AuthSettings::from_lookup(&Lookup::new(|name| settings.get(name))).expect("good settings");
            let auth = cip::connect_auth(settings).await.expect("nothing to fetch");
            let headers = (&credentials.headers("zoë")).try_into().expect("good headers");
            let user = UserId::parse("zoë").expect("a user id");
            let user_in_path = credentials.user_in_path().then(|| user.clone());
            let sender = Sender { headers: &headers, gateway: None, user_in_path };
            let caller = auth.caller(sender, Deadline::after(Duration::from_secs(1))).await;
            assert_eq!(caller.expect("verified").principal, Principal::User(user));
        }
    }

    #[test]
    fn no_credentials_are_issued_if_the_settings_have_a_key() {
        for (auth, keys) in [("jwt", &KEYS_OF_TOKENS[..]), ("authorizer", &KEYS_OF_TOKENS), ("hmac", &KEYS_OF_HASHES)] {
            for key in keys {
                let (settings, credentials) =
                    Credentials::develop(settings(auth, &[(key, "x")]), None).expect("untouched settings");
                assert!(credentials.is_none() && !settings.has("JWT_ALGORITHMS"), "{key}");
            }
        }
        assert!(Credentials::develop(settings("none", &[]), None).expect("nothing to do").1.is_none());
    }

    #[test]
    fn a_secret_is_reused_and_an_invalid_one_is_refused_with_the_name_of_its_file() {
        let file = std::env::temp_dir().join(format!("livechat-cip-{}", random()));
        let first = stored_secret(Some(&file)).expect("a new secret");
        assert_eq!(stored_secret(Some(&file)).expect("the same"), first);
        fs::write(&file, "short").expect("written");
        let line = stored_secret(Some(&file)).expect_err("too short");
        fs::remove_file(&file).expect("removed");
        assert!(line.contains(&*file.to_string_lossy()) && !line.contains("short"), "{line}");
    }

    #[test]
    fn without_verification_the_start_says_so() {
        let lines = introduction("none", None, false, "http://127.0.0.1:3000");
        assert_eq!(lines, "Callers   AUTH=none: nobody is verified, the path names the user, without guests\n");
    }

    #[test]
    fn only_this_machine_under_its_own_name_gets_credentials() {
        let own = |pairs: &[(&str, &str)]| {
            let pairs: HashMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            is_own(&HeaderMap::try_from(&pairs as &HashMap<String, String>).expect("good headers"))
        };
        for host in ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "localhost"] {
            assert!(own(&[("host", host)]), "{host}");
            assert!(own(&[("host", host), ("origin", &format!("http://{host}")), ("sec-fetch-site", "same-origin")]));
            for origin in ["http://localhost:5173", "https://evil.test", "null", ""] {
                assert!(!own(&[("host", host), ("origin", origin)]), "{origin}");
            }
            for site in ["same-site", "cross-site", ""] {
                assert!(!own(&[("host", host), ("sec-fetch-site", site)]), "{site}");
            }
        }
        for host in ["evil.test:3000", "localhost.evil.test", "127.0.0.1.evil.test:3000", "192.168.0.1:3000", ""] {
            assert!(!own(&[("host", host)]), "{host}");
            assert!(!own(&[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
        assert!(!own(&[]));
    }
}
