//! The gate in a real table. What callers see of the circuit breaker is tested in `tests/api`.

use super::*;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tokio::task::JoinSet;

const TABLE: &str = "table";

async fn table() -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let client = sandbox::database::client(&sandbox::database::start(vec![listener], None).expect("a database"));
    sandbox::database::create_table(&client, TABLE).await.expect("a table");
    client
}

async fn set_gate(client: &Client, gate: Gate) {
    let string = |string: &str| AttributeValue::S(string.into());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let request = client.put_item().table_name(TABLE).item("pk", string("livechat")).item("sk", string("gate"));
    let request = request.item("unanswered", number(gate.unanswered)).item("lastSent", number(gate.last_sent.as_u64()));
    request.item("lastCounted", number(gate.last_counted.as_u64())).send().await.expect("a stored gate");
}

fn soon() -> Context {
    Context::new(Deadline::after(Duration::from_secs(20)))
}

#[tokio::test]
async fn a_released_permit_makes_room_for_another_call() {
    let client = table().await;
    set_gate(&client, Gate { unanswered: 2, last_sent: now(), last_counted: now() }).await;
    let breaker = Breaker::new(Store::new(client, TABLE));
    let permit = breaker.enter(breaker.look(&soon()).await, Urgency::Required, &soon()).await.expect("there is room");
    assert_eq!(breaker.look(&soon()).await.unanswered, 3);
    breaker.release(permit, &soon()).await;
    assert_eq!(breaker.look(&soon()).await.unanswered, 2);
}

#[tokio::test]
async fn only_one_of_many_concurrent_calls_gets_the_last_place_or_the_probe() {
    let client = table().await;
    let one_place = Gate { unanswered: Gate::MOST_UNANSWERED - 1, last_sent: now(), last_counted: now() };
    set_gate(&client, one_place).await;
    assert_eq!(permits_of_ten(&client, Urgency::Required).await, 1);
    let probe_due = Gate {
        unanswered: Gate::MOST_UNANSWERED,
        last_sent: now().minus_ms(Gate::PROBE_EVERY_MS),
        last_counted: now().minus_ms(Gate::TIME_OUT_MS),
    };
    set_gate(&client, probe_due).await;
    assert_eq!(permits_of_ten(&client, Urgency::Optional).await, 1);
}

/// The number of ten concurrent calls that get a permit.
async fn permits_of_ten(client: &Client, urgency: Urgency) -> usize {
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let breaker = Breaker::new(Store::new(client.clone(), TABLE));
        let gate = breaker.look(&soon()).await;
        calls.spawn(async move { breaker.enter(gate, urgency, &soon()).await.is_ok() });
    }
    calls.join_all().await.into_iter().filter(|has_permit| *has_permit).count()
}
