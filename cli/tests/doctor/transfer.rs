//! Whether a leaked token can be turned into others.

use super::set_up::SetUp;
use sandbox::{IdentityTransfer, Revocation};
use serde_json::Value;

const WITH_CONSENT: &[&str] = &["--identity-transfer", "--yes"];

/// No token that was created for it works afterwards.
fn assert_all_are_revoked(set_up: &SetUp) {
    let sandbox = &set_up.world.sandbox;
    assert!(sandbox.journal().iter().all(|granted| !sandbox.works(&granted.access_token)));
}

#[tokio::test]
async fn a_transfer_that_outlives_a_logout_is_a_warning() {
    let set_up = SetUp::start().await;
    let found = set_up.doctor_without_call(WITH_CONSENT).await;
    assert_eq!((found.wrong(), found.code), (vec![], 0), "{}", found.text);
    for words in [
        "an identity transfer token, which is valid for 60 min, and that into a token of the same customer, valid for 480 min (with PKCE)",
        "the second one still works",
        "from before the revocation was exchanged after it",
    ] {
        assert!(found.text.contains(words), "{words}: {}", found.text);
    }
    assert_eq!(set_up.world.sandbox.calls().identity_transfer, 2);
    assert_all_are_revoked(&set_up);
}

#[tokio::test]
async fn a_logout_that_revokes_all_tokens_of_a_customer_is_recognised() {
    let set_up = SetUp::start().await;
    set_up.world.sandbox.set(|settings| settings.revocation = Revocation::Customer);
    let found = set_up.doctor_without_call(WITH_CONSENT).await;
    assert!(found.text.contains("With the first token, the second one was revoked"), "{}", found.text);
    assert_all_are_revoked(&set_up);
}

#[tokio::test]
async fn a_refusal_is_good() {
    let set_up = SetUp::start().await;
    set_up.world.sandbox.set(|settings| settings.identity_transfer = IdentityTransfer::Refused);
    let found = set_up.doctor_without_call(WITH_CONSENT).await;
    assert_eq!((found.wrong(), found.code), (vec![], 0), "{}", found.text);
    assert!(
        found.text.contains("LiveChat refuses to turn a customer's token into another one: access_denied"),
        "{}",
        found.text
    );
    let report: Value = serde_json::from_str(&found.text).expect("JSON");
    let mut checks = report["checks"].as_array().expect("checks").iter().filter(|check| check["check"] == "transfer");
    assert!(checks.all(|check| check["status"] == "ok"), "{}", found.text);
    assert_all_are_revoked(&set_up);
}

#[tokio::test]
async fn nothing_is_created_without_consent() {
    let set_up = SetUp::start().await;
    let ran = set_up.world.cip(&["doctor", "--identity-transfer", "--env-file", &set_up.env_file()]).await;
    assert_eq!((ran.code, set_up.world.sandbox.customers()), (2, 0), "{ran:?}");
    assert!(ran.stderr.contains("add --yes"), "{ran:?}");
}
