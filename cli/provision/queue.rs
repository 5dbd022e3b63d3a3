//! Who is next: the users of the file in order, and after them those who are tried again.

use super::input::Record;
use cip::identity::Group;
use std::collections::VecDeque;
use tokio::time::Instant;

/// A user, and what happened before.
pub(super) struct Task {
    pub(super) record: Record,
    /// The tries that failed.
    pub(super) tries: u32,
    /// When the next try may begin.
    pub(super) due: Instant,
}

/// The users without a customer, except those of calls in progress.
#[derive(Default)]
pub(super) struct Queue {
    fresh: VecDeque<Record>,
    again: Vec<Task>,
}

impl Queue {
    pub(super) fn new(records: Vec<Record>) -> Self {
        Self { fresh: records.into(), again: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.again.len()
    }

    /// When the next user is due; `None` if the queue is empty.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.fresh.is_empty() { self.again.iter().map(|task| task.due).min() } else { Some(now) }
    }

    /// The next user.
    pub(super) fn pop(&mut self) -> Option<Task> {
        if let Some(record) = self.fresh.pop_front() {
            return Some(Task { record, tries: 0, due: Instant::now() });
        }
        let first = (0..self.again.len()).min_by_key(|number| self.again[*number].due)?;
        Some(self.again.remove(first))
    }

    /// Adds a user who is tried again.
    pub(super) fn push(&mut self, task: Task) {
        self.again.push(task);
    }

    /// Removes the users of a group who would be tried again.
    pub(super) fn remove(&mut self, group: Group) -> Vec<Task> {
        let is_of_group = |task: &mut Task| task.record.subject.group == Some(group);
        self.again.extract_if(.., is_of_group).collect()
    }
}
