//! Chaos: the guarantees hold under random faults of every kind at the same time.
//!
//! | file | what it holds |
//! |---|---|
//! | [`plan`] | what happens and when, all of it from one seed |
//! | [`run`] | the processes, proxies and faults, and the record of what happened |
//! | [`history`] | calls and their responses, what was stored, and every token that LiveChat issued |
//! | [`check`] | the guarantees: finds their violations in a history |
//!
//! Sixteen processes of the four real binaries serve a few hundred users, some of whom have concurrent calls all the time. Users are
//! guests before they log in, two users share each browser, and now and then they log out. Processes are
//! killed and stopped during calls. Between them and DynamoDB, and between them and LiveChat, connections break, responses are
//! lost, and requests arrive late, twice or never. LiveChat sends malformed data, forgets customers, and issues tokens that
//! expire within seconds. In half of the runs, most processes seal cookies, with one of two keys, and AWS KMS fails now and then. With an
//! agent's token, that one expires soon too and is revoked, LiveChat's OAuth server fails, and all processes that serve a call are killed
//! while one of them refreshes it; as the fallback, it recovers customers whose cookies were made invalid. After that, everybody must
//! soon get a token. Then the checker finds violations in what callers got, what was
//! stored and what LiveChat issued. Of the faults, it knows only the customers that LiveChat lost and the processes that were killed.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CHAOS_SEED` | the seed of all random choices | random, and printed |
//! | `CHAOS_SECONDS` | the duration of the faults | 10 |
//! | `CHAOS_GRANT` | `cookie`; `fallback`, with an agent's token as the fallback; `agent_token` | `cookie`, and a short run of each other |
//! | `CHAOS_FAKETIME` | path of `libfaketime.so.1`: half of the processes have clocks that are wrong by up to a second | – |
//! | `DYNAMODB_LOCAL_URL` | Amazon's DynamoDB Local in place of the embedded database | – |
//!
//! The same seed gives the same plan; its results depend on the machine too.

mod check;
mod history;
mod plan;
mod run;

use history::Outcome;
use plan::{Grants, Plan};
use run::{PLACES, Record};
use std::{collections::BTreeMap, time::Duration};

/// Each run has the machine to itself.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn the_guarantees_hold_under_random_faults() {
    run_and_check(Plan::read()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guarantees_hold_with_an_agents_token_as_the_fallback() {
    run_and_check(Plan::short(Grants::Fallback)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guarantees_hold_with_an_agents_token() {
    run_and_check(Plan::short(Grants::AgentToken)).await;
}

async fn run_and_check(plan: Plan) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let database = if std::env::var("DYNAMODB_LOCAL_URL").is_ok() { "DynamoDB Local" } else { "embedded" };
    let clocks = if plan.faketime.is_some() { "wrong by up to 1 s" } else { "right" };
    println!(
        "chaos: grants {:?}, database {database}, clocks {clocks}, secrets {:?}, tokens expire after {} s, {PLACES} processes at a time, \
         cookies sealed: {}",
        plan.grants, plan.cst, plan.expires_in_s, plan.sealed
    );
    println!(
        "repeat with: CHAOS_GRANT={} CHAOS_SEED={} CHAOS_SECONDS={} cargo test --workspace --test api -- chaos --nocapture",
        plan.grants, plan.seed, plan.seconds
    );
    let watchdog = Duration::from_secs(2 * plan.seconds + 300);
    let record = tokio::time::timeout(watchdog, run::run(plan)).await.expect("the run ends by itself");
    println!("{}", report(&record));
    let violations = check::check(&record.history, &record.journal);
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} violations", violations.len());
}

fn report(record: &Record) -> String {
    let mut outcomes = BTreeMap::<_, u64>::new();
    for call in &record.history.calls {
        let outcome = match &call.outcome {
            Outcome::Token(token) => token.source.clone(),
            Outcome::HasToken(has) => has.to_string(),
            Outcome::Invalidated => "null".into(),
            Outcome::Problem { status, code, .. } => format!("{status} {code}"),
            Outcome::Killed => "killed".into(),
            Outcome::NoResponse => "NO RESPONSE".into(),
            Outcome::Undocumented(_) => "UNDOCUMENTED".into(),
        };
        *outcomes.entry(format!("{:13} {outcome}", call.operation.operation())).or_default() += 1;
    }
    let replaced = |grant: &&history::Grant| grant.proved.is_none() && grant.claimed.is_some();
    let mut lines = vec![format!(
        "{} calls; LiveChat: {} calls, {} tokens issued, {} of them for a new customer in place of a former one, at most {} \
         callers waiting; {} looks at the store",
        record.history.calls.len(),
        record.livechat_calls,
        record.journal.len(),
        record.journal.iter().filter(replaced).count(),
        record.most_waiting,
        record.history.looks.len(),
    )];
    lines.extend((!record.history.agent.issued.is_empty()).then(|| agent_tokens(&record.history.agent)));
    lines.extend(outcomes.iter().chain(&record.tally).map(|(what, times)| format!("{times:8}  {what}")));
    lines.join("\n")
}

fn agent_tokens(agent: &history::AgentTokens) -> String {
    let most = |live: Option<Vec<_>>| live.map_or(0, |live| live.len());
    format!(
        "{} agent tokens issued for {} leases and {} repeated requests, {} of them stored; at most {} live at once, {} of those stored",
        agent.issued.len(),
        agent.leases,
        agent.repeated,
        agent.stored.len(),
        most(agent.most_live(|_| true)),
        most(agent.most_live(|token| agent.stored.contains(&token.access_token))),
    )
}
