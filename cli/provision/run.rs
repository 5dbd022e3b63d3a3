//! The run: a call for one user after the other at a steady rate, some at the same time, and the failed ones again at the end.

use super::{
    backoff::Backoff,
    customer::{Customers, Outcome},
    entities::Entities,
    input::Record,
    queue::{Queue, Task},
};
use crate::{
    failure::Failure,
    interruption::Interruptions,
    output::note,
    records::skipped::{Reason, Skipped},
    scan::Rate,
};
use cip::identity::Group;
use indicatif::ProgressBar;
use std::{collections::HashMap, future::pending, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How often a user is tried, whatever the failures are.
const MOST_TRIES: u32 = 10;
const AGAIN: &str = "Run the command again: it continues with the users who have no customer.";

/// How fast a run is, and how patient.
pub(super) struct Limits {
    pub(super) rate: Rate,
    pub(super) concurrency: usize,
    pub(super) patience: Duration,
}

/// What a run has done.
#[derive(Default)]
pub(super) struct Done {
    pub(super) created: usize,
    pub(super) existing: usize,
    pub(super) skipped: Vec<Skipped>,
    /// The number of users who were not reached, or whose calls failed.
    pub(super) left: usize,
    /// Why the run ended early.
    pub(super) failure: Option<Failure>,
}

/// A run in progress.
pub(super) struct Run<'a> {
    customers: Customers,
    limits: Limits,
    backoff: Backoff,
    entities: Option<&'a mut Entities>,
    bar: &'a ProgressBar,
    queue: Queue,
    running: JoinSet<(Task, Instant, Outcome)>,
    refused_groups: HashMap<Group, String>,
    is_interrupted: bool,
    done: Done,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        customers: Customers,
        limits: Limits,
        entities: Option<&'a mut Entities>,
        bar: &'a ProgressBar,
    ) -> Self {
        Self {
            customers,
            backoff: Backoff::new(limits.patience),
            limits,
            entities,
            bar,
            queue: Queue::default(),
            running: JoinSet::new(),
            refused_groups: HashMap::new(),
            is_interrupted: false,
            done: Done::default(),
        }
    }

    /// Creates the customers. After an interrupt or a failure that concerns all users, no other call begins, and those in progress end. A
    /// second interrupt ends these too.
    pub(super) async fn run(mut self, records: Vec<Record>, interruptions: &mut Interruptions) -> Done {
        self.queue = Queue::new(records);
        loop {
            let start = self.next_start();
            if start.is_none() && self.running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                _ = interruptions.next() => self.interrupt(),
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    if let Ok((task, began, outcome)) = ended {
                        self.ended(task, began, outcome);
                    } else {
                        self.done.left += 1;
                        self.stop(Failure::Service("a call ended without a result: a bug.".into()));
                    }
                }
                () = at(start, &self.limits.rate) => self.start(),
            }
        }
        self.done.left += self.queue.len();
        self.done
    }

    /// When the next call may begin; `None` if none may, before another one ends.
    fn next_start(&self) -> Option<Instant> {
        // While all calls fail, one call at a time is enough to notice the recovery.
        let most = if self.backoff.is_failing() { 1 } else { self.limits.concurrency };
        if self.done.failure.is_some() || self.running.len() >= most {
            return None;
        }
        let now = Instant::now();
        Some(self.queue.due(now)?.max(self.backoff.until().unwrap_or(now)))
    }

    /// Begins a call for the next user.
    fn start(&mut self) {
        let Some(task) = self.queue.pop() else { return };
        if let Some(refusal) = task.record.subject.group.and_then(|group| self.refused_groups.get(&group)) {
            let reason = Reason::RefusedGroup(refusal.clone());
            return self.skip(&task.record, reason);
        }
        self.limits.rate.spend(1.0);
        let customers = self.customers.clone();
        self.running.spawn(async move {
            let began = Instant::now();
            let outcome = Box::pin(customers.create(task.record.subject.clone())).await;
            (task, began, outcome)
        });
    }

    fn ended(&mut self, task: Task, began: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Created(entity_id) => {
                self.done.created += 1;
                self.has_customer(&task.record, &entity_id);
            }
            Outcome::Exists(entity_id) => {
                self.done.existing += 1;
                self.has_customer(&task.record, &entity_id);
            }
            Outcome::Later(pause, why) => self.try_again(task, Instant::now() + pause, why),
            Outcome::Down(why) => self.is_down(task, began, why),
            Outcome::GroupRefused(refusal) => self.group_refused(&task.record, refusal),
            Outcome::MalformedItem => self.skip(&task.record, Reason::MalformedItem),
            Outcome::Stop(failure) => {
                self.done.left += 1;
                self.stop(failure);
            }
        }
    }

    fn has_customer(&mut self, record: &Record, entity_id: &str) {
        self.backoff.succeeded();
        self.bar.inc(1);
        if let Some(Err(failure)) = self.entities.as_mut().map(|file| file.add(record, entity_id)) {
            self.stop(failure);
        }
    }

    /// LiveChat would refuse the group for other users too, and bill that.
    fn group_refused(&mut self, record: &Record, refusal: String) {
        self.backoff.succeeded();
        self.skip(record, Reason::RefusedGroup(refusal.clone()));
        let Some(group) = record.subject.group else { return };
        for task in self.queue.remove(group) {
            self.skip(&task.record, Reason::RefusedGroup(refusal.clone()));
        }
        self.refused_groups.insert(group, refusal);
    }

    fn is_down(&mut self, task: Task, began: Instant, why: String) {
        let now = Instant::now();
        let (is_new, patience) = (!self.backoff.is_failing(), humantime::format_duration(self.limits.patience));
        self.backoff.failed(began, now, self.customers.accounts().load().not_before().filter(|time| *time > now));
        if self.backoff.is_over() {
            let late = format!("The next try would come after the end of --patience ({patience}).");
            self.stop(Failure::Service(format!("{why}. {late} {AGAIN}")));
        } else if is_new && self.done.failure.is_none() {
            self.bar.suspend(|| note(&format!("{why}. Waiting, and trying again for {patience}.")));
        }
        self.try_again(task, now, why);
    }

    fn try_again(&mut self, mut task: Task, due: Instant, why: String) {
        task.tries += 1;
        if task.tries >= MOST_TRIES {
            return self.skip(&task.record, Reason::NoCustomer(task.tries, why));
        }
        task.due = due;
        self.queue.push(task);
    }

    fn skip(&mut self, record: &Record, reason: Reason) {
        self.bar.inc(1);
        self.done.skipped.push(record.skip(reason));
    }

    fn interrupt(&mut self) {
        if self.is_interrupted {
            return self.running.abort_all();
        }
        self.is_interrupted = true;
        let number = self.running.len();
        if number > 0 {
            self.bar.suspend(|| {
                note(&format!(
                    "Waiting for {number} calls in progress. Ctrl-C again ends them too: LiveChat may have created their customers, which \
                     nobody would ever use."
                ));
            });
        }
        self.stop(Failure::Interrupted(format!("interrupted. {AGAIN}")));
    }

    /// No other call begins. The first reason counts.
    fn stop(&mut self, failure: Failure) {
        self.done.failure.get_or_insert(failure);
    }
}

/// Waits until another call may begin; without end if none may.
async fn at(start: Option<Instant>, rate: &Rate) {
    match start {
        Some(start) => {
            sleep_until(start).await;
            rate.wait().await;
        }
        None => pending().await,
    }
}
