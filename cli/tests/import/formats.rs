//! The three formats: users keep their customers.

use super::customers::{Api, Customer};
use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn users_of_the_tutorials_server_keep_their_customers() {
    let world = World::new().await;
    let mut customers = Vec::new();
    for _ in 0..6 {
        customers.push(world.customer(Api::V1).await);
    }
    let [alice, slash, seconds, lists, parts, several] = &customers[..] else { panic!("six") };
    let record = |customer: &Customer, user: &str, created: u64| {
        json!({"creationDate": created, "licenseId": 1, "entityId": customer.entity_id, "expiresIn": 28800,
               "tokenType": "Bearer", "accessToken": "dal:old", "username": user,
               "__lc_cid": customer.cid, "__lc_cst": customer.cst})
    };
    let now_s = cip::time::now().in_seconds().as_u64();
    let file = json!({
        "alice@shop.example": record(alice, "alice@shop.example", now_s * 1000),
        "a": {"b": record(slash, "a/b", now_s * 1000)},
        "seconds": record(seconds, "seconds", now_s - 1000),
        "lists": {"entity_id": lists.entity_id, "cookies": [lists.cid, lists.cst]},
        "parts": {"token": {"entityId": parts.entity_id}, "cookies": {"cid": Customer::value(&parts.cid), "cst": parts.cst}},
        "site": {"client_id": "c", "license_id": "1", "carol": record(several, "carol", now_s * 1000)},
    });
    let file = world.file("myDataBase.json", file.to_string());

    let (code, result) = world.import(&[&file, "--yes"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(6)), "{result}");
    let users = ["alice@shop.example", "a/b", "seconds", "lists", "parts", "carol"];
    for (user, customer) in users.iter().zip(&customers) {
        assert_eq!(world.get_token(Api::V1, user).await, customer.entity_id, "{user}");
    }
    assert_eq!(world.sandbox.customers(), 6);
}

#[tokio::test]
async fn cookies_expire_as_their_header_says_from_when_they_were_set() {
    let world = World::new().await;
    let customer = world.customer(Api::V1).await;
    let set_at = cip::time::now().in_seconds().as_u64() - 1000;
    let file = json!({"alice": {"creationDate": set_at * 1000, "entityId": customer.entity_id,
        "__lc_cid": format!("__lc_cid={}; Max-Age=5000", Customer::value(&customer.cid)), "__lc_cst": customer.cst}});
    let file = world.file("db.json", file.to_string());
    assert_eq!(world.import(&[&file, "--yes"]).await.0, 0);
    let items = world.items().await;
    assert_eq!(items[0]["cookiesLapseAt"].as_n().expect("a number"), &(set_at + 5000).to_string());
}

#[tokio::test]
async fn users_of_the_sqlite_example_keep_their_customers() {
    let world = World::new().await;
    let (alice, bob) = (world.customer(Api::V1).await, world.customer(Api::V1).await);
    let path = world.path("db.sqlite");
    let _ = std::fs::remove_file(&path);
    let database = rusqlite::Connection::open(&path).expect("a database");
    let tables =
        "CREATE TABLE Users (id TEXT NOT NULL PRIMARY KEY, email TEXT UNIQUE, name TEXT, lastname TEXT, password TEXT);
        CREATE TABLE LiveChatCustomers (id TEXT NOT NULL PRIMARY KEY, cst TEXT NOT NULL, userId TEXT NOT NULL);";
    database.execute_batch(tables).expect("tables");
    for (id, email, customer) in [("u-1", Some("alice@shop.example"), &alice), ("u-2", None, &bob)] {
        database.execute("INSERT INTO Users (id, email) VALUES (?, ?)", (id, email)).expect("a user");
        let row = (&customer.entity_id, Customer::value(&customer.cst), id);
        database.execute("INSERT INTO LiveChatCustomers (id, cst, userId) VALUES (?, ?, ?)", row).expect("a customer");
    }
    drop(database);
    let file = path.to_str().expect("a path");

    let (code, result) = world.import(&[file, "--yes"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(2)), "{result}");
    assert_eq!(world.get_token(Api::V1, "u-1").await, alice.entity_id);
    assert_eq!(world.get_token(Api::V1, "u-2").await, bob.entity_id);

    let (code, result) = world.import(&[file, "--yes", "--user", "email"]).await;
    assert_eq!((code, &result["written"], &result["skipped"][0]["first"]), (1, &json!(1), &json!([2])), "{result}");
    assert_eq!(world.get_token(Api::V1, "alice@shop.example").await, alice.entity_id);
}

#[tokio::test]
async fn users_and_guests_in_json_lines_keep_their_customers() {
    let world = World::new().await;
    let (alice, zoe, guest) =
        (world.customer(Api::V2).await, world.customer(Api::V2).await, world.customer(Api::V2).await);
    let line = |owner: serde_json::Value, customer: &Customer| {
        let mut line =
            json!({"entityId": customer.entity_id, "cid": Customer::value(&customer.cid), "cst": customer.cst});
        line.as_object_mut().expect("an object").append(&mut owner.as_object().expect("an object").clone());
        line
    };
    let hash = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";
    let lines = [
        line(json!({"user": "alice"}), &alice).to_string(),
        String::new(),
        line(json!({"user": "Zoe\u{308}", "issuer": "https://b.example/", "cookiesExpireAt": 4_000_000_000_u64}), &zoe)
            .to_string(),
        line(json!({"guestIdHash": hash, "group": 3}), &guest).to_string(),
    ];
    let file = world.file("users.jsonl", lines.join("\n"));

    let (code, result) = world.import(&[&file, "--yes", "--normalize", "nfc-lowercase"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(3)), "{result}");
    assert_eq!(world.get_token(Api::V2, "alice").await, alice.entity_id);
    let mut keys: Vec<_> = world
        .items()
        .await
        .iter()
        .map(|item| (item["pk"].as_s().expect("a string").clone(), item["sk"].as_s().expect("a string").clone()))
        .collect();
    keys.sort_unstable();
    let key = |pk: &str, sk: &str| (pk.to_owned(), sk.to_owned());
    assert_eq!(
        keys,
        [
            key(&format!("guest#{hash}"), "group#3"),
            key("issuer#https://b.example/#zo\u{eb}", "identity"),
            key("user#alice", "identity"),
        ]
    );
}

#[tokio::test]
async fn a_pipe_needs_its_format() {
    let world = World::new().await;
    let line = json!({"user": "alice", "entityId": "e1", "cid": "cid-value", "cst": "cst-value"}).to_string();
    let without = world.finish(&mut world.import_command(&["-", "--yes"]), &line).await;
    assert_eq!(without.code, 2, "{without:?}");
    assert!(without.stderr.contains("give --format"), "{without:?}");
    let with = world.finish(&mut world.import_command(&["-", "--format", "lines", "--yes"]), &line).await;
    assert_eq!((with.code, world.items().await.len()), (0, 1), "{with:?}");
}
