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
async fn rest_api_and_function_url_events_reach_the_same_customers() {
    let world = World::new().await;
    let http = world.send(GetToken, &event(include_str!("../events/get-token.json"))).await;
    let rest = world.send(GetToken, &event(include_str!("../events/get-token-rest.json"))).await;
    let url = world.send(GetToken, &event(include_str!("../events/get-token-url.json"))).await;
    assert_eq!((http.source(), rest.source(), url.source()), ("fwd=miss", "hit", "hit"));
    assert_eq!(http.token(), rest.token());
    assert_eq!(http.token(), url.token());
}
