use super::items::{SECRET, item, map, now_ms, number, text, token};
use crate::world::{Item, World};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde_json::json;

const HOUR_MS: u64 = 3_600_000;
const GUEST: &str = "guest#3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";

async fn stored() -> World {
    let world = World::new().await;
    let lease = |until: u64| [("leaseUntil", number(until)), ("leaseOwner", text("o"))];
    let former =
        map([("entityId", text("f")), ("cid", text(SECRET)), ("cst", text(SECRET)), ("until", number(now_ms()))]);
    let [until, owner] = lease(now_ms() + 9_000);
    let refused = map([
        ("until", number(now_ms() + 50_000)),
        ("times", number(1)),
        ("settings", text("x")),
        ("exception", text("e")),
        ("description", text("")),
    ]);
    let sealed = map([("sealed", AttributeValue::B(Blob::new("ciphertext")))]);
    let keys = |pk: &str, sk: &str| Item::from([("pk".into(), text(pk)), ("sk".into(), text(sk))]);
    let mut adopted = keys(GUEST, "identity");
    adopted.insert("adoptedAt".into(), number(1));
    let mut malformed = item("user#malformed", "identity", []);
    malformed.insert("entityId".into(), number(1));
    for item in [
        item("user#live", "identity", [("token", token(HOUR_MS / 2)), until, owner]),
        item("user#old", "identity", [("token", token(9 * HOUR_MS)), ("refused", refused), ("cookies", sealed)]),
        item("user#changed", "identity", [("formerIdentities", AttributeValue::L(vec![former]))]),
        item("user#live", "group#7", lease(now_ms() - 1)),
        item(&GUEST.replace('3', "4"), "identity", []),
        adopted,
        keys("user#live", "renewals#29000000"),
        keys("livechat", "gate"),
        keys("livechat", "agentToken"),
        keys("user#new", "identity"),
        malformed,
    ] {
        world.put(item).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_item_is_counted_once() {
    let world = stored().await;
    let ran = world.cip_local(&["stats", "--json"]).await;
    assert_eq!(ran.code, 1, "an item is malformed: {}", ran.stderr);
    let mut report = ran.json();
    assert!(report["readUnits"].as_f64().is_some_and(|units| units > 0.0));
    let left = report["cookiesLeft"].take();
    let ages = report["tokenAges"].take();
    assert_eq!((&ages["under 1 hour"], &ages["8 to 24 hours"]), (&json!(1), &json!(1)));
    assert_eq!((&left["365 to 545 days"], &left["expired"]), (&json!(5), &json!(0)));
    for (name, expected) in [
        ("items", json!(11)),
        ("identities", json!({"users": 3, "guests": 1, "usersInGroups": 1, "guestsInGroups": 0})),
        ("withoutIdentity", json!(1)),
        ("adoptedGuests", json!(1)),
        ("renewalCounts", json!(1)),
        ("gate", json!(1)),
        ("agentToken", json!(1)),
        ("malformed", json!({"items": 1, "reasons": {"the stored item's `entityId` is missing or malformed": 1}})),
        ("tokens", json!({"live": 1, "usable": 1, "expired": 1, "toRevoke": 0})),
        ("leases", json!({"held": 1, "abandoned": 1})),
        ("refused", json!(1)),
        ("changedIdentities", json!(1)),
        ("formerIdentities", json!(1)),
        ("openCookies", json!(4)),
        ("expired", json!(0)),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_a_table_and_plots_without_ids() {
    let world = stored().await;
    let ran = world.cip_local(&["stats"]).await;
    let bar = "█".repeat(40);
    for (name, rest) in [
        ("  Users in groups", "1 customers of groups: a user has one in each"),
        ("  malformed:", "1 × the stored item's `entityId` is missing or malformed"),
        ("  under 1 hour", &format!("1 {bar}")),
        ("  4 to 8 hours", "0"),
    ] {
        let line = ran.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), rest);
    }
    assert!(!ran.stdout.contains("user#") && !ran.stdout.contains("customer of"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_keeps_to_the_bound_on_read_units() {
    let world = World::new().await;
    for number in 0..200 {
        // Without a limit on its size, the scan of such items would cost far more than the bound at once.
        world.put(item(&format!("user#{number}"), "identity", [("other", text(&"x".repeat(8_000)))])).await;
    }
    let report = world.cip_local(&["stats", "--json", "--read-units", "100"]).await.json();
    let (units, seconds) = (report["readUnits"].as_f64().expect("units"), report["seconds"].as_f64().expect("seconds"));
    assert_eq!(report["identities"]["users"], 200);
    assert!(seconds >= units / 100.0 - 1.5, "{units} units in {seconds} s");
    assert!(units > 180.0, "{units}: the test must take longer than the first burst");
}
