//! One call: its event, what happens to its process, and its outcome.

use super::{Run, Worker};
use crate::{
    chaos::{
        history::{Call, Logout, Name, Outcome, TokenObject, Who},
        plan::Fate,
    },
    world::{Binary, Function, GatewayResponse, HasToken, Invalidate, PATIENCE, as_logout, http_api, request},
};
use cip::time::millis;
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Command, time::Duration};
use tokio::time::sleep;

/// Longer than a process is ever stopped.
const LONGEST_STOP: Duration = Duration::from_mins(1);

/// A call that is to be made.
pub(super) struct Planned {
    pub(super) who: Who,
    pub(super) was_guest: Option<Who>,
    /// If it is an `invalidate`, it is a logout.
    pub(super) logout: bool,
    pub(super) timeout: Duration,
    /// What happens to the process, and how long after the start of the call.
    pub(super) fate: Option<(Duration, Fate)>,
}

impl Planned {
    /// A call without faults.
    pub(super) fn undisturbed(who: Who, logout: bool) -> Self {
        Self { who, was_guest: None, logout, timeout: Duration::from_secs(15), fate: None }
    }
}

impl Run {
    /// Makes the call, and records it.
    pub(super) async fn call(&self, worker: &Worker, planned: Planned) -> Outcome {
        let Planned { who, was_guest, logout, timeout, fate } = planned;
        let event = event(worker.binary, &who, was_guest.as_ref(), logout);
        // The process compares the deadline with its own clock.
        let stated_ms = millis(timeout).saturating_add_signed(worker.clock_off_ms);
        // A stopped process cannot be in time.
        let time = if matches!(fate, Some((_, Fate::Stopped(_)))) { LONGEST_STOP } else { timeout };
        let mut purges = self.purges.subscribe();
        let (start_us, starved_before_us) = (self.now_us(), self.starved.us());
        let request_id = worker.function.start(&event, Duration::from_millis(stated_ms)).await;
        let mut is_complete = false;
        let outcome = tokio::select! {
            response = worker.function.response(&request_id, time + PATIENCE) => {
                is_complete = response.as_ref().is_some_and(|response| response.header("x-logout") == "complete");
                response.map_or(Outcome::NoResponse, |response| outcome(worker.binary, &response))
            }
            () = cause(fate.map(|(after, fate)| (after, fate, &worker.function))) => Outcome::Killed,
            _ = purges.changed() => {
                worker.function.kill();
                Outcome::Killed
            }
        };
        let end_us = self.now_us();
        // Delays of the machine do not count.
        let starved_us = self.starved.us() - starved_before_us;
        let deadline_us = start_us + u64::try_from(time.as_micros()).unwrap_or(u64::MAX) + starved_us;
        let (operation, outcome_seen) = (worker.binary, outcome.clone());
        let logout = (logout && worker.binary == Invalidate).then(|| Logout {
            is_complete,
            still_working: if is_complete { self.still_working(&who, start_us) } else { Vec::new() },
        });
        let call = Call { who, was_guest, operation, start_us, deadline_us, end_us, outcome: outcome_seen, logout };
        self.history().calls.push(call);
        outcome
    }

    /// The tokens that were returned to a subject before `start_us`, and still work. Without a group, they include those of all groups.
    fn still_working(&self, who: &Who, start_us: u64) -> Vec<String> {
        let is_theirs = |call: &&Call| {
            call.end_us < start_us && call.who.name == who.name && (who.group.is_none() || call.who.group == who.group)
        };
        self.working(|call| is_theirs(&call))
    }

    /// The tokens that these calls returned, and that still work.
    pub(super) fn working(&self, is_meant: impl Fn(&Call) -> bool) -> Vec<String> {
        let history = self.history();
        let returned = history.calls.iter().filter_map(|call| match &call.outcome {
            Outcome::Token(token) if is_meant(call) => Some(&token.access_token),
            _ => None,
        });
        let working: BTreeSet<_> = returned.filter(|token| self.sandbox().works(token)).cloned().collect();
        working.into_iter().collect()
    }
}

/// The event of a page's request.
fn event(binary: Binary, who: &Who, was_guest: Option<&Who>, logout: bool) -> Value {
    let guest = |who: &Who| match &who.name {
        Name::Guest(secret) => Some(secret.clone()),
        Name::User(_) => None,
    };
    let mut event = match &who.name {
        Name::User(id) => http_api(binary, id, ""),
        Name::Guest(_) => request(binary, None, &[]),
    };
    if let Some(group) = who.group {
        event["rawQueryString"] = json!(format!("group={group}"));
    }
    if let Some(secret) = guest(who).or(was_guest.and_then(guest)) {
        event["headers"]["x-guest-id"] = json!(secret);
    }
    if binary == Invalidate && logout {
        event = as_logout(event);
    }
    event
}

/// Waits, and then stops or kills the process. Without a fate, it never returns.
async fn cause(fate: Option<(Duration, Fate, &Function)>) {
    let Some((after, fate, function)) = fate else { return std::future::pending().await };
    sleep(after).await;
    if let (Fate::Stopped(lasts), Some(pid)) = (fate, function.pid()) {
        signal("STOP", pid);
        sleep(lasts).await;
        signal("CONT", pid);
        // It continues, maybe without its lease.
        sleep(Duration::from_secs(2)).await;
    }
    function.kill();
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "SIG{name} for {pid}");
}

/// The outcome of a response.
fn outcome(binary: Binary, response: &GatewayResponse) -> Outcome {
    let (status, body) = (response.status(), response.body());
    if response.header("cache-control") != "no-store" {
        return Outcome::Undocumented("a response that may be cached".into());
    }
    if status != 200 {
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        return Outcome::Problem { status, code, retry_after: response.header("retry-after").parse().ok() };
    }
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let token = || {
        Some(TokenObject {
            entity: text("entityId")?,
            access_token: text("accessToken")?,
            created_ms: body["creationDate"].as_u64()?,
            expires_in_ms: body["expiresIn"].as_u64()?,
            source: response.source().to_owned(),
        })
    };
    let good = match binary {
        HasToken => body.as_bool().map(Outcome::HasToken),
        Invalidate => body.is_null().then_some(Outcome::Invalidated),
        _ => token().map(Outcome::Token),
    };
    good.unwrap_or_else(|| Outcome::Undocumented(format!("{status} with {body}")))
}
