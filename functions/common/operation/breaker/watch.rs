//! What the calls to LiveChat under one lease show, while they last and afterwards.

use super::{Breaker, Permit};
use crate::{
    context::Context,
    renewal::{
        circuit::{Sign, latency::Latency},
        time_limits::LONGEST_LOOK,
    },
};
use std::pin::{Pin, pin};
use tokio::time::{Instant, sleep};

/// Watches over the attempts of one renewal at LiveChat, which follow one another.
#[must_use]
pub(crate) struct Watch {
    breaker: Breaker,
    context: Context,
    permit: Permit,
    evidence: bool,
    /// An attempt was late, so that an answer is news to others.
    is_late: bool,
    /// A report that was still on its way when the attempt ended.
    report: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    /// Of the latest attempt.
    sign: Sign,
}

impl Watch {
    pub(super) fn new(breaker: Breaker, permit: Permit, evidence: bool, context: Context) -> Self {
        Self { breaker, context, permit, evidence, is_late: false, report: None, sign: Sign::None }
    }

    /// One attempt. Reports it when it is late, while it goes on: neither waits for the other.
    pub(crate) async fn over<T>(&mut self, attempt: impl Future<Output = T>, sign: impl FnOnce(&T) -> Sign) -> T {
        let began = Instant::now();
        let mut attempt = pin!(attempt);
        let late_after = self.breaker.memory().latency.late_after();
        let answer = tokio::select! {
            biased;
            answer = &mut attempt => answer,
            () = sleep(late_after), if !self.is_late => {
                self.is_late = true;
                // One that was counted before it was sent is not counted again.
                if self.evidence && self.permit == Permit::Free {
                    let mut report: Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(self.breaker.clone().report(self.context.clone()));
                    tokio::select! {
                        biased;
                        answer = &mut attempt => {
                            self.report = Some(report);
                            answer
                        }
                        counted = &mut report => {
                            self.reported(counted);
                            attempt.await
                        }
                    }
                } else {
                    attempt.await
                }
            }
        };
        self.sign = match sign(&answer) {
            Sign::Broken if began.elapsed() >= Latency::MOST => Sign::Silence,
            sign => sign,
        };
        if self.sign == Sign::Token {
            self.breaker.memory().latency.note(began.elapsed());
        }
        answer
    }

    fn reported(&mut self, counted: bool) {
        if counted {
            self.permit = Permit::Counted;
        }
    }

    /// After the last attempt: records in the gate what it showed, if other functions do not know that yet. Usually this does nothing.
    pub(crate) async fn settle(mut self) {
        if let Some(report) = self.report.take() {
            let counted = report.await;
            self.reported(counted);
        }
        match self.sign {
            // An error may be LiveChat's, or that of a proxy before it that does not know the group.
            Sign::Answer if !self.evidence => self.breaker.release(self.permit, &self.context).await,
            Sign::Token | Sign::Answer => {
                let is_news = self.permit != Permit::Free || (self.is_late && self.evidence);
                if is_news && let Err(error) = self.breaker.store.empty_gate(&self.context.within(LONGEST_LOOK)).await {
                    tracing::warn!(cause = %error, "LiveChat's response could not be recorded; the next one will be");
                }
            }
            Sign::Silence if self.evidence => {}
            Sign::Silence | Sign::Broken | Sign::None => self.breaker.release(self.permit, &self.context).await,
        }
    }
}
