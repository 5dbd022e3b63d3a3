//! The settings of `AUTH=jwt`, and their rules for a token. They are parsed by their documentation, without the code that is checked.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use unicode_normalization::UnicodeNormalization;

/// The current and the previous secret of the site, and a secret of somebody else.
pub const SECRETS: [&str; 3] = [
    "test-secret-one-0123456789-0123456789",
    "test-secret-two-0123456789-0123456789",
    "test-secret-of-somebody-else-0123456789",
];
/// The name of the session cookie.
pub const COOKIE: &str = "session";
/// The origin whose pages may use the cookie.
pub const ORIGIN: &str = "https://shop.example";

/// The values of the variables that are set.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    issuer: Option<String>,
    audience: Option<String>,
    audience_claim: Option<String>,
    required: Option<String>,
    user_claim: Option<String>,
    normalization: Option<&'static str>,
    algorithms: Option<&'static str>,
    encoding: Option<&'static str>,
    has_previous_secret: bool,
    /// Whether the site has a cookie.
    pub has_cookie: bool,
}

/// Names of claims, for settings and tokens.
pub const NAMES: &[&str] = &[
    "sub",
    "aud",
    "iss",
    "tid",
    "scope",
    "scp",
    "azp",
    "client_id",
    "data.id",
    "/data/id",
    "/sub",
    "a.b.c",
    "emails.0",
    "/emails/1",
    "https://shop.example/uid",
    "/https:~1~1shop.example~1claims/x-user.id",
    "a~b",
    "/a~0b",
    "/",
    ".",
    "exp",
    "data",
    "id",
];
/// Values of claims.
pub const VALUES: &[&str] = &[
    "livechat",
    "web",
    "one",
    "two",
    "7",
    "-5",
    "0",
    "true",
    "false",
    "null",
    "9007199254740991",
    "chat",
    "a b",
    "https://a.example/",
    "alice",
    "Alice",
    "zo\u{eb}",
    "zoe\u{308}",
    "\u{130}",
    "\u{391}\u{3a3}",
    "J\u{30c}",
    "\u{212a}",
    "b#alice",
    "#alice",
    "issuer#b#alice",
];
const ISSUERS: &[&str] = &[
    "https://a.example/",
    "https://a.example",
    "https://b.example",
    "https://b.example/x",
    "b",
    "accounts.google.com",
    "https://accounts.google.com",
    "https://login.example/{tid}/v2.0",
    "https://sts.example/{tenantid}/",
    "{tid}",
    "b#alice",
    "one",
];

impl Settings {
    /// Any settings. Most of them are realistic.
    ///
    /// # Errors
    /// If there are no bytes left.
    pub fn any(u: &mut Unstructured) -> Result<Self> {
        let mut settings = Self {
            normalization: *u.choose(&[None, None, Some("none"), Some("nfc"), Some("nfc-lowercase")])?,
            algorithms: *u.choose(&[None, None, None, Some("HS256"), Some("HS384,HS512"), Some(" HS256, HS512 ")])?,
            encoding: *u.choose(&[None, None, Some("text"), Some("base64"), Some("hex")])?,
            has_previous_secret: u.ratio(1, 4)?,
            has_cookie: u.ratio(1, 2)?,
            ..Self::default()
        };
        if u.ratio(3, 4)? {
            let entries = list(u, 1, 3, |u| Ok(list(u, 1, 2, |u| word(u, ISSUERS))?.join("|")))?;
            settings.issuer = Some(entries.join(","));
        }
        if u.ratio(1, 2)? {
            settings.audience = Some(list(u, 1, 2, |u| word(u, VALUES))?.join(", "));
            if u.ratio(1, 2)? {
                settings.audience_claim = Some(word(u, NAMES)?);
            }
        }
        if u.ratio(1, 2)? {
            let mut required = list(u, 0, 3, |u| Ok(format!("{}={}", word(u, NAMES)?, word(u, VALUES)?)))?;
            if settings.issuer.as_deref().is_some_and(|issuer| issuer.contains('{')) && !u.ratio(1, 8)? {
                required.extend(list(u, 1, 2, |u| Ok(format!("tid={}", u.choose(&["one", "two", "7"])?)))?);
            }
            settings.required = Some(required.join(","));
        }
        if u.ratio(1, 2)? {
            settings.user_claim = Some(word(u, NAMES)?);
        }
        Ok(settings)
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        let encoded = |secret: &str| match self.encoding {
            Some("base64") => base64::Engine::encode(&base64::prelude::BASE64_STANDARD, secret),
            Some("hex") => hex::encode(secret),
            _ => secret.to_owned(),
        };
        match name {
            "AUTH" => Some("jwt".into()),
            "JWT_SECRET" => Some(encoded(SECRETS[0])),
            "JWT_SECRET_PREVIOUS" => self.has_previous_secret.then(|| encoded(SECRETS[1])),
            "JWT_SECRET_ENCODING" => self.encoding.map(str::to_owned),
            "JWT_ALGORITHMS" => self.algorithms.map(str::to_owned),
            "JWT_ISSUER" => self.issuer.clone(),
            "JWT_AUDIENCE" => self.audience.clone(),
            "JWT_AUDIENCE_CLAIM" => self.audience_claim.clone(),
            "JWT_REQUIRED_CLAIMS" => self.required.clone(),
            "JWT_USER_CLAIM" => self.user_claim.clone(),
            "USER_ID_NORMALIZATION" => self.normalization.map(str::to_owned),
            "JWT_COOKIE" => self.has_cookie.then(|| COOKIE.to_owned()),
            "ALLOWED_ORIGINS" => self.has_cookie.then(|| ORIGIN.to_owned()),
            _ => None,
        }
    }

    /// The values that may be logged, because they are not secret. They are not formatted with `Debug`, which would escape characters.
    pub fn public(&self) -> String {
        let names = [
            "JWT_ISSUER",
            "JWT_AUDIENCE",
            "JWT_AUDIENCE_CLAIM",
            "JWT_REQUIRED_CLAIMS",
            "JWT_USER_CLAIM",
            "JWT_ALGORITHMS",
        ];
        let values: Vec<_> = names.iter().filter_map(|name| self.get(name)).collect();
        values.join("\n")
    }

    /// Whether a token that is signed with this secret can be accepted.
    pub fn has_secret(&self, nth: usize) -> bool {
        nth == 0 || (nth == 1 && self.has_previous_secret)
    }
}

fn list(
    u: &mut Unstructured,
    least: usize,
    most: usize,
    mut one: impl FnMut(&mut Unstructured) -> Result<String>,
) -> Result<Vec<String>> {
    (0..u.int_in_range(least..=most)?).map(|_| one(u)).collect()
}

/// One of these words, or sometimes another one.
pub fn word(u: &mut Unstructured, words: &[&str]) -> Result<String> {
    Ok(if u.ratio(1, 12)? { u.arbitrary::<&str>()?.to_owned() } else { (*u.choose(words)?).to_owned() })
}

/// The rules that the settings have for a token.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The entries of `JWT_ISSUER`; `None` if any issuer is accepted.
    pub entries: Option<Vec<Entry>>,
    /// Required claims, each with its accepted values.
    pub required: Vec<(String, Vec<String>)>,
    /// The name of the claim with the user id.
    pub user_claim: String,
    /// The accepted algorithms.
    pub algorithms: Vec<String>,
    normalization: &'static str,
}

/// Issuers with the same users.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The names of the issuers. The first one is part of the users' keys, unless this is the first entry.
    pub names: Vec<String>,
    /// The tenant in the names, if `JWT_ISSUER` has a placeholder for it.
    pub tenant: Option<String>,
}

/// The expected outcome of a start with these settings.
#[derive(Debug)]
pub enum Start {
    /// It must be refused.
    Refused,
    /// It may be refused. If it is not, these rules apply.
    May(Rules),
    /// It must succeed.
    Must(Rules),
}

impl Rules {
    /// Parses settings.
    pub fn parse(settings: &Settings) -> Start {
        let set = |name| settings.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut in_doubt = false;
        let mut required = required_claims(set("JWT_REQUIRED_CLAIMS"), &mut in_doubt);
        let tenants = required.iter().find(|(name, _)| name == "tid").map(|(_, values)| values.as_slice());
        let Some(entries) = entries(set("JWT_ISSUER"), tenants, &mut in_doubt) else { return Start::Refused };
        let entries = set("JWT_ISSUER").map(|_| entries);
        in_doubt |= entries.as_ref().is_some_and(Vec::is_empty);
        let audiences = parts(set("JWT_AUDIENCE"));
        in_doubt |= audiences.is_empty() && (set("JWT_AUDIENCE").is_some() || set("JWT_AUDIENCE_CLAIM").is_some());
        if !audiences.is_empty() {
            required.push((set("JWT_AUDIENCE_CLAIM").unwrap_or_else(|| "aud".into()), audiences));
        }
        let algorithms = parts(Some(set("JWT_ALGORITHMS").unwrap_or_else(|| "HS256".into())));
        let user_claim = set("JWT_USER_CLAIM").unwrap_or_else(|| "sub".into());
        let normalization = settings.normalization.unwrap_or("none");
        let rules = Self { entries, required, user_claim, algorithms, normalization };
        if in_doubt { Start::May(rules) } else { Start::Must(rules) }
    }

    /// A normalized user id.
    pub fn normalized(&self, id: &str) -> String {
        match self.normalization {
            "nfc" => id.nfc().collect(),
            "nfc-lowercase" => id.nfc().collect::<String>().to_lowercase().nfc().collect(),
            _ => id.to_owned(),
        }
    }
}

/// The parts of a list that is separated by commas.
fn parts(list: Option<String>) -> Vec<String> {
    let list = list.unwrap_or_default();
    list.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Parses `JWT_REQUIRED_CLAIMS`. Sets `in_doubt` if a start with this value may be refused.
fn required_claims(list: Option<String>, in_doubt: &mut bool) -> Vec<(String, Vec<String>)> {
    let mut required: Vec<(String, Vec<String>)> = Vec::new();
    for pair in parts(list) {
        let (name, value) = pair.split_once('=').map_or((&*pair, ""), |(name, value)| (name.trim(), value.trim()));
        *in_doubt |= name.is_empty() || value.is_empty();
        match required.iter_mut().find(|(other, _)| other == name) {
            Some((_, values)) => values.push(value.to_owned()),
            None => required.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    required
}

/// Parses `JWT_ISSUER`; `None` if it has a placeholder for a tenant, but there are no tenants. Sets `in_doubt` if a start with this value
/// may be refused.
fn entries(list: Option<String>, tenants: Option<&[String]>, in_doubt: &mut bool) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in parts(list) {
        let names: Vec<_> =
            entry.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        *in_doubt |= names.is_empty();
        if !["{tid}", "{tenantid}"].iter().any(|placeholder| entry.contains(placeholder)) {
            entries.push(Entry { names, tenant: None });
            continue;
        }
        for tenant in tenants? {
            let names = names.iter().map(|name| name.replace("{tid}", tenant).replace("{tenantid}", tenant)).collect();
            entries.push(Entry { names, tenant: Some(tenant.clone()) });
        }
    }
    entries.retain(|entry| !entry.names.is_empty());
    let all: Vec<_> = entries.iter().flat_map(|entry| &entry.names).collect();
    *in_doubt |= all.iter().enumerate().any(|(nth, name)| all[..nth].contains(name));
    let mut others = entries.iter().skip(1).flat_map(|entry| &entry.names);
    *in_doubt |= others.any(|name| name.contains('#') || name.len() > 512);
    Some(entries)
}
