//! `AUTH=authorizer`: the user in the request context, in each of the gateway's formats.

use super::{assert_refused, bearer, issuer::*};
use crate::world::*;
use serde_json::{Value, json};

async fn world() -> World {
    World::new().await.with("AUTH", "authorizer")
}

fn http_api_with(authorizer: Value) -> Value {
    let mut event = request(GetToken, None, &[]);
    event["requestContext"]["authorizer"] = authorizer;
    event
}

fn rest_api_with(authorizer: Value, identity: Value) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../events/get-token-rest.json")).expect("JSON");
    event["path"] = json!("/getToken");
    event["pathParameters"] = Value::Null;
    event["requestContext"]["authorizer"] = authorizer;
    event["requestContext"]["identity"] = identity;
    event
}

fn anonymous() -> Value {
    json!({"sourceIp": "203.0.113.10", "userAgent": "alice", "userArn": null, "cognitoIdentityId": null, "user": null})
}

#[tokio::test]
async fn every_kind_of_authorizer_identifies_the_user() {
    let world = world().await.with("AUTHORIZER_CLAIM", "sub");
    let mut entities = Vec::new();
    for event in [
        http_api_with(json!({"jwt": {"claims": {"sub": "alice", "aud": "x"}, "scopes": null}})),
        http_api_with(json!({"lambda": {"sub": "alice", "level": 7}})),
        rest_api_with(json!({"claims": {"sub": "alice", "cognito:username": "bob"}}), anonymous()),
        rest_api_with(json!({"sub": "alice", "principalId": "bob", "integrationLatency": 7}), anonymous()),
    ] {
        entities.push(world.send(GetToken, &event).await.entity());
    }
    entities.dedup();
    assert_eq!(entities.len(), 1);
    assert!(world.item("alice").await.contains_key("entityId") && world.item("bob").await.is_empty());
}

#[tokio::test]
async fn the_event_of_a_jwt_authorizer_identifies_the_user() {
    let world = world().await;
    let event = serde_json::from_str(include_str!("../../events/get-token-authorizer.json")).expect("JSON");
    world.send(GetToken, &event).await.token();
    assert!(world.item("anna").await.contains_key("entityId"));
}

#[tokio::test]
async fn iam_authorization_identifies_the_user() {
    let arn = "arn:aws:sts::123456789012:assumed-role/site/alice";
    let world = world().await.with("AUTHORIZER_CLAIM", "userArn");
    let http =
        http_api_with(json!({"iam": {"userArn": arn, "userId": "AIDA:alice", "accessKey": "x", "accountId": "1"}}));
    let entity = world.send(GetToken, &http).await.entity();
    let rest = rest_api_with(Value::Null, json!({"userArn": arn, "user": "AIDA:alice", "userAgent": "bob"}));
    assert_eq!(world.send(GetToken, &rest).await.entity(), entity);

    let world = self::world().await.with("AUTHORIZER_CLAIM", "cognitoIdentityId");
    let id = "eu-central-1:0b6d2a8e-alice";
    let cognito = json!({"amr": ["authenticated"], "identityId": id, "identityPoolId": "p"});
    let http = http_api_with(json!({"iam": {"userArn": arn, "cognitoIdentity": cognito}}));
    let entity = world.send(GetToken, &http).await.entity();
    let rest = rest_api_with(Value::Null, json!({"userArn": arn, "cognitoIdentityId": id}));
    assert_eq!(world.send(GetToken, &rest).await.entity(), entity);

    // All users of the pool have the same ARN.
    let world = self::world().await.with("AUTHORIZER_CLAIM", "userArn");
    let cognito = json!({"amr": ["authenticated"], "identityId": id, "identityPoolId": "p"});
    let http = http_api_with(json!({"iam": {"userArn": arn, "cognitoIdentity": cognito}}));
    assert_refused(&world, GetToken, &http, "an ARN that others have too").await;
    let rest = rest_api_with(Value::Null, json!({"userArn": arn, "cognitoIdentityId": id}));
    assert_refused(&world, GetToken, &rest, "an ARN that others have too").await;
}

#[tokio::test]
async fn requests_without_an_authorizers_claims_are_refused() {
    let issuer = Issuer::start().await;
    let world = world().await;
    let token = bearer(&issuer.token(Es256, "alice"));
    let headers = [
        ("authorization", token.as_str()),
        ("x-amzn-oidc-identity", "alice"),
        ("x-amzn-request-context", "{\"authorizer\":{\"jwt\":{\"claims\":{\"sub\":\"alice\"}}}}"),
        ("x-user-hash", "x"),
    ];
    for user in [None, Some("alice")] {
        assert_refused(&world, GetToken, &request(GetToken, user, &headers), "headers").await;
        for binary in [GetFreshToken, HasToken, Invalidate] {
            assert_refused(&world, binary, &request(binary, user, &[]), "no credentials").await;
        }
    }
    for authorizer in [json!(null), json!({}), json!({"jwt": null}), json!({"lambda": null}), json!({"lambda": {}})] {
        assert_refused(&world, GetToken, &http_api_with(authorizer.clone()), &authorizer.to_string()).await;
        assert_refused(&world, GetToken, &rest_api_with(authorizer.clone(), anonymous()), &authorizer.to_string())
            .await;
    }
    // In format 1.0, a Lambda authorizer can return the structure of format 2.0. It is not trusted.
    let nested = rest_api_with(json!({"jwt": {"claims": {"sub": "alice"}}}), anonymous());
    assert_refused(&world, GetToken, &nested, "the structure of another format").await;
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn an_invalid_user_id_in_the_claim_is_refused_even_with_a_guest_id() {
    let world = world().await.with("GUESTS", "true");
    for value in [
        json!(null),
        json!(""),
        json!(47.11),
        json!(9_007_199_254_740_992_u64),
        json!(true),
        json!(["alice"]),
        json!({"a": "alice"}),
    ] {
        let mut events = vec![
            http_api_with(json!({"lambda": {"sub": value, "level": 7}})),
            rest_api_with(json!({"claims": {"sub": value, "a": "b"}}), anonymous()),
            rest_api_with(json!({"sub": value, "principalId": "p"}), anonymous()),
        ];
        if value.is_null() || value.is_string() {
            let claims = if value.is_null() { json!({"a": "b"}) } else { json!({"sub": value}) };
            events.push(http_api_with(json!({"jwt": {"claims": claims}})));
        }
        events.push(http_api_with(json!({"iam": {"userArn": "arn", "userId": "id"}})));
        events.push(rest_api_with(Value::Null, json!({"userArn": "arn", "userAgent": "alice", "sub": "alice"})));
        for mut event in events {
            event["headers"]["x-guest-id"] = json!(GUEST);
            if event["multiValueHeaders"].is_object() {
                event["multiValueHeaders"]["x-guest-id"] = json!([GUEST]);
            }
            assert_refused(&world, GetToken, &event, &event["requestContext"]["authorizer"].to_string()).await;
        }
    }
    let world = self::world().await.with("AUTHORIZER_CLAIM", "userAgent");
    assert_refused(
        &world,
        GetToken,
        &rest_api_with(Value::Null, json!({"userArn": "arn", "userAgent": "alice"})),
        "a value that callers set",
    )
    .await;
    let long = http_api_with(json!({"jwt": {"claims": {"sub": "x".repeat(257)}}}));
    assert_eq!(self::world().await.send(GetToken, &long).await.problem(), (400, "invalid_request"));
}

#[tokio::test]
async fn a_path_with_another_users_id_is_refused() {
    let world = world().await;
    let mut event = request(GetToken, Some("bob"), &[]);
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "alice"}}});
    assert_eq!(world.send(GetToken, &event).await.problem(), (403, "user_mismatch"));
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "bob"}}});
    world.send(GetToken, &event).await.token();
}

#[tokio::test]
async fn the_user_claim_can_be_a_number_or_nested() {
    let world = world().await;
    let as_string = world.send(GetToken, &http_api_with(json!({"jwt": {"claims": {"sub": "4711"}}}))).await.entity();
    for event in [
        http_api_with(json!({"lambda": {"sub": 4711}})),
        rest_api_with(json!({"sub": 4711, "principalId": "p"}), anonymous()),
        rest_api_with(json!({"claims": {"sub": 4711}}), anonymous()),
    ] {
        assert_eq!(world.send(GetToken, &event).await.entity(), as_string);
    }
    for claim in ["user.id", "/user/id"] {
        let world = self::world().await.with("AUTHORIZER_CLAIM", claim);
        let nested = http_api_with(json!({"lambda": {"user": {"id": "alice"}, "sub": "bob"}}));
        world.send(GetToken, &nested).await.token();
        assert!(world.item("alice").await.contains_key("entityId"));
    }
    for claim in ["https://shop.example/uid", "/https:~1~1shop.example~1uid"] {
        let world = self::world().await.with("AUTHORIZER_CLAIM", claim);
        world
            .send(GetToken, &http_api_with(json!({"jwt": {"claims": {"https://shop.example/uid": "alice"}}})))
            .await
            .token();
        assert!(world.item("alice").await.contains_key("entityId"));
    }
}
