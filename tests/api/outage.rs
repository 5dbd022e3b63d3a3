//! LiveChat responds to no call for a while; the site goes on. Among the other tests that is a short while, with few
//! calls. With `OUTAGE_SECONDS=60` it lasts as long as that, with 50 calls a second; `--nocapture` shows the figures.

use crate::{
    proxy::{Mode, Proxy},
    world::*,
};
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
    /// As an account of AWS's, it has an end.
    room: Arc<Semaphore>,
}

impl Fleet {
    /// At most `largest` processes, of which so many are `warm`.
    pub(crate) async fn new(world: &Arc<World>, binary: Binary, warm: usize, largest: usize) -> Self {
        let room = Arc::new(Semaphore::new(largest));
        let fleet = Self { world: world.clone(), binary, idle: Arc::default(), room };
        for _ in 0..warm {
            fleet.idle.lock().await.push(world.spawn(binary).await);
        }
        fleet
    }

    pub(crate) async fn call(&self, user: &str) -> (Answer, Duration) {
        let started = Instant::now();
        let _room = self.room.acquire().await.expect("it is never closed");
        let idle = self.idle.lock().await.pop();
        let function = match idle {
            Some(function) => function,
            None => self.world.spawn(self.binary).await,
        };
        let answer = function.call(self.binary, user).await;
        let took = started.elapsed();
        self.idle.lock().await.push(function);
        (answer, took)
    }

    /// Calls for one of so many `users` after the other at a steady rate, whatever became of the calls before.
    pub(crate) async fn load(&self, users: usize, calls: u32, every: Duration) -> Vec<(Answer, Duration)> {
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

/// The median, and the longest of the best nine in ten.
pub(crate) fn typical<T: PartialOrd + Copy>(mut times: Vec<T>) -> (T, T) {
    times.sort_unstable_by(|a, b| a.partial_cmp(b).expect("times are numbers"));
    (times[times.len() / 2], times[times.len() * 9 / 10])
}

/// How long the functions took by their own account for what they logged from line `from` on, in ms: without the wait for
/// a free one, which is the test's own, as all of Lambda and DynamoDB is on this machine.
pub(crate) fn durations_ms(world: &World, from: usize) -> Vec<f64> {
    world.call_lines(from).iter().filter_map(|line| line["Duration"].as_f64()).collect()
}

/// For how many seconds, and how many calls a second.
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
    let livechat = Proxy::start(format!("127.0.0.1:{}", world.sandbox.port()).parse().expect("an address")).await;
    let world = Arc::new(world.with("LIVECHAT_ACCOUNTS_URL", &livechat.url()));
    // Nobody is answered before a whole time-out has passed. They are there before, as the test is not about how long a machine
    // takes to start them.
    let processes = per_second as usize * 4;
    let fleet = Fleet::new(&world, GetToken, processes, processes).await;
    for n in 0..40 {
        fleet.call(&format!("somebody-{n}")).await.0.token();
    }

    let logged = world.said().lines().count();
    livechat.set(Mode::BlackHole);
    livechat.forget_most();
    let calls = seconds * per_second;
    let during = fleet.load(calls as usize, calls, every).await;
    let most_waiting = livechat.most_waiting();
    for (answer, _) in &during {
        assert_eq!(answer.problem(), (503, "livechat_unavailable".into()));
    }
    let (median_ms, nine_in_ten_ms) = typical(durations_ms(&world, logged));
    println!(
        "black hole: {calls} first visits in {seconds} s, median {median_ms} ms by the functions' account (nine in ten within \
         {nine_in_ten_ms} ms); most waiting on LiveChat at once: {most_waiting}"
    );
    // A few more than of those who have a token: who comes before the first call is late, and a handful.
    assert!(most_waiting <= 20, "{most_waiting}");

    livechat.set(Mode::Pass);
    let back = Instant::now();
    let found = tokio::time::timeout(PATIENCE, async {
        while fleet.call(&user(0)).await.0.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    found.await.expect("LiveChat is found to be back");
    println!("LiveChat is back: found out after {:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn known_users_get_stored_tokens_while_livechat_does_not_respond() {
    let (seconds, per_second) = outage();
    let every = Duration::from_secs(1) / per_second;
    let world = World::new().await.with("RUST_LOG", "info");
    let livechat = Proxy::start(format!("127.0.0.1:{}", world.sandbox.port()).parse().expect("an address")).await;
    let world = Arc::new(world.with("LIVECHAT_ACCOUNTS_URL", &livechat.url()));
    let fleet = Fleet::new(&world, GetToken, 8, LARGEST_FLEET).await;
    for n in 0..USERS {
        fleet.call(&user(n)).await.0.token();
        // Every token is due to be renewed, and lives for an hour yet: the worst case.
        world.age_token(&user(n), Duration::from_hours(7)).await;
    }
    let asked = world.sandbox.calls().token;

    let logged = world.said().lines().count();
    livechat.set(Mode::BlackHole);
    livechat.forget_most();
    let during = fleet.load(USERS, seconds * per_second, every).await;
    let most_waiting = livechat.most_waiting();
    let processes = fleet.idle.lock().await.len();
    assert_eq!(world.sandbox.calls().token, asked);
    for (answer, _) in &during {
        answer.token();
        assert_eq!(answer.source(), "hit; detail=livechat-unavailable");
    }
    let (median_ms, nine_in_ten_ms) = typical(durations_ms(&world, logged));
    let (median, nine_in_ten) = typical(during.iter().map(|(_, took)| *took).collect());
    println!(
        "black hole: {} calls in {seconds} s, all answered from the store; median {median_ms} ms by the functions' account \
         (nine in ten within {nine_in_ten_ms} ms), {median:?} ({nine_in_ten:?}) with this machine's wait for a free one; \
         most waiting on LiveChat at once: {most_waiting}; {processes} processes",
        during.len(),
    );
    assert!(most_waiting <= 10, "{most_waiting}");

    livechat.set(Mode::Pass);
    let back = Instant::now();
    let recovered = tokio::time::timeout(Duration::from_mins(2), async {
        while fleet.call(&user(0)).await.0.source() != "fwd=stale" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let first = back.elapsed();
        // From then on no call is held back: the others renew at once, or as soon as their process looks again.
        let mut rest = JoinSet::new();
        for n in 1..USERS {
            let fleet = fleet.clone();
            rest.spawn(async move {
                while fleet.call(&user(n)).await.0.source().starts_with("hit; detail") {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
            tokio::time::sleep(every).await;
        }
        rest.join_all().await;
        (first, back.elapsed())
    });
    let (first, all) = recovered.await.expect("LiveChat is found to be back");
    println!(
        "LiveChat is back: found out after {first:?}, all {USERS} users, asked one every {every:?}, renewed after {all:?}"
    );
    assert_eq!(world.sandbox.customers(), USERS as u64);
}
