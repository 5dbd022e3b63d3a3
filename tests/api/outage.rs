//! LiveChat does not respond for a while, and the site keeps working. By default this takes a few seconds, with few calls.
//! With `OUTAGE_SECONDS=60` it takes 60 s, with 50 calls a second; `--nocapture` shows the figures.

use crate::{proxy::Mode, world::*};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time::interval,
};

const USERS: usize = 200;
const LARGEST_FLEET: usize = 32;

/// Functions as Lambda keeps them: an idle process takes the call, or else a new one is started for it.
#[derive(Clone)]
pub(crate) struct Fleet {
    world: Arc<World>,
    binary: Binary,
    idle: Arc<Mutex<Vec<Function>>>,
    /// Limits the number of processes, as AWS does for an account.
    room: Arc<Semaphore>,
}

impl Fleet {
    /// At most `largest` processes. `warm` of them are started here.
    pub(crate) async fn new(world: &Arc<World>, binary: Binary, warm: usize, largest: usize) -> Self {
        let room = Arc::new(Semaphore::new(largest));
        let fleet = Self { world: world.clone(), binary, idle: Arc::default(), room };
        for _ in 0..warm {
            fleet.idle.lock().await.push(world.spawn(binary).await);
        }
        fleet
    }

    /// Calls the operation for a user. Returns the response and its duration, including the wait for a process.
    pub(crate) async fn call(&self, user: &str) -> (GatewayResponse, Duration) {
        let started = Instant::now();
        let _room = self.room.acquire().await.expect("it is never closed");
        let idle = self.idle.lock().await.pop();
        let function = match idle {
            Some(function) => function,
            None => self.world.spawn(self.binary).await,
        };
        let response = function.call(user).await;
        let took = started.elapsed();
        self.idle.lock().await.push(function);
        (response, took)
    }

    /// Calls for each of `users` in turn, at a steady rate that does not depend on the results.
    pub(crate) async fn load(&self, users: usize, calls: u32, every: Duration) -> Vec<(GatewayResponse, Duration)> {
        let mut beat = interval(every);
        let mut running = JoinSet::new();
        for n in 0..calls {
            beat.tick().await;
            let fleet = self.clone();
            running.spawn(async move { fleet.call(&user(n as usize % users)).await });
        }
        running.join_all().await
    }
}

pub(crate) fn user(n: usize) -> String {
    format!("user-{n}")
}

/// The median and the 90th percentile.
pub(crate) fn typical<T: PartialOrd + Copy>(mut times: Vec<T>) -> (T, T) {
    times.sort_unstable_by(|a, b| a.partial_cmp(b).expect("times are numbers"));
    (times[times.len() / 2], times[times.len() * 9 / 10])
}

/// The durations of calls in ms, from the functions' log lines after the first `skip` lines of the output. They exclude the wait
/// for a process, which depends on this machine.
pub(crate) fn durations_ms(world: &World, skip: usize) -> Vec<f64> {
    world.call_lines_after(skip).iter().filter_map(|line| line["Duration"].as_f64()).collect()
}

/// The outage's duration in seconds, and the number of calls per second.
fn outage() -> (u32, u32) {
    match std::env::var("OUTAGE_SECONDS") {
        Ok(seconds) => (seconds.parse().expect("a number of seconds"), 50),
        Err(_) => (4, 15),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_new_users_wait_while_livechat_does_not_respond() {
    let (seconds, per_second) = outage();
    let every = Duration::from_secs(1) / per_second;
    let world = World::new().await.with("RUST_LOG", "info");
    let livechat = world.proxy_to("LIVECHAT_ACCOUNTS_URL").await;
    let world = Arc::new(world.with("LIVECHAT_ACCOUNTS_URL", &livechat.url()));
    // Each call takes a whole time-out. The processes are started before, so that the test does not measure how long it takes
    // to start them.
    let processes = per_second as usize * 4;
    let fleet = Fleet::new(&world, GetToken, processes, processes).await;
    for n in 0..40 {
        fleet.call(&format!("somebody-{n}")).await.0.token();
    }

    let logged = world.output().lines().count();
    livechat.set(Mode::BlackHole);
    livechat.forget_most();
    let calls = seconds * per_second;
    let during = fleet.load(calls as usize, calls, every).await;
    let most_waiting = livechat.most_waiting();
    for (response, _) in &during {
        assert_eq!(response.problem(), (503, "livechat_unavailable"));
    }
    let (median_ms, nine_in_ten_ms) = typical(durations_ms(&world, logged));
    println!(
        "black hole: {calls} first visits in {seconds} s, median {median_ms} ms by the functions' measurement (nine in ten within \
         {nine_in_ten_ms} ms); most waiting on LiveChat at once: {most_waiting}"
    );
    // More than with known users: the calls that are sent before the first one is late wait too.
    assert!(most_waiting <= 20, "{most_waiting}");

    livechat.set(Mode::Pass);
    let back = Instant::now();
    until("a success", async || fleet.call(&user(0)).await.0.status() == 200).await;
    println!("LiveChat is back: noticed after {:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn known_users_get_stored_tokens_while_livechat_does_not_respond() {
    let (seconds, per_second) = outage();
    let every = Duration::from_secs(1) / per_second;
    let world = World::new().await.with("RUST_LOG", "info");
    let livechat = world.proxy_to("LIVECHAT_ACCOUNTS_URL").await;
    let world = Arc::new(world.with("LIVECHAT_ACCOUNTS_URL", &livechat.url()));
    let fleet = Fleet::new(&world, GetToken, 8, LARGEST_FLEET).await;
    for n in 0..USERS {
        fleet.call(&user(n)).await.0.token();
        // Every token is due for a renewal, and is live for another hour: the worst case.
        world.age_token(&user(n), Duration::from_hours(7)).await;
    }
    let calls_before = world.sandbox.calls().token;

    let logged = world.output().lines().count();
    livechat.set(Mode::BlackHole);
    livechat.forget_most();
    let during = fleet.load(USERS, seconds * per_second, every).await;
    let most_waiting = livechat.most_waiting();
    let processes = fleet.idle.lock().await.len();
    assert_eq!(world.sandbox.calls().token, calls_before);
    for (response, _) in &during {
        response.token();
        assert_eq!(response.source(), "hit; detail=livechat-unavailable");
    }
    let (median_ms, nine_in_ten_ms) = typical(durations_ms(&world, logged));
    let (median, nine_in_ten) = typical(during.iter().map(|(_, took)| *took).collect());
    println!(
        "black hole: {} calls in {seconds} s, all responses from the store; median {median_ms} ms by the functions' measurement \
         (nine in ten within {nine_in_ten_ms} ms), {median:?} ({nine_in_ten:?}) with the wait for a process; \
         most waiting on LiveChat at once: {most_waiting}; {processes} processes",
        during.len(),
    );
    assert!(most_waiting <= 10, "{most_waiting}");

    livechat.set(Mode::Pass);
    let back = Instant::now();
    until("a renewal", async || fleet.call(&user(0)).await.0.source() == "fwd=stale").await;
    let first = back.elapsed();
    // From then on no call is held back: the others renew at once, or as soon as their process checks the gate again.
    let mut rest = JoinSet::new();
    for n in 1..USERS {
        let fleet = fleet.clone();
        rest.spawn(async move {
            until("a renewal", async || !fleet.call(&user(n)).await.0.source().starts_with("hit; detail")).await;
        });
        tokio::time::sleep(every).await;
    }
    rest.join_all().await;
    println!(
        "LiveChat is back: noticed after {first:?}; all {USERS} users, one every {every:?}, renewed after {:?}",
        back.elapsed()
    );
    assert_eq!(world.sandbox.customers(), USERS as u64);
}
