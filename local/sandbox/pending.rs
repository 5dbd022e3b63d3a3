//! Fault injection: calls of the sandbox fail on request, one after the other as planned, or a share of the calls of the token
//! endpoint at random.

use super::fault::{Endpoint, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

/// A fault, and the number of calls that it will still affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned {
    pub(super) fault: Fault,
    #[serde(default = "once")]
    pub(super) times: u32,
    /// It affects only calls of this endpoint.
    #[serde(default, skip_serializing_if = "is_token")]
    pub(super) endpoint: Endpoint,
    /// If set, it affects only calls for this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<u64>,
}

impl Planned {
    /// # Errors
    /// Why its calls cannot fail in this way, in a sentence without its full stop.
    pub(super) fn check(&self) -> Result<(), String> {
        let (fault, endpoint) = (name(self.fault), name(self.endpoint));
        if !self.fault.applies_to(self.endpoint) {
            return Err(format!("The fault {fault} does not apply to the endpoint {endpoint}"));
        }
        if self.group.is_some() && self.endpoint != Endpoint::Token {
            return Err(format!("The endpoint {endpoint} has no groups"));
        }
        Ok(())
    }
}

/// The name in the admin API.
fn name(of: impl Serialize) -> Value {
    json!(of)
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_token(endpoint: &Endpoint) -> bool {
    *endpoint == Endpoint::Token
}

/// A share of the calls of the token endpoint that fails at random. With the same seed, the same calls fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// The faults to choose from. All are equally likely.
    pub any_of: Vec<Fault>,
    /// The number of calls in a thousand that fail.
    pub per_mille: u16,
    /// The seed of the random number generator.
    #[serde(default)]
    pub seed: u64,
}

/// The pending faults: the planned ones, in order, and a share of the calls after them.
#[derive(Debug, Default)]
pub(super) struct Pending {
    planned: VecDeque<Planned>,
    share: Option<(Share, fastrand::Rng)>,
    hits: HashMap<Fault, u64>,
    /// The latest calls that a fault affected, the newest last.
    latest: VecDeque<(Fault, Instant)>,
}

impl Pending {
    const MOST_LATEST: usize = 50;

    pub(super) fn add(&mut self, planned: Planned) {
        if planned.times > 0 {
            self.planned.push_back(planned);
        }
    }

    /// Removes all that are still to come.
    pub(super) fn clear(&mut self) {
        self.planned.clear();
        self.share = None;
    }

    /// Replaces the former share.
    pub(super) fn set_share(&mut self, share: Share) {
        let rng = fastrand::Rng::with_seed(share.seed);
        self.share = Some((share, rng)).filter(|(share, _)| share.per_mille > 0);
    }

    /// The fault of the next call of the token endpoint, if it has one. The call is for this group.
    pub(super) fn next(&mut self, group: Option<u64>) -> Option<Fault> {
        let fault = self.next_planned(Endpoint::Token, group).or_else(|| self.by_chance())?;
        Some(self.hit(fault))
    }

    /// The fault of the next call of another endpoint, if it has one.
    pub(super) fn next_of(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let fault = self.next_planned(endpoint, None)?;
        Some(self.hit(fault))
    }

    fn hit(&mut self, fault: Fault) -> Fault {
        *self.hits.entry(fault).or_default() += 1;
        self.latest.push_back((fault, Instant::now()));
        if self.latest.len() > Self::MOST_LATEST {
            self.latest.pop_front();
        }
        fault
    }

    fn next_planned(&mut self, endpoint: Endpoint, group: Option<u64>) -> Option<Fault> {
        let is_for_group = |planned: &Planned| planned.group.is_none() || planned.group == group;
        let applies = |planned: &Planned| planned.endpoint == endpoint && is_for_group(planned);
        let at = self.planned.iter().position(applies)?;
        let planned = self.planned.get_mut(at)?;
        let fault = planned.fault;
        planned.times -= 1;
        if planned.times == 0 {
            self.planned.remove(at);
        }
        Some(fault)
    }

    fn by_chance(&mut self) -> Option<Fault> {
        let (share, rng) = self.share.as_mut()?;
        if rng.u16(..1000) < share.per_mille { rng.choice(&share.any_of).copied() } else { None }
    }

    pub(super) fn list(&self) -> Vec<Planned> {
        self.planned.iter().copied().collect()
    }

    pub(super) fn share(&self) -> Option<&Share> {
        self.share.as_ref().map(|(share, _)| share)
    }

    /// The number of calls that each fault has affected.
    pub(super) fn hits(&self) -> &HashMap<Fault, u64> {
        &self.hits
    }

    /// The latest calls that a fault affected, the newest last, and how long ago each arrived: an age needs no common clock.
    pub(super) fn latest(&self) -> Vec<Value> {
        let age_ms = |at: &Instant| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.latest.iter().map(|(fault, at)| json!({"fault": fault, "ageMs": age_ms(at)})).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(fault: Fault, times: u32) -> Planned {
        Planned { fault, times, endpoint: Endpoint::Token, group: None }
    }

    #[test]
    fn planned_faults_come_in_order_and_then_calls_succeed() {
        let mut pending = Pending::default();
        pending.add(all(Fault::Html, 2));
        pending.add(all(Fault::Empty, 0));
        pending.add(all(Fault::Hang, 1));
        let all: Vec<_> = std::iter::from_fn(|| pending.next(None)).collect();
        assert_eq!(all, [Fault::Html, Fault::Html, Fault::Hang]);
    }

    #[test]
    fn a_fault_of_one_group_affects_no_other_call() {
        let mut pending = Pending::default();
        pending.add(Planned { group: Some(7), ..all(Fault::Html, 1) });
        pending.add(all(Fault::Empty, 1));
        assert_eq!([pending.next(Some(8)), pending.next(None)], [Some(Fault::Empty), None]);
        assert_eq!([pending.next(Some(7)), pending.next(Some(7))], [Some(Fault::Html), None]);
    }

    #[test]
    fn a_fault_of_one_endpoint_affects_no_other_call() {
        let mut pending = Pending::default();
        pending.set_share(Share { any_of: vec![Fault::Html], per_mille: 1000, seed: 0 });
        pending.add(Planned { endpoint: Endpoint::Oauth, ..all(Fault::Hang, 1) });
        assert_eq!(pending.next_of(Endpoint::UpdateCustomer), None);
        assert_eq!(pending.next(None), Some(Fault::Html));
        assert_eq!([pending.next_of(Endpoint::Oauth), pending.next_of(Endpoint::Oauth)], [Some(Fault::Hang), None]);
    }

    #[test]
    fn the_same_calls_fail_with_the_same_seed() {
        let faults = |seed| {
            let mut pending = Pending::default();
            pending.set_share(Share { any_of: vec![Fault::Html, Fault::Empty], per_mille: 200, seed });
            (0..1000).map(|_| pending.next(None)).collect::<Vec<_>>()
        };
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
        for fault in [Fault::Html, Fault::Empty] {
            let hits = faults(7).into_iter().filter(|hit| *hit == Some(fault)).count();
            assert!((50..150).contains(&hits), "{hits}");
        }
    }

    #[test]
    fn planned_faults_come_before_the_share_and_both_are_counted() {
        let mut pending = Pending::default();
        pending.set_share(Share { any_of: vec![Fault::Html], per_mille: 1000, seed: 0 });
        pending.add(all(Fault::Hang, 1));
        assert_eq!([pending.next(None), pending.next(None)], [Some(Fault::Hang), Some(Fault::Html)]);
        pending.set_share(Share { any_of: vec![], per_mille: 0, seed: 0 });
        assert_eq!(pending.next(None), None);
        assert_eq!(pending.hits(), &HashMap::from([(Fault::Hang, 1), (Fault::Html, 1)]));
    }

    #[test]
    fn the_latest_calls_that_a_fault_affected_are_listed_and_the_oldest_dropped() {
        let mut pending = Pending::default();
        pending.add(all(Fault::Html, 1));
        pending.add(all(Fault::Hang, u32::try_from(Pending::MOST_LATEST).expect("a small number")));
        while pending.next(None).is_some() {}
        let latest = pending.latest();
        assert_eq!(latest.len(), Pending::MOST_LATEST);
        assert!(latest.iter().all(|hit| hit["fault"] == "hang" && hit["ageMs"].is_u64()), "{latest:?}");
    }
}
