//! `cip doctor`, run against whole set-ups and against ones with one fault each, which it must name.

mod set_up;
pub(crate) mod stack;
mod tenant;
mod transfer;

use sandbox::Fault;
use set_up::{AUDIENCE, Found, SetUp};
use tenant::shifted;

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
