//! LiveChat responds to every call, but slowly. It does not count as down, and at least 98 % of new visitors get a token. By default
//! there are a few visits. With `SLOW_SECONDS=20`, each case of "A slow LiveChat" in docs/reliability.md runs for 20 s; `--nocapture`
//! shows the figures.

use crate::{
    outage::{Fleet, durations_ms, typical},
    world::*,
};
use std::{sync::Arc, time::Duration};

/// How visitors arrive.
#[derive(Clone, Copy, Debug)]
enum Visits {
    /// This number at the same time.
    AtOnce(u32),
    /// This number each second.
    PerSecond(u32),
}

/// All visitors come for the first time. LiveChat takes `latency_ms` for each.
async fn first_visits(latency_ms: u64, visits: Visits, seconds: u32) {
    let world = World::new().await.with("RUST_LOG", "info");
    world.sandbox.set(|settings| settings.latency_ms = latency_ms);
    let world = Arc::new(world);
    let (calls, every, warm) = match visits {
        Visits::AtOnce(calls) => (calls, Duration::from_micros(1), calls as usize),
        Visits::PerSecond(calls) => (calls * seconds, Duration::from_secs(1) / calls, calls as usize * 6),
    };
    let fleet = Fleet::new(&world, GetToken, warm, 200).await;
    let responses = fleet.load(calls as usize, calls, every).await;
    let tokens = responses.iter().filter(|(response, _)| response.status() == 200).count();
    let (median_ms, nine_in_ten_ms) = typical(durations_ms(&world, 0));
    println!(
        "{latency_ms} ms, {visits:?}: {tokens} of {calls} got a token; median {median_ms} ms, nine in ten within \
         {nine_in_ten_ms} ms; at most {} waited at LiveChat at once",
        world.sandbox.most_waiting()
    );
    // A few may time out: LiveChat takes up to 2.6 s of 3, and the machine may be busy.
    assert!(tokens * 100 >= calls as usize * 98, "{tokens} of {calls}");
    // Each time-out can leave a customer whose token nobody gets.
    let customers = world.sandbox.customers();
    assert!((tokens as u64..=u64::from(calls)).contains(&customers), "{customers} customers for {tokens} tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_time_visitors_get_a_token_at_high_latency() {
    use Visits::{AtOnce, PerSecond};
    let Ok(seconds) = std::env::var("SLOW_SECONDS") else {
        first_visits(1_200, AtOnce(24), 0).await;
        first_visits(2_000, PerSecond(8), 4).await;
        return;
    };
    let seconds = seconds.parse().expect("a number of seconds");
    for (latency_ms, visits) in [
        (1_200, PerSecond(10)),
        (1_200, AtOnce(120)),
        (1_600, PerSecond(15)),
        (2_000, PerSecond(10)),
        (2_600, PerSecond(10)),
        (2_600, PerSecond(20)),
    ] {
        first_visits(latency_ms, visits, seconds).await;
    }
}
