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
async fn what_the_tutorials_server_does_not_store_is_reported() {
    let world = World::new().await;
    let alice = json!({"entityId": "e1", "username": "alice", "cid": "cid-value", "cst": "cst-value"});
    let file = json!({
        "users": [alice], "alice": [[alice]], "version": 7, "none": null, "good": alice,
        "site": {"client_id": "c", "customers": [alice]},
    });
    let (file, report) = (world.file("db.json", file.to_string()), world.path("skipped.jsonl"));
    let (code, result) = world.import(&[&file, "--yes", "--report", report.to_str().expect("a path")]).await;
    assert_eq!((code, &result["written"]), (1, &json!(1)), "{result}");
    let report = std::fs::read_to_string(report).expect("a report");
    let skipped = report.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut users: Vec<_> = skipped
        .map(|one| {
            assert_eq!(one["reason"], "it is not a JSON object");
            one["user"].as_str().expect("a path").to_owned()
        })
        .collect();
    users.sort_unstable();
    assert_eq!(users, ["alice", "none", "site/customers", "users", "version"]);
}

#[tokio::test]
async fn a_customer_belongs_to_the_user_whose_path_it_is_at() {
    let world = World::new().await;
    let record = |entity_id: &str, user: &str| json!({"entityId": entity_id, "username": user, "cid": "cid-value", "cst": "cst-value"});
    let file = json!({
        "17": record("e1", "7"), "alice": record("e2", ""), "bob": record("e3", "b"), "site": {"carol": record("e4", "carol")},
        "dave": record("e5", "someone"), "a": {"b": record("e6", "a/b")},
    });
    let (code, result) = world.import(&[&world.file("db.json", file.to_string()), "--yes"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(6)), "{result}");
    let text = |item: &crate::world::Item, name: &str| item[name].as_s().expect("a string").clone();
    let mut stored: Vec<_> =
        world.items().await.iter().map(|item| (text(item, "pk"), text(item, "entityId"))).collect();
    stored.sort_unstable();
    let expected = [("17", "e1"), ("a/b", "e6"), ("alice", "e2"), ("bob", "e3"), ("carol", "e4"), ("dave", "e5")];
    assert_eq!(stored, expected.map(|(user, entity_id)| (format!("user#{user}"), entity_id.to_owned())));
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_the_tutorials_file() {
    let world = World::new().await;
    let file = json!({"alice": {"entityId": "e1", "cid": "cid-value", "cst": "cst-value"}});
    let (code, result) = world.import(&[&world.file("db.json", format!("\u{feff}{file}")), "--yes"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(1)), "{result}");
}

#[tokio::test]
async fn users_who_are_counted_in_sqlite_keep_their_customers() {
    let world = World::new().await;
    let path = world.path("db.sqlite");
    let database = rusqlite::Connection::open(&path).expect("a database");
    let content = "CREATE TABLE Users (id INTEGER PRIMARY KEY, email TEXT);
        CREATE TABLE LiveChatCustomers (id TEXT, cst TEXT, userId INTEGER);
        INSERT INTO Users VALUES (7, NULL);
        INSERT INTO LiveChatCustomers VALUES ('e1', 'cst-value', 7);";
    database.execute_batch(content).expect("tables");
    drop(database);
    let (code, result) = world.import(&[path.to_str().expect("a path"), "--yes"]).await;
    assert_eq!((code, &result["written"]), (0, &json!(1)), "{result}");
    assert_eq!(world.items().await[0]["pk"].as_s().expect("a string"), "user#7");
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
