//! A login for development, instead of a site's own: a secret, created at first start, and the credentials that anybody on this
//! machine can get for any user. It exists only in `cargo local`; the functions on AWS have neither the secret nor the
//! route `/dev/credentials`. If the settings have a key or secret already, nothing is made and nothing issued.

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
use cip::{auth::SHORTEST_SECRET, identity::UserId, time::now_ms};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::HashMap, fmt, fmt::Write, fs, io, path::Path};
use uuid::Uuid;

/// How long a token is good, in s.
const LIFETIME_S: u64 = 8 * 60 * 60;

/// What tokens are verified with, with `AUTH=jwt` and `authorizer`.
const KEYS_OF_TOKENS: [&str; 6] = [
    "JWT_JWKS_URL",
    "JWT_PUBLIC_KEY",
    "JWT_SECRET",
    "JWT_SECRET_ARN",
    "JWT_SECRET_PREVIOUS",
    "JWT_SECRET_PREVIOUS_ARN",
];
/// What hashes are verified with, with `AUTH=hmac`.
const KEYS_OF_HASHES: [&str; 4] =
    ["HMAC_SECRET", "HMAC_SECRET_ARN", "HMAC_SECRET_PREVIOUS", "HMAC_SECRET_PREVIOUS_ARN"];

/// The development secret, and how it is used.
#[derive(Clone)]
pub struct Credentials {
    secret: String,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// A JSON Web Token with these claims, and the user in that one.
    Token { claims: Map<String, Value>, user_claim: String },
    /// `X-User-Hash`.
    Hash,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The settings with a development secret, and the credentials that go with it, if `AUTH` needs a secret that the settings do
    /// not have. It is kept in `file`, or only in memory.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be used.
    pub fn develop(settings: Settings, file: Option<&Path>) -> Result<(Settings, Option<Self>), String> {
        let (keys, name, form) = match settings.get("AUTH").as_deref() {
            Some("jwt") => (&KEYS_OF_TOKENS[..], "JWT_SECRET", Form::token(&settings, "JWT_USER_CLAIM")),
            Some("authorizer") => (&KEYS_OF_TOKENS[..], "JWT_SECRET", Form::token(&settings, "AUTHORIZER_CLAIM")),
            Some("hmac") => (&KEYS_OF_HASHES[..], "HMAC_SECRET", Form::Hash),
            _ => return Ok((settings, None)),
        };
        if keys.iter().any(|key| settings.has(key)) {
            return Ok((settings, None));
        }
        let secret = kept_secret(file)?;
        // What development tokens are signed with, whatever the settings accept otherwise.
        let settings =
            settings.with(name, secret.clone()).with("JWT_ALGORITHMS", "HS256").with("JWT_SECRET_ENCODING", "text");
        Ok((settings, Some(Self { secret, form })))
    }

    /// What a request of this user's must carry.
    pub fn headers(&self, user: &str) -> HashMap<String, String> {
        let (name, value) = self.header(user);
        HashMap::from([(name.to_owned(), value)])
    }

    fn header(&self, user: &str) -> (&'static str, String) {
        match &self.form {
            Form::Token { claims, user_claim } => {
                let now_s = now_ms() / 1000;
                let mut claims = claims.clone();
                claims.insert("iat".into(), now_s.into());
                claims.insert("exp".into(), (now_s + LIFETIME_S).into());
                claims.insert(user_claim.clone(), user.into());
                ("Authorization", format!("Bearer {}", self.token(claims)))
            }
            Form::Hash => ("X-User-Hash", hex::encode(self.sign(user))),
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
        matches!(self.form, Form::Hash)
    }
}

impl Form {
    /// Tokens that the settings will take. Which claim is the user is in the setting `claim_setting`.
    fn token(settings: &Settings, claim_setting: &str) -> Self {
        let set = |name| settings.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |name, separators: &[char]| {
            set(name)
                .and_then(|list| list.split(separators).map(str::trim).find(|part| !part.is_empty()).map(str::to_owned))
        };
        // A claim of exactly the name in a setting counts, also where the name is a path.
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

/// The secret in `file`; a new one if there is none.
fn kept_secret(file: Option<&Path>) -> Result<String, String> {
    let Some(file) = file else { return Ok(random()) };
    let unusable = |error: io::Error| {
        format!("{} cannot be used ({error}): make it readable and writable, or delete it", file.display())
    };
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= SHORTEST_SECRET => Ok(text.trim().to_owned()),
        Ok(_) => Err(format!("{} has no secret of {SHORTEST_SECRET} bytes: delete it, start again", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random();
            keep(file, &secret).map_err(unusable)?;
            Ok(secret)
        }
        Err(error) => Err(unusable(error)),
    }
}

fn keep(file: &Path, secret: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(file)?, format!("{secret}\n").as_bytes())
}

/// 64 hexadecimal digits with 244 random bits; good as a guest's secret too.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What `cargo local` prints at start: how callers are verified, development credentials, and what to try on `url`. Empty
/// if nobody is verified and there are no guests.
pub fn introduction(auth: &str, credentials: Option<&Credentials>, guests: bool, url: &str) -> String {
    let mut lines = Lines::default();
    if auth != "none" || guests {
        lines.add("Callers", &format!("AUTH={auth}, {}", if guests { "with guests" } else { "without guests" }));
    }
    match credentials {
        Some(credentials) => credentials.introduce(&mut lines, url),
        None if auth == "none" => {}
        None => lines.add("", "verified with the key or secret of your settings; nothing is issued here"),
    }
    if guests {
        lines.add("a guest", &format!("curl -i -H 'X-Guest-Id: {}' {url}/getToken", random()));
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
        lines.add("Secret", &format!("{}  for development on this machine, and nothing else", self.secret));
        lines.add("alice", &alice);
        match self.form {
            Form::Token { .. } => {
                lines.add("bob", &header("bob"));
                lines.add("", &format!("for {} h; others: curl '{url}/dev/credentials?user=carol'", LIFETIME_S / 3600));
                lines.add("200", &format!("curl -i -H '{alice}' {url}/getToken"));
                lines.add("403", &format!("curl -i -H '{alice}' {url}/getToken/bob"));
            }
            Form::Hash => {
                lines.add("", &format!("others: curl '{url}/dev/credentials?user=carol'"));
                lines.add("200", &format!("curl -i -H '{alice}' {url}/getToken/alice"));
                // A hash does not say whose it is: it is just not bob's.
                lines.add("401", &format!("curl -i -H '{alice}' {url}/getToken/bob"));
            }
        }
        lines.add("401", &format!("curl -i {url}/getToken/alice"));
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        writeln!(self.0, "{label:<9} {text}").expect("a string takes everything");
    }
}

/// `GET /dev/credentials?user=alice`: which headers a request for this user needs, and whether the path must name the user,
/// `{"headers": {…}, "userInPath": false}`. 404 without development secrets, 400 for what is no user id, 403 for other
/// sites' pages.
pub fn router(credentials: Option<Credentials>) -> Router {
    let answer = async move |headers: HeaderMap, asked: Query<Asked>| answer(credentials.as_ref(), &headers, &asked);
    Router::new().route("/dev/credentials", get(answer))
}

#[derive(Deserialize)]
struct Asked {
    user: String,
}

fn answer(credentials: Option<&Credentials>, headers: &HeaderMap, asked: &Asked) -> Response {
    let Some(credentials) = credentials else { return StatusCode::NOT_FOUND.into_response() };
    if !is_own(headers) {
        return (StatusCode::FORBIDDEN, "Only for pages and programs of this machine, by its own name.\n")
            .into_response();
    }
    if let Err(error) = UserId::parse(&asked.user) {
        return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    }
    let answer = json!({ "headers": credentials.headers(&asked.user), "userInPath": credentials.user_in_path() });
    let headers = [
        (CACHE_CONTROL.as_str(), "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ];
    (headers, Json(answer)).into_response()
}

/// Whether a request is of this machine's own page, or of no page. Another site's page cannot read an answer without CORS
/// headers, unless it made its own name lead to this machine (DNS rebinding); then `Host` has that name.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(host) = text(HOST.as_str()) else { return false };
    let is_loopback = |host: Authority| matches!(host.host(), "127.0.0.1" | "[::1]" | "localhost");
    host.parse().is_ok_and(is_loopback)
        && text(ORIGIN.as_str()).is_none_or(|origin| origin == format!("http://{host}"))
        && text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
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
    async fn the_functions_take_what_is_issued() {
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
    fn with_a_key_of_ones_own_nothing_is_issued() {
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
    fn a_secret_is_kept_and_a_broken_one_is_named() {
        let file = std::env::temp_dir().join(format!("livechat-cip-{}", random()));
        let first = kept_secret(Some(&file)).expect("a new secret");
        assert_eq!(kept_secret(Some(&file)).expect("the same"), first);
        fs::write(&file, "short").expect("written");
        let line = kept_secret(Some(&file)).expect_err("too short");
        fs::remove_file(&file).expect("removed");
        assert!(line.contains(&*file.to_string_lossy()) && !line.contains("short"), "{line}");
    }

    #[test]
    fn a_start_without_verification_and_guests_says_no_more_than_before() {
        assert_eq!(introduction("none", None, false, "http://127.0.0.1:3000"), "");
    }

    #[test]
    fn only_this_machine_by_its_own_name_is_told() {
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
