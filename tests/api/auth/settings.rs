//! Settings that cannot be: a function that would let the wrong people in does not start, and says why in one line.

use super::{SECRET, issuer::RSA_PUBLIC_PEM};
use crate::world::*;

type Settings = &'static [(&'static str, &'static str)];

/// What a function says that does not start with these settings.
async fn refused(settings: Settings) -> String {
    let mut world = World::new().await.without("ALLOW_UNVERIFIED_USERS").without("AUTH");
    for (name, value) in settings {
        world = world.with(name, value);
    }
    let said = world.init_error(HasToken).await;
    assert!(!said.contains("test-secret"), "{said}");
    let line = said.lines().find(|line| line.starts_with("Error: ")).unwrap_or_default().to_owned();
    assert!(line.len() > 20 && line.ends_with('.'), "{said}");
    line
}

#[tokio::test]
async fn what_is_missing_or_bad_is_named() {
    const SHORT: &str = "test-secret-of-31-bytes-0123456";
    assert_eq!(SHORT.len(), 31);
    let cases: [(Settings, &[&str]); _] = [
        (&[], &["AUTH is not set", "`jwt`"]),
        (&[("AUTH", "JWT")], &["AUTH"]),
        (&[("AUTH", "none")], &["ALLOW_UNVERIFIED_USERS=true"]),
        (&[("AUTH", "none"), ("ALLOW_UNVERIFIED_USERS", "yes")], &["ALLOW_UNVERIFIED_USERS"]),
        (&[("AUTH", "jwt")], &["JWT_JWKS_URL", "JWT_PUBLIC_KEY", "JWT_SECRET"]),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SHORT)], &["JWT_SECRET", "32 bytes"]),
        (
            &[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_SECRET_PREVIOUS", SHORT)],
            &["JWT_SECRET_PREVIOUS", "32 bytes"],
        ),
        (&[("AUTH", "jwt"), ("JWT_SECRET_PREVIOUS", SECRET)], &["JWT_SECRET_PREVIOUS", "newer"]),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_PUBLIC_KEY", RSA_PUBLIC_PEM)], &["exactly one"]),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_SECRET_ARN", "arn:x")], &["JWT_SECRET_ARN", "one of them"]),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_ALGORITHMS", "RS256")], &["JWT_ALGORITHMS"]),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_ALGORITHMS", "HS256,none")], &["JWT_ALGORITHMS"]),
        (&[("AUTH", "jwt"), ("JWT_PUBLIC_KEY", "AAAA")], &["JWT_PUBLIC_KEY", "PEM"]),
        (&[("AUTH", "jwt"), ("JWT_PUBLIC_KEY", RSA_PUBLIC_PEM), ("JWT_ALGORITHMS", "HS256")], &["JWT_ALGORITHMS"]),
        (&[("AUTH", "jwt"), ("JWT_JWKS_URL", "http://login.example/jwks")], &["JWT_JWKS_URL", "https"]),
        (&[("AUTH", "jwt"), ("JWT_JWKS_URL", "file:///etc/passwd")], &["JWT_JWKS_URL"]),
        (&[("AUTH", "jwt"), ("JWT_JWKS_URL", "http://127.0.0.1:9/jwks")], &["JWT_ISSUER"]),
        (&[("AUTH", "jwt"), ("JWT_JWKS_URL", "http://127.0.0.1:9/jwks"), ("JWT_ISSUER", "i")], &["JWT_AUDIENCE"]),
        (
            &[
                ("AUTH", "jwt"),
                ("JWT_JWKS_URL", "http://127.0.0.1:9/jwks"),
                ("JWT_ISSUER", "i"),
                ("JWT_AUDIENCE", " , "),
            ],
            &["JWT_AUDIENCE"],
        ),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_COOKIE", "session")], &["JWT_COOKIE", "ALLOWED_ORIGINS"]),
        (
            &[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("ALLOWED_ORIGINS", "*")],
            &["ALLOWED_ORIGINS", "none of them `*`"],
        ),
        (
            &[("AUTH", "hmac"), ("HMAC_SECRET", SECRET), ("ALLOWED_ORIGINS", "https://a.example/x")],
            &["ALLOWED_ORIGINS"],
        ),
        (&[("AUTH", "hmac")], &["HMAC_SECRET"]),
        (&[("AUTH", "hmac"), ("HMAC_SECRET", SHORT)], &["HMAC_SECRET", "32 bytes"]),
        (&[("AUTH", "hmac"), ("JWT_SECRET", SECRET)], &["HMAC_SECRET"]),
        (&[("AUTH", "authorizer"), ("GUESTS", "1")], &["GUESTS"]),
        (&[("AUTH", "authorizer"), ("GUESTS", "true"), ("ADOPT_GUESTS", "no")], &["ADOPT_GUESTS"]),
    ];
    for (settings, words) in cases {
        let line = refused(settings).await;
        for word in words {
            assert!(line.contains(word), "{settings:?}: {line}");
        }
    }
}
