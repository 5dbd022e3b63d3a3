//! What the calls to LiveChat under one lease show, while they last and afterwards.

use super::{Breaker, Permit};
use crate::{
    context::Context,
    renewal::{
        circuit::{Sign, latency::Latency},
        time_limits::LONGEST_LOOK,
    },
};
use std::{
    pin::{Pin, pin},
    sync::Arc,
};
use tokio::time::{Instant, sleep};

/// Observes the attempts of one renewal, which follow one another.
#[must_use]
pub(crate) struct Watch {
    breaker: Breaker,
    context: Context,
    permit: Permit,
    evidence: bool,
    /// An attempt was late, so a response must be recorded for other processes.
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

    /// Observes and measures one attempt. If it is late, reports it while the attempt goes on: neither waits for the other.
    pub(crate) async fn observe<T>(&mut self, attempt: impl Future<Output = T>, sign: impl FnOnce(&T) -> Sign) -> T {
        let began = Instant::now();
        let metrics = Arc::clone(&self.context.metrics);
        let mut attempt = pin!(metrics.live_chat_time.measure(attempt));
        let late_after = self.breaker.memory().latency.late_after();
        let response = tokio::select! {
            biased;
            response = &mut attempt => response,
            () = sleep(late_after), if !self.is_late => {
                self.is_late = true;
                // One that was counted before it was sent is not counted again.
                if self.evidence && self.permit == Permit::Free {
                    let mut report: Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(self.breaker.clone().report(self.context.clone()));
                    tokio::select! {
                        biased;
                        response = &mut attempt => {
                            self.report = Some(report);
                            response
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
        self.sign = match sign(&response) {
            Sign::Broken if began.elapsed() >= Latency::MOST => Sign::NoResponse,
            sign => sign,
        };
        if self.sign == Sign::Token {
            self.breaker.memory().latency.note(began.elapsed());
        }
        response
    }

    fn reported(&mut self, counted: bool) {
        if counted {
            self.permit = Permit::Counted;
        }
    }

    /// Records in the gate what the last attempt showed, if other processes do not know that yet. Usually this does nothing.
    pub(crate) async fn settle(mut self) {
        if let Some(report) = self.report.take() {
            let counted = report.await;
            self.reported(counted);
        }
        match self.sign {
            // The error may come from LiveChat, or from a proxy before it that does not know the group.
            Sign::Response if !self.evidence => self.breaker.release(self.permit, &self.context).await,
            Sign::Token | Sign::Response => {
                let is_news = self.permit != Permit::Free || (self.is_late && self.evidence);
                if is_news && let Err(error) = self.breaker.store.empty_gate(&self.context.within(LONGEST_LOOK)).await {
                    tracing::warn!(cause = %error, "LiveChat's response could not be recorded; the next one will be");
                }
            }
            Sign::NoResponse if self.evidence => {}
            Sign::NoResponse | Sign::Broken | Sign::None => self.breaker.release(self.permit, &self.context).await,
        }
    }
}
