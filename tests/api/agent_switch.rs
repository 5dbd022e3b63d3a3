//! A gradual deployment: functions with different `LIVECHAT_GRANT` serve the same users at the same time.

use crate::{
    agent_token::{with_agent, with_fallback},
    world::*,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long each stage of the deployment lasts.
const STAGE: Duration = Duration::from_secs(2);
const USERS: usize = 12;

/// The processes of a stage: `(with the former settings, with the new ones)`.
const STAGES: [(&str, &str); 5] = [
    ("cookie", "cookie"),
    ("cookie", "agent_token"),
    ("agent_token", "agent_token"),
    ("agent_token", "cookie"),
    ("cookie", "cookie"),
];

/// Calls for random users, one after the other, until the stage ends. Returns the customers of each user.
async fn work(function: Function, binary: Binary, seed: u64, ends: Instant) -> BTreeMap<String, BTreeSet<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut customers = BTreeMap::<_, BTreeSet<_>>::new();
    while Instant::now() < ends {
        let user = format!("user-{}", rng.usize(..USERS));
        let group = if rng.u8(..4) == 0 { "group=1" } else { "" };
        let response = function.send(&http_api(binary, &user, group)).await;
        match response.status() {
            200 if binary == Invalidate => {}
            200 => drop(customers.entry(format!("{user} {group}")).or_default().insert(response.entity())),
            // It waited for others for too long: a fresh token is wanted all the time. Nothing changes then.
            503 => {}
            _ => panic!("{:?}", response.problem()),
        }
    }
    function.end().await;
    customers
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_grant_there_and_back_under_load_changes_no_customer() {
    let world = with_fallback(World::new().await);
    let mut seen = BTreeMap::<_, BTreeSet<_>>::new();
    for (stage, (former, new)) in STAGES.into_iter().enumerate() {
        let mut functions = Vec::new();
        for grant in [former, new] {
            for binary in [GetToken, GetFreshToken, GetFreshToken, Invalidate] {
                functions.push((world.spawn_with(binary, &[("LIVECHAT_GRANT", grant.into())]).await, binary));
            }
        }
        let ends = Instant::now() + STAGE;
        let seeds = (100 * stage as u64)..;
        let all = functions.into_iter().zip(seeds).map(|((function, binary), seed)| work(function, binary, seed, ends));
        for (who, entities) in futures_util::future::join_all(all).await.into_iter().flatten() {
            seen.entry(who).or_default().extend(entities);
        }
    }
    assert!(seen.len() > USERS, "{seen:?}");
    assert!(seen.values().all(|entities| entities.len() == 1), "{seen:?}");
    let customers: BTreeSet<_> = seen.values().flatten().collect();
    assert_eq!(customers.len(), seen.len(), "two users share a customer");
    assert_eq!(world.sandbox.customers(), u64::try_from(seen.len()).expect("a small number"), "none was lost");
    assert!(world.sandbox.most_live_agent_tokens() <= 2);
    let journal = world.sandbox.journal();
    let with_agent_token = journal.iter().filter(|granted| granted.grant == sandbox::Grant::AgentToken).count();
    assert!(with_agent_token > 0 && with_agent_token < journal.len(), "both grants were used");
    let world = with_agent(world);
    for (who, entities) in seen {
        let (user, group) = who.split_once(' ').expect("a user and a group");
        let response = world.send(GetFreshToken, &http_api(GetFreshToken, user, group)).await;
        assert!(entities.contains(&response.entity()), "{who}");
    }
}
