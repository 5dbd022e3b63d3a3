//! Invalid input of any kind: a clear 4xx, never a 500, never another user's data.

use crate::world::*;
use serde_json::json;

#[tokio::test]
async fn invalid_user_ids_are_refused_by_all_operations() {
    let world = World::new().await;
    for binary in Binary::ALL {
        for user in ["", "a\nb", "\u{0}", "\u{7f}x", &"x".repeat(257), &"é".repeat(200)] {
            assert_eq!(world.call(binary, user).await.problem(), (400, "invalid_request"), "{user:?}");
        }
    }
    assert_eq!(world.sandbox.calls().token, 0);
}

#[tokio::test]
async fn similar_user_ids_are_different_users() {
    let world = World::new().await;
    let ids = [
        "alice@example.com",
        "a/b",
        "a",
        "b",
        "a b",
        "a+b",
        "a%2Fb",
        "../a",
        ".",
        "日本語",
        "👩‍🚀",
        "é",
        "e\u{301}",
        "user#a",
        "group#1",
        "identity",
        "' OR 1=1 --",
        "{\"$ne\":1}",
        "${jndi:ldap://x}",
        "<script>",
    ];
    let mut entities = std::collections::HashMap::new();
    for id in ids {
        let entity = world.call(GetToken, id).await.entity();
        assert_eq!(entities.insert(entity, id), None, "{id} shares a customer");
    }
    for (entity, id) in entities {
        assert_eq!(world.call(GetToken, id).await.entity(), entity, "{id}");
    }
}

#[tokio::test]
async fn invalid_group_numbers_are_refused() {
    let world = World::new().await;
    for group in ["", "x", "-1", "1.5", "01", "+1", "1&group=2", "99999999999999999999", "%00", "%F0%9F%91%8B", "1%20"]
    {
        assert_eq!(world.call_group(GetToken, "alice", group).await.problem(), (400, "invalid_request"), "{group}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let world = World::new().await;
    assert_eq!(world.send(HasToken, &http_api(GetToken, "alice", "")).await.problem(), (404, "not_found"));
    let mut event = http_api(GetToken, "alice", "");
    event["requestContext"]["http"]["method"] = json!("DELETE");
    let refused = world.send(GetToken, &event).await;
    assert_eq!(refused.problem(), (405, "method_not_allowed"));
    assert_eq!(refused.header("allow"), "GET, POST");
}

#[tokio::test]
async fn a_post_works_like_a_get_whatever_its_body() {
    let world = World::new().await;
    let entity = world.call(GetToken, "alice").await.entity();
    for (body, encoded) in [
        ("", false),
        ("{\"user\":\"bob\"}", false),
        ("\u{0}\u{ffff}", false),
        ("§ no base64", true),
        ("AAEC/w==", true),
    ] {
        let mut event = http_api(GetToken, "alice", "");
        event["requestContext"]["http"]["method"] = json!("POST");
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(encoded);
        assert_eq!(world.send(GetToken, &event).await.entity(), entity, "{body:?}");
    }
}

#[tokio::test]
async fn unknown_headers_cookies_and_parameters_are_ignored() {
    let world = World::new().await;
    let entity = world.call(GetToken, "alice").await.entity();
    let mut event = http_api(GetToken, "alice", "");
    event["headers"] = json!({
        "host": "not a host", "x-forwarded-proto": "1 2 3", "cookie": "__lc_=x", "authorization": "é",
        "x-user": "bob", "content-length": "-1", "x-long": "x".repeat(9000)
    });
    event["cookies"] = json!(["a=b", "c=d; e"]);
    event["queryStringParameters"] = json!({"user": "bob"});
    event["rawQueryString"] = json!("user=bob&x=%%%[]{}\"<>");
    assert_eq!(world.send(GetToken, &event).await.entity(), entity);
}

#[tokio::test]
async fn malformed_events_are_refused() {
    let world = World::new().await;
    let mut no_method = http_api(GetToken, "alice", "");
    no_method["requestContext"]["http"]["method"] = json!("NO METHOD");
    let mut bad_header = http_api(GetToken, "alice", "");
    bad_header["headers"] = json!({"bad header": "x"});
    for event in [
        json!({}),
        json!([]),
        json!(null),
        json!(7),
        json!("x"),
        json!({"Records": [{"eventSource": "aws:s3"}]}),
        no_method,
        bad_header,
    ] {
        assert_eq!(world.send(GetToken, &event).await.problem(), (400, "invalid_request"), "{event}");
    }
    assert_eq!(world.call(GetToken, "alice").await.status(), 200);
}
