//! The steps of calls. The functions' code reports them as events of `tracing`, in the task that serves the call.

use super::{CURRENT, What};
use cip::telemetry::steps::TARGET;
use std::fmt::Debug;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{self, Context},
    registry::LookupSpan,
};

/// Passes the steps on to the call in which they happen.
#[derive(Clone, Copy, Debug)]
pub struct Steps;

impl Steps {
    /// As a layer that gets nothing but steps.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>() -> impl Layer<S> {
        layer::Layer::with_filter(Self, Targets::new().with_target(TARGET, Level::TRACE))
    }
}

impl<S: Subscriber> Layer<S> for Steps {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut step = Step::default();
        event.record(&mut step);
        // Outside of a call there is nothing to draw.
        let _ = CURRENT.try_with(|call| call.happened(step.into()));
    }
}

#[derive(Default)]
struct Step {
    name: String,
    result: Option<String>,
    lease: Option<u64>,
}

impl Visit for Step {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "step" => value.clone_into(&mut self.name),
            "result" => self.result = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "lease" {
            self.lease = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl From<Step> for What {
    fn from(Step { name, result, lease }: Step) -> Self {
        match result {
            None => Self::Begin { step: name },
            Some(result) => Self::End { step: name, result, lease },
        }
    }
}
