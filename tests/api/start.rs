//! Errors at init, and which settings each function needs.

use crate::world::*;

#[tokio::test]
async fn a_missing_or_invalid_setting_ends_init_with_its_name() {
    for (name, value) in [
        ("TABLE_NAME", ""),
        ("AUTH", "everyone"),
        ("LIVECHAT_CLIENT_ID", ""),
        ("LIVECHAT_LICENSE_ID", "twelve"),
        ("LIVECHAT_ORGANIZATION_ID", "a/b"),
        ("LIVECHAT_ORGANIZATION_ID", "12345678"),
        ("LIVECHAT_REDIRECT_URI", "shop.example"),
        ("LIVECHAT_ACCOUNTS_URL", "http://accounts.livechat.com"),
        ("ON_IDENTITY_CHANGE", "ignore"),
    ] {
        let world = World::new().await.with(name, value);
        for binary in [GetToken, GetFreshToken] {
            let said = world.init_error(binary).await;
            assert!(said.contains(name) && said.trim().lines().count() == 1, "{name}: {said}");
        }
    }
}

#[tokio::test]
async fn a_misspelt_setting_ends_init_with_a_suggestion() {
    for (name, meant) in [
        ("LIVECHAT_CLINT_ID", "LIVECHAT_CLIENT_ID"),
        ("JWT_AUDIANCE", "JWT_AUDIENCE"),
        ("HMAC_SECRETS", "HMAC_SECRET"),
        ("ADOPT_GUEST", "ADOPT_GUESTS"),
    ] {
        // The intended setting may be missing too, but only the misspelling is reported.
        let world = World::new().await.without("LIVECHAT_CLIENT_ID").with(name, "a-value");
        for binary in Binary::ALL {
            let said = world.init_error(binary).await;
            assert_eq!(
                said.trim(),
                format!("Error: {name} is set, but there is no such setting: did you mean {meant}?")
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_variable_is_logged_once_without_its_value() {
    let world = World::new().await.with("JWT_EXPIRES_IN", "a-value").with("SHOP_SETTING", "a-value");
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    let said = world.output();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("JWT_EXPIRES_IN")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN"), "{lines:?}");
    assert!(!said.contains("a-value") && !said.contains("SHOP_SETTING"), "{said}");
}

#[tokio::test]
async fn has_token_starts_without_livechat_settings() {
    let world = World::new()
        .await
        .without("LIVECHAT_CLIENT_ID")
        .without("LIVECHAT_ORGANIZATION_ID")
        .without("LIVECHAT_LICENSE_ID")
        .without("LIVECHAT_REDIRECT_URI")
        .without("LIVECHAT_ACCOUNTS_URL");
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    for binary in [GetToken, GetFreshToken, Invalidate] {
        assert!(world.init_error(binary).await.contains("LIVECHAT_CLIENT_ID"));
    }
}
