//! The events of `tests/events`, which `sam local invoke` also sends.

use crate::world::*;
use serde_json::Value;

fn event(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test]
async fn http_api_events_reach_all_operations() {
    let world = World::new().await;
    let token = world.send(GetToken, &event(include_str!("../events/get-token.json"))).await;
    assert_eq!(token.source(), "fwd=miss");
    let fresh = world.send(GetFreshToken, &event(include_str!("../events/get-fresh-token.json"))).await;
    assert_eq!(fresh.source(), "fwd=request");
    assert!(world.send(HasToken, &event(include_str!("../events/has-token.json"))).await.body().is_boolean());
    let invalidated = world.send(Invalidate, &event(include_str!("../events/invalidate.json"))).await;
    assert_eq!((invalidated.status(), invalidated.body()), (200, Value::Null));
}

#[tokio::test]
async fn the_events_of_all_gateways_reach_the_same_customer() {
    let world = World::new().await;
    let http = world.send(GetToken, &event(include_str!("../events/get-token.json"))).await;
    assert_eq!(http.source(), "fwd=miss");
    for (gateway, text) in [
        ("REST API", include_str!("../events/get-token-rest.json")),
        ("function URL", include_str!("../events/get-token-url.json")),
        ("HTTP API with a base path, in format 1.0", include_str!("../events/get-token-base-path.json")),
        ("HTTP API with a named stage", include_str!("../events/get-token-stage.json")),
    ] {
        let response = world.send(GetToken, &event(text)).await;
        assert_eq!((response.source(), response.token()), ("hit", http.token()), "{gateway}");
    }
}

#[tokio::test]
async fn a_body_in_base64_is_read() {
    let world = World::new().await;
    world.send(GetToken, &event(include_str!("../events/get-token.json"))).await.token();
    let response = world.send(Invalidate, &event(include_str!("../events/logout-base64.json"))).await;
    assert_eq!((response.body(), response.header("x-logout")), (Value::Null, "complete"));
}
