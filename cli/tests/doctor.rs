//! `cip doctor`, run against whole set-ups and against ones with one fault each, which it must name.

mod set_up;
pub(crate) mod stack;
mod tenant;
mod transfer;

use crate::world::{World, serve};
use axum::{Router, http::StatusCode, routing::get};
use sandbox::Fault;
use serde_json::json;
use set_up::{AUDIENCE, Found, SetUp};
use std::time::Duration;
use tenant::shifted;
use tokio::time::timeout;

#[tokio::test]
async fn nothing_is_wrong_with_a_good_set_up() {
    let set_up = SetUp::start().await;
    let token = set_up.tenant.token(AUDIENCE, shifted(600));
    let found = set_up.doctor(&["--token-stdin"], &token).await;
    assert_eq!(found.wrong(), [] as [&str; 0], "{}", found.text);
    assert_eq!(found.code, 0);
    for words in
        ["LiveChat issued a token", "for ES256", "names the same key set", "Pages of http://localhost:5173 may call"]
    {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }
    for secret in [token.as_str(), token.rsplit('.').next().expect("a signature"), "alice", "__lc_c", "accessToken"] {
        assert!(!found.text.contains(secret), "{}", found.text);
    }
}

/// Each fault is reported once, under its check, in words that say what to change; nothing else is reported as wrong.
#[track_caller]
fn assert_named(found: &Found, check: &str, words: &[&str]) {
    assert_eq!(found.code, 1, "{}", found.text);
    assert_eq!(found.wrong(), [check], "{}", found.text);
    for words in words {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_whitelisted() {
    let set_up = SetUp::start().await.with("LIVECHAT_REDIRECT_URI", "https://other.example/");
    let found = set_up.doctor(&[], "").await;
    assert_named(&found, "livechat", &["invalid_request", "is https://other.example/ in the Redirect URI whitelist"]);
}

#[tokio::test]
async fn a_wrong_client_id() {
    let found = SetUp::start().await.with("LIVECHAT_CLIENT_ID", "wrong-client").doctor(&[], "").await;
    assert_named(&found, "livechat", &["unauthorized_client", "is the Client Id wrong-client"]);
}

#[tokio::test]
async fn an_account_that_livechat_does_not_know() {
    let set_up = SetUp::start().await;
    set_up.world.sandbox.fail(Fault::OauthResourceNotFound, 1);
    let found = set_up.doctor(&[], "").await;
    assert_named(&found, "livechat", &["resource_not_found", "LIVECHAT_ORGANIZATION_ID"]);
}

#[tokio::test]
async fn a_licence_number_as_the_organization_id() {
    let found = SetUp::start().await.with("LIVECHAT_ORGANIZATION_ID", "100000001").doctor(&[], "").await;
    assert_named(&found, "settings", &["belongs in LIVECHAT_LICENSE_ID", "settings.env, line "]);
}

#[tokio::test]
async fn details_of_customers_without_an_organization() {
    let set_up = SetUp::start().await.with("LIVECHAT_ORGANIZATION_ID", "").with("LIVECHAT_LICENSE_ID", "100000001");
    let found = set_up.with("CUSTOMER_DETAILS", "name").doctor(&[], "").await;
    assert_named(&found, "settings", &["CUSTOMER_DETAILS needs LIVECHAT_ORGANIZATION_ID"]);
}

#[tokio::test]
async fn a_misspelt_setting() {
    let found = SetUp::start().await.with("JWT_AUDIANCE", "livechat").doctor(&[], "").await;
    assert_named(&found, "settings", &["did you mean JWT_AUDIENCE?"]);
}

#[tokio::test]
async fn a_key_set_of_another_tenant() {
    let set_up = SetUp::start().await;
    let url = set_up.other_tenant.jwks_url();
    let found = set_up.with("JWT_JWKS_URL", &url).doctor(&[], "").await;
    assert_named(&found, "issuer", &["has other keys", "/tenant-a/jwks, not ", "/tenant-b/jwks"]);
}

#[tokio::test]
async fn an_issuer_that_differs_by_a_slash() {
    let set_up = SetUp::start().await;
    let issuer = format!("{}/", set_up.tenant.issuer);
    let token = set_up.tenant.token(AUDIENCE, shifted(600));
    let found = set_up.with("JWT_ISSUER", &issuer).doctor(&["--token-stdin"], &token).await;
    assert_named(&found, "token", &["/tenant-a/ calls itself ", "differs from JWT_ISSUER by a slash at its end"]);
}

#[tokio::test]
async fn a_key_set_that_cannot_be_reached() {
    let found = SetUp::start().await.with("JWT_JWKS_URL", "http://127.0.0.1:9/jwks").doctor(&[], "").await;
    assert_named(&found, "keys", &["http://127.0.0.1:9/jwks cannot be read: no connection", "copy jwks_uri"]);
}

#[tokio::test]
async fn a_token_for_another_audience() {
    let set_up = SetUp::start().await;
    let found = set_up.doctor(&["--token-stdin"], &set_up.tenant.token("another-api", shifted(600))).await;
    assert_named(
        &found,
        "token",
        &[
            "signature: made with the key tenant-a-1",
            "JWT_AUDIENCE: aud is another-api, expected livechat",
            "The functions refuse it: the token's aud is missing or not in JWT_AUDIENCE",
        ],
    );
}

#[tokio::test]
async fn a_token_that_has_expired() {
    let set_up = SetUp::start().await;
    let found = set_up.doctor(&["--token-stdin"], &set_up.tenant.token(AUDIENCE, shifted(-190))).await;
    assert_named(&found, "token", &["it expired 3 min ago", "JWT_AUDIENCE: aud is livechat"]);
}

#[tokio::test]
async fn a_token_of_another_tenant() {
    let set_up = SetUp::start().await;
    let found = set_up.doctor(&["--token-stdin"], &set_up.other_tenant.token(AUDIENCE, shifted(600))).await;
    assert_named(
        &found,
        "token",
        &[
            "for ES256, with the kid tenant-b-1",
            "signature: the key set has no key of that kid",
            "/tenant-b, expected http://",
        ],
    );
}

#[tokio::test]
async fn a_table_without_time_to_live() {
    let set_up = SetUp::start().await;
    set_up.without_expiry().await;
    let found = set_up.doctor(&[], "").await;
    assert_named(&found, "table", &["Time to live is off", "update-time-to-live --table-name cip"]);
}

#[tokio::test]
async fn a_table_that_does_not_exist() {
    let set_up = SetUp::start().await;
    let found = set_up.in_table("another-table").doctor(&[], "").await;
    assert_named(&found, "table", &["There is no table another-table", "--region"]);
}

#[tokio::test]
async fn an_origin_with_another_port() {
    let found = SetUp::start().await.with("ALLOWED_ORIGINS", "http://localhost:5174").doctor(&[], "").await;
    assert_named(&found, "cors", &["Pages of http://localhost:5174 may not call"]);
}

#[tokio::test]
async fn an_api_that_any_page_may_call() {
    let set_up = SetUp::start().await;
    set_up.allow_any_origin();
    let found = set_up.doctor(&[], "").await;
    assert_named(&found, "cors", &["Pages of any site may call"]);
}

#[tokio::test]
async fn a_clock_that_is_wrong() {
    let set_up = SetUp::start().await;
    set_up.world.sandbox.set(|settings| settings.clock_skew_ms = 300_000);
    let found = set_up.doctor(&[], "").await;
    assert_named(&found, "clock", &[" s behind that of LiveChat", "timedatectl"]);
}

#[tokio::test]
async fn an_installation_that_cannot_be_reached_is_told_from_one_that_is_wrong() {
    let set_up = SetUp::start().await;
    let run = async |url: &str| {
        let arguments = ["doctor", "--table", "cip", "--base-url", &set_up.api_url];
        set_up.world.run(&arguments, &[("AWS_ENDPOINT_URL_DYNAMODB", url)]).await
    };
    let unreachable = run("http://127.0.0.1:1").await;
    assert_eq!(unreachable.code, 3, "{unreachable:?}");
    assert!(unreachable.stdout.contains("cip cannot be reached"), "{unreachable:?}");
    assert!(unreachable.stdout.contains("responds"), "the API is checked all the same: {unreachable:?}");
    assert!(unreachable.stderr.contains("cannot be reached"), "{unreachable:?}");
    assert_eq!(run(&set_up.world.dynamodb_url).await.code, 0);
}

/// Accepts requests, and never responds.
async fn silent() -> String {
    serve(Router::new().fallback(async || std::future::pending::<()>().await)).await
}

#[tokio::test]
async fn a_server_that_never_responds_is_given_up() {
    let (world, silent) = (World::new().await, silent().await);
    let local = format!("--local={silent}");
    let run = async |arguments: &[&str], variable: &str| {
        let ran = timeout(Duration::from_mins(1), world.run(arguments, &[(variable, &silent)])).await;
        ran.unwrap_or_else(|_| panic!("{arguments:?} still waits"))
    };
    let of_local = [local.as_str(), "user", "show", "alice"];
    let (local, stack, table) = tokio::join!(
        run(&of_local, "UNUSED"),
        run(&["--stack", "shop", "user", "show", "alice"], "AWS_ENDPOINT_URL_CLOUDFORMATION"),
        run(&["--table", "cip", "doctor"], "AWS_ENDPOINT_URL_DYNAMODB"),
    );
    for (ran, words) in [(local, "does not respond"), (stack, "no response in time"), (table, "cannot be reached")] {
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    }
}

#[tokio::test]
async fn what_another_server_says_does_not_control_the_terminal() {
    const CONTROL: &str = "x\u{1b}[2J\u{9b}2J\u{202e}1";
    let configuration = json!({ "issuer": CONTROL, "jwks_uri": format!("https://example.com/{CONTROL}") });
    let problem = (StatusCode::INTERNAL_SERVER_ERROR, json!({ "code": CONTROL }).to_string());
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(async move || configuration.to_string()))
        .fallback(async move || problem);
    let url = serve(router).await;
    let set_up = SetUp::start().await.with("JWT_ISSUER", &url);
    let file = set_up.env_file();
    let arguments = ["--table", "cip", "doctor", "--env-file", &file, "--base-url", &url];
    for format in [&[][..], &["--json"]] {
        let ran = set_up.world.run(&[&arguments, format].concat(), &[]).await;
        assert!(ran.stdout.contains("control character") && ran.stdout.contains("500 x"), "{ran:?}");
        assert!(!ran.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{ran:?}");
    }
}
