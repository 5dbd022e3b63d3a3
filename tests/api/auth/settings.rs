//! Invalid settings: a function that could accept the wrong callers does not start, and says why in one line.

use super::{SECRET, assert_refused, issuer::*, with_public_key, with_token};
use crate::world::*;

type Settings = &'static [(&'static str, &'static str)];

/// The error of a function that does not start with these settings.
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
async fn a_missing_or_invalid_auth_setting_is_named() {
    const SHORT: &str = "test-secret-of-31-bytes-0123456";
    assert_eq!(SHORT.len(), 31);
    let cases: [(Settings, &[&str]); _] = [
        (&[], &["AUTH is not set", "`jwt`"]),
        (&[("AUTH", "JWT")], &["AUTH"]),
        (&[("AUTH", "none")], &["ALLOW_UNVERIFIED_USERS=true"]),
        (&[("AUTH", "none"), ("ALLOW_UNVERIFIED_USERS", "yes")], &["ALLOW_UNVERIFIED_USERS"]),
        (
            &[("AUTH", "none"), ("ALLOW_UNVERIFIED_USERS", "true"), ("CUSTOMER_DETAILS", "name")],
            &["CUSTOMER_DETAILS", "AUTH=jwt"],
        ),
        (
            &[("AUTH", "hmac"), ("HMAC_SECRET", SECRET), ("CUSTOMER_DETAILS", "name")],
            &["CUSTOMER_DETAILS", "AUTH=hmac"],
        ),
        (&[("AUTH", "authorizer"), ("CUSTOMER_DETAILS", "phone")], &["CUSTOMER_DETAILS", "email"]),
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
        (
            &[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_SECRET_ENCODING", "base32")],
            &["JWT_SECRET_ENCODING", "`base64`"],
        ),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("JWT_SECRET_ENCODING", "hex")], &["JWT_SECRET ", "hexadecimal"]),
        (
            &[("AUTH", "jwt"), ("JWT_SECRET", "c2hvcnQgYnV0IDMyIGNoYXJhY3RlcnM="), ("JWT_SECRET_ENCODING", "base64")],
            &["JWT_SECRET ", "32 bytes after decoding"],
        ),
        (&[("AUTH", "jwt"), ("JWT_SECRET", SECRET), ("USER_ID_NORMALIZATION", "lower")], &["USER_ID_NORMALIZATION"]),
        (
            &[
                ("AUTH", "jwt"),
                ("JWT_JWKS_URL", "http://127.0.0.1:9/jwks"),
                ("JWT_ISSUER", "https://a.example/{tid}"),
                ("JWT_AUDIENCE", "x"),
            ],
            &["JWT_ISSUER", "JWT_REQUIRED_CLAIMS", "tid="],
        ),
        (
            &[
                ("AUTH", "jwt"),
                ("JWT_JWKS_URL", "http://127.0.0.1:9/jwks"),
                ("JWT_ISSUER", "i"),
                ("JWT_REQUIRED_CLAIMS", "tid=x"),
            ],
            &["JWT_AUDIENCE", "JWT_REQUIRED_CLAIMS"],
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
        (
            &[("AUTH", "none"), ("ALLOW_UNVERIFIED_USERS", "true"), ("ALLOWED_ORIGINS", "HTTPS://Shop.Example:443/")],
            &["ALLOWED_ORIGINS: HTTPS://Shop.Example:443/ must be written https://shop.example."],
        ),
        (
            &[("AUTH", "authorizer"), ("ALLOWED_ORIGINS", "localhost:8055")],
            &["ALLOWED_ORIGINS: localhost:8055 has no scheme. Write http://localhost:8055."],
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

const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDQJ0Vuk7zL5juQSoPrUUe1WxY1
xbubxNwKyByvTaguHGRJI6gPazec4VMyZ6puaPxmFdUB5btF54+HJX5H+ABcNRDS
FEdEdcJmZEFgj2txaCDbpOaI+TtQSpcWiYoXfOVIma6LTQQks/efoBh98xApBwDU
hjngusD3LV0viT2A7wIDAQAB
-----END PUBLIC KEY-----";
const P521: &str = "-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAZkfP1Kf6J8T2sYE6TCgMb9HzLksa
B14uKV/IstRGC5S7Ip6Xejd82nGaAzKcVfeT+Oud8d8XYLOpVMaD0UuK48oBErYr
WdmWTZWtTCRY8dfPNXX+4FsCgo7wXqzLEm0yYfgK4w05UDR1xOSD1YOB5fZdhtFZ
G2rGPnSIQlvM+cyQ0+E=
-----END PUBLIC KEY-----";
/// Created with openssl, for these tests only.
const EC_PRIVATE: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBIQNM0dApCxB/0igt1M2YrashaBxYaohIalI45c8qeeoAoGCCqGSM49
AwEHoUQDQgAECyWZX1k/B1BwT1t1mbiSQsxd1c1myk2YHaBTf86h1fbTfUm/+XNr
0R79PRaDwpczW4/x09SQL5fTtrkIneBAcQ==
-----END EC PRIVATE KEY-----";
const ED_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFOH+qBHTpwSLuX7V3StpTTDlESihWFbS3a4jz1zI8x9
-----END PRIVATE KEY-----";
const RSA_PRIVATE: &str = include_str!("issuer-rsa.pem");

/// The base64 between the lines of a PEM.
fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("---")).collect()
}

#[tokio::test]
async fn an_unusable_public_key_ends_init_with_the_reason() {
    let as_public = |pem: &str| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", body(pem));
    let two = format!("{RSA_PUBLIC_PEM}{RSA_PUBLIC_PEM}");
    for (key, words) in [
        (EC_PRIVATE, "private key"),
        (ED_PRIVATE, "private key"),
        (RSA_PRIVATE, "private key"),
        (&RSA_PRIVATE.replace('\n', "\\r\\n"), "private key"),
        (&body(EC_PRIVATE), "private key"),
        (&body(RSA_PRIVATE), "private key"),
        (&as_public(ED_PRIVATE), "private key"),
        (&as_public(RSA_PRIVATE), "private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----", "private key"),
        (RSA_1024, "1024"),
        (&body(RSA_1024), "1024"),
        (P521, "another curve"),
        (&two, "several parts"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA", "END PUBLIC KEY"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "PEM"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB alice", "PEM"),
        (SECRET, "PEM"),
        ("{\"kty\":\"RSA\"}", "PEM"),
    ] {
        let world = with_public_key(key).await;
        let said = world.init_error(HasToken).await;
        let line = said.lines().find(|line| line.starts_with("Error: ")).unwrap_or_default();
        assert!(line.contains("JWT_PUBLIC_KEY") && line.contains(words), "{words}: {said}");
        assert!(!said.contains(&body(key)[..body(key).len().min(12)]) || body(key).is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_public_key_changed_by_copy_and_paste_still_works() {
    let issuer = Issuer::start().await;
    for with in [Rs256, Es256, EdDsa] {
        let pem = issuer.public_pem(with);
        for key in [
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\r\\n"),
            pem.replace('\n', "\\\\n"),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            format!("\"{}\"", pem.replace('\n', "\\n")),
            format!("Key of the shop\n{pem}"),
            body(&pem),
        ] {
            let world = with_public_key(&key).await;
            let event = with_token(&issuer.token(with, "alice"));
            world.send(GetToken, &event).await.token();
        }
    }
    let world = with_public_key(&issuer.public_pem(Es256)).await;
    let event = with_token(&Issuer::start().await.token(Es256, "alice"));
    assert_refused(&world, GetToken, &event, "another issuer's").await;
}
