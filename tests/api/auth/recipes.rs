//! The recipes of `docs/authentication.md`: the settings of each, with sample tokens in that provider's format from
//! `providers.json`. One is accepted; other tokens of the same provider are refused.

use super::{OTHER_SECRET, SECRET, assert_refused, bearer, issuer::*, with_secret};
use crate::world::*;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../docs/authentication.md");
const PROVIDERS: &str = include_str!("providers.json");

/// The start of a line such as `<!-- recipe: auth0 -->` above each block of settings. Readers of the page do not see it.
const MARK: &str = "<!-- recipe: ";

/// What a provider's tokens and keys look like. `YOUR_…` in the page and here stand for the same value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    /// The recipe's name.
    name: String,
    /// The provider's key set, without the key material.
    #[serde(default)]
    keys: Vec<Value>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// The token's user.
    user: String,
    /// Other tokens that are accepted.
    #[serde(default)]
    also: BTreeMap<String, Accepted>,
    refused: BTreeMap<String, Variation>,
}

/// How a token differs from the valid one: `null` leaves a claim out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variation {
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    claims: Map<String, Value>,
    /// Another token altogether.
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    claims: Map<String, Value>,
    /// Whether it is the same customer as that of the valid token.
    same_customer: bool,
}

type Settings = Vec<(String, String)>;

#[test]
fn every_recipe_has_a_sample_token_and_every_sample_a_recipe() {
    let (recipes, providers) = (recipes(), providers());
    let of_page: BTreeSet<_> = recipes.iter().map(|(name, _)| name.as_str()).collect();
    let of_tokens: BTreeSet<_> = providers.iter().map(|(provider, _)| provider.name.as_str()).collect();
    assert_eq!(of_page, of_tokens);
    assert_eq!((of_page.len(), of_tokens.len()), (recipes.len(), providers.len()), "two with one name");
    assert_eq!(PAGE.matches("AUTH=jwt\n").count(), recipes.len(), "a block of settings without `{MARK}…`");
}

#[tokio::test]
async fn each_recipe_accepts_its_own_token_and_refuses_the_others() {
    let recipes: BTreeMap<_, _> = recipes().into_iter().collect();
    let mut failed = Vec::new();
    for (provider, fill) in providers() {
        let name = provider.name.clone();
        let settings = recipes.get(&name).unwrap_or_else(|| panic!("no recipe for {name}"));
        let settings: Settings = settings.iter().map(|(name, value)| (name.clone(), filled(value, &fill))).collect();
        // A task for each, so that all failures are listed.
        let case = tokio::spawn(async move { Case::start(provider, settings).await.run().await });
        if case.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these recipes fail: {failed:?}");
}

/// The table of claims, and the settings for e-mail addresses.
#[tokio::test]
async fn the_documented_user_claims_are_found() {
    let (_, table) = PAGE.split_once("| `JWT_USER_CLAIM` | the claim |\n|---|---|\n").expect("the table");
    let rows: Vec<_> = table.lines().map_while(|row| row.strip_prefix("| `")?.strip_suffix("` |")).collect();
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let (claim, example) = row.split_once("` | `").expect("two columns");
        let world = with_secret(SECRET).await.with("JWT_USER_CLAIM", claim);
        let response = send_claims(&world, serde_json::from_str(example).expect("JSON"), "4711").await;
        assert_eq!(response.status(), 200, "{claim}: {response:?}");
    }
    let (_, block) = PAGE.split_once("accept only verified addresses:\n\n```sh\n").expect("the settings");
    let mut world = with_secret(SECRET).await;
    for (name, value) in block.lines().take_while(|line| *line != "```").map(setting) {
        world = world.with(&name, &value);
    }
    for (email, verified, status) in [
        ("anna@example.com", json!(true), 200),
        ("Anna@Example.COM", json!(true), 200),
        ("anna@example.com", json!(false), 401),
        ("anna@example.com", Value::Null, 401),
        ("bob@example.com", json!(true), 403),
    ] {
        let response = send_claims(
            &world,
            json!({"aud": "YOUR_AUDIENCE", "email": email, "email_verified": verified}),
            "anna@example.com",
        )
        .await;
        assert_eq!(response.status(), status, "{email}, {verified}: {response:?}");
    }
    assert_eq!(world.sandbox.customers(), 1);
}

/// Calls for a user, with a token that has these claims.
async fn send_claims(world: &World, mut claims: Value, user: &str) -> GatewayResponse {
    claims["exp"] = json!(now_s() + 600);
    let signed = Hs256(SECRET.as_bytes());
    let token = Issuer::start().await.sign(signed, &header(signed), &claims);
    world.send(GetToken, &request(GetToken, Some(user), &[("authorization", &bearer(&token))])).await
}

/// A function with a recipe's settings, and the provider's keys.
struct Case {
    provider: Provider,
    issuer: Issuer,
    world: World,
    secret: Vec<u8>,
    /// The cookie's name and the page's origin, where the recipe has a cookie.
    cookie: Option<(String, String)>,
}

impl Case {
    async fn start(provider: Provider, settings: Settings) -> Self {
        let issuer = Issuer::start().await;
        let keys: Vec<_> = provider.keys.iter().map(|shape| with_material(&issuer, shape)).collect();
        issuer.serve_keys(&json!(keys));
        let mut world = World::new().await.without("ALLOW_UNVERIFIED_USERS");
        for (name, value) in &settings {
            // The provider cannot be called from here.
            let value = if name == "JWT_JWKS_URL" { issuer.url() } else { value };
            world = world.with(name, value);
        }
        let setting = |name: &str| settings.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        if let Some(url) = setting("JWT_JWKS_URL") {
            assert!(url.starts_with("https://"), "{url}");
        }
        let secret = setting("JWT_SECRET").unwrap_or_default();
        let secret = match setting("JWT_SECRET_ENCODING") {
            None => secret.as_bytes().to_vec(),
            Some("base64") => BASE64_STANDARD.decode(secret).expect("base64"),
            Some(other) => panic!("no recipe has {other} yet"),
        };
        let cookie = setting("JWT_COOKIE").map(|name| {
            let origin = setting("ALLOWED_ORIGINS").and_then(|list| list.split(',').next()).expect("an origin");
            (name.to_owned(), origin.to_owned())
        });
        Self { provider, issuer, world, secret, cookie }
    }

    async fn run(&self) {
        let (provider, user) = (&self.provider, self.provider.user.as_str());
        let valid = self.token(&provider.header, &provider.claims);
        let response = self.send(&valid, Some(user)).await;
        assert_eq!(response.status(), 200, "{}: {response:?}", provider.name);
        let entity = response.entity();
        assert_eq!(self.send(&valid, None).await.entity(), entity, "{}: without a user in the path", provider.name);
        let other_user = self.send(&valid, Some(&format!("{user}x"))).await;
        assert_eq!(other_user.problem(), (403, "user_mismatch"), "{}", provider.name);

        for (which, accepted) in &provider.also {
            let token = self.token(&provider.header, &patched(&provider.claims, &accepted.claims));
            let response = self.send(&token, Some(user)).await;
            assert_eq!(response.status(), 200, "{}: {which}: {response:?}", provider.name);
            assert_eq!(response.entity() == entity, accepted.same_customer, "{}: {which}", provider.name);
        }

        assert!(!provider.refused.is_empty(), "{}: no token to refuse", provider.name);
        let mut refused: Vec<_> =
            provider.refused.iter().map(|(why, variation)| (why.as_str(), self.variation(variation))).collect();
        let expired = patched(&provider.claims, json!({"exp": now_s() - 61}).as_object().expect("an object"));
        refused.push(("expired", self.token(&provider.header, &expired)));
        refused.push(("changed", changed(&valid)));
        if !self.secret.is_empty() {
            let header = Value::Object(provider.header.clone());
            let claims = Value::Object(in_time(&provider.claims));
            let guessed = with(&provider.header, OTHER_SECRET.as_bytes());
            refused.push(("another secret", self.issuer.sign(guessed, &header, &claims)));
            // The secret without decoding its Base64.
            if let Some(text) = self.world.setting("JWT_SECRET").filter(|text| text.as_bytes() != self.secret) {
                let token = self.issuer.sign(with(&provider.header, text.as_bytes()), &header, &claims);
                refused.push(("the encoded secret", token));
            }
        }
        for (why, token) in refused {
            let why = format!("{}: {why}", provider.name);
            assert_refused(&self.world, GetToken, &self.event(&token, None), &why).await;
        }
    }

    fn variation(&self, variation: &Variation) -> String {
        let header = patched(&self.provider.header, &variation.header);
        let claims = patched(&self.provider.claims, &variation.claims);
        variation.token.clone().unwrap_or_else(|| self.token(&header, &claims))
    }

    fn token(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        let claims = Value::Object(in_time(claims));
        self.issuer.sign(with(header, &self.secret), &Value::Object(header.clone()), &claims)
    }

    fn event(&self, token: &str, user: Option<&str>) -> Value {
        match &self.cookie {
            Some((name, origin)) => {
                let cookie = format!("{name}={token}");
                request(GetToken, user, &[("cookie", &cookie), ("origin", origin), ("sec-fetch-site", "same-site")])
            }
            None => request(GetToken, user, &[("authorization", &bearer(token))]),
        }
    }

    async fn send(&self, token: &str, user: Option<&str>) -> GatewayResponse {
        self.world.send(GetToken, &self.event(token, user)).await
    }
}

/// The names and settings of the page's recipes, in its order.
fn recipes() -> Vec<(String, Settings)> {
    let recipes = PAGE.split(MARK).skip(1).map(|rest| {
        let (name, rest) = rest.split_once(" -->\n```sh\n").expect("a block of settings right below the mark");
        let (block, _) = rest.split_once("\n```").expect("the end of the block");
        (name.to_owned(), block.lines().map(setting).collect())
    });
    recipes.collect()
}

/// `NAME=value`, or `NAME='value'` where a shell needs it.
fn setting(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("not a setting: {line}"));
    let bare = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,=@{}+".contains(&byte);
    assert!(bare != value || value.bytes().all(is_fit), "quotes are missing: {line}");
    (name.to_owned(), bare.to_owned())
}

/// The sample tokens, and the values of the placeholders.
fn providers() -> Vec<(Provider, BTreeMap<String, String>)> {
    let entries: Vec<Value> = serde_json::from_str(PROVIDERS).expect("JSON");
    let entries = entries.into_iter().map(|mut entry| {
        let fill = entry.as_object_mut().and_then(|entry| entry.remove("fill")).expect("`fill`");
        let fill: BTreeMap<String, String> = serde_json::from_value(fill).expect("texts");
        let provider = serde_json::from_str(&filled(&entry.to_string(), &fill)).expect("a provider");
        (provider, fill)
    });
    entries.collect()
}

/// The text with values for its placeholders. Longer ones are replaced first, as one can be the start of another.
fn filled(text: &str, fill: &BTreeMap<String, String>) -> String {
    let text = fill.iter().rev().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value));
    assert!(!text.contains("YOUR_"), "a placeholder without a value in {text}");
    text
}

/// A key of the issuer, with the other members of the provider's key.
fn with_material(issuer: &Issuer, shape: &Value) -> Value {
    let material = match (shape["kty"].as_str(), shape["crv"].as_str()) {
        (Some("RSA"), None) => issuer.rsa_jwk(),
        (Some("EC"), Some("P-256")) => issuer.ec_jwk(),
        (Some("EC"), Some("P-384")) => issuer.p384_jwk(),
        (Some("OKP"), Some("Ed25519")) => issuer.ed_jwk(),
        _ => panic!("no key of this kind: {shape}"),
    };
    let mut key = shape.clone();
    for member in ["n", "e", "x", "y"] {
        if let Some(value) = material.get(member) {
            key[member] = value.clone();
        }
    }
    key
}

/// The key for a token with this header.
fn with<'a>(header: &Map<String, Value>, secret: &'a [u8]) -> With<'a> {
    let all = [Rs256, Es256, Es384, EdDsa, Hs256(secret), Hs512(secret)];
    all.into_iter().find(|with| header["alg"] == with.algorithm()).expect("an algorithm that can be signed with here")
}

fn patched(object: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    for (name, value) in patch {
        match value {
            Value::Null => drop(object.remove(name)),
            _ => drop(object.insert(name.clone(), value.clone())),
        }
    }
    object
}

/// The claims with times in place of `NOW`, `NOW+3600` and so on.
fn in_time(claims: &Map<String, Value>) -> Map<String, Value> {
    let in_time = |value: &Value| match value.as_str().and_then(|text| text.strip_prefix("NOW")) {
        Some("") => json!(now_s()),
        Some(seconds) => json!(now_s() + seconds.parse::<i64>().expect("seconds")),
        None => value.clone(),
    };
    claims.iter().map(|(name, value)| (name.clone(), in_time(value))).collect()
}

/// The token with one more claim and the old signature.
fn changed(token: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).expect("base64url");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["changed"] = json!(true);
    format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}
