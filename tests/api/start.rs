//! What a function says when it cannot start, and that each asks only for what it uses.

use crate::world::*;

#[tokio::test]
async fn a_missing_or_bad_setting_ends_init_with_one_line_that_names_it() {
    for (name, value) in [
        ("TABLE_NAME", ""),
        ("AUTH", "everyone"),
        ("LIVECHAT_CLIENT_ID", ""),
        ("LIVECHAT_LICENSE_ID", "twelve"),
        ("LIVECHAT_ORGANIZATION_ID", "a/b"),
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
async fn a_function_that_never_talks_to_livechat_needs_none_of_its_settings() {
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
