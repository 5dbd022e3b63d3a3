//! HTTP: turns a gateway's event into a call of an operation, and the operation's result into a response.
//!
//! | file | what it holds |
//! |---|---|
//! | `request.rs` | the event of any gateway, as one type of request |
//! | `call.rs` | what the operation needs to know of a request |
//! | `after_response.rs` | what the function does when the caller has the response |
//! | `outcome.rs` | what the log line says about the result |
//! | `problem.rs` | what the caller is told about an error |
//! | `response.rs` | results and problems, as the gateways take them |

mod after_response;
mod call;
mod outcome;
mod problem;
mod request;
mod response;

pub use after_response::Remaining;
pub use response::GatewayResponse;

use crate::{
    auth::Auth,
    context::Context,
    error::Error,
    identity::{Subject, UnixMs},
    operation::{Call, Operation},
    settings::Groups,
    telemetry::{self, Finished},
    time::Deadline,
};
use after_response::AfterResponse;
use futures_util::FutureExt;
use lambda_http::{LambdaEvent, service_fn};
use lambda_runtime::{Runtime, layers::TracingLayer, tower::util::ThenLayer};
use problem::Problem;
use request::{Format, Request};
use response::Response;
use serde_json::value::RawValue;
use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Instant};

/// An operation, and what its function needs to know to serve requests.
#[derive(Clone, Debug)]
pub struct Function<O> {
    /// The operation.
    pub operation: O,
    /// How callers are verified.
    pub auth: Auth,
    /// The groups that callers may name.
    pub groups: Groups,
}

/// An event that Lambda passes to a function.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event, as JSON.
    pub payload: Box<RawValue>,
    /// Lambda's id of the invocation. Problems and log lines carry it.
    pub request_id: String,
    /// When the response must be ready.
    pub deadline: Deadline,
}

/// A request that was served.
#[derive(Debug)]
pub struct Served {
    /// What the caller gets.
    pub response: GatewayResponse,
    /// Whose token it was about, if that is known.
    pub subject: Option<Subject>,
    /// What went wrong. The response says less about it.
    pub cause: Option<Error>,
    /// What must be done when the caller has the response.
    pub remaining: Option<Remaining>,
}

impl From<LambdaEvent<Box<RawValue>>> for Event {
    fn from(LambdaEvent { payload, context }: LambdaEvent<Box<RawValue>>) -> Self {
        // 0 if Lambda states none.
        let stated = (context.deadline > 0).then(|| UnixMs::new(context.deadline));
        Self { payload, request_id: context.request_id, deadline: Deadline::of_invocation(stated) }
    }
}

/// Serves requests under Lambda's runtime, until Lambda ends the process.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub(crate) async fn run<O: Operation>(function: Function<O>) -> Result<(), lambda_http::Error> {
    let function = Arc::new(function);
    let after_response = AfterResponse::default();
    let work = after_response.clone();
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let (function, work) = (Arc::clone(&function), work.clone());
        async move {
            let served = function.serve(event.into()).await;
            work.put(served.remaining);
            Ok::<_, Infallible>(served.response)
        }
    });
    // The outer layer sees the result of posting a response.
    let runtime = Runtime::new(service).layer(TracingLayer::new()).layer(ThenLayer::new(move |posted| {
        let after_response = after_response.clone();
        async move {
            after_response.run().await;
            posted
        }
    }));
    runtime.run().await
}

impl<O: Operation> Function<O> {
    /// Serves one request, and does nothing after that. Never fails: an error becomes a response too.
    pub async fn handle(&self, event: Event) -> GatewayResponse {
        self.serve(event).await.response
    }

    /// Serves one request, and also returns what only the person who runs the service may know.
    pub async fn serve(&self, event: Event) -> Served {
        let started = Instant::now();
        let context = Context::new(event.deadline);
        let (mut format, mut call) = (Format::default(), None);
        // On the heap: the future of a renewal is large.
        let result = Box::pin(async {
            let (its_format, request) = Request::read(&event.payload);
            format = its_format;
            let call = call.insert(self.read_call(&request?, event.deadline).await?);
            self.operation.call(call, &context).await
        });
        // A bug in one call must not leave its caller without a response.
        let result = AssertUnwindSafe(result).catch_unwind().await;
        let result =
            result.unwrap_or_else(|_| Err(Error::Internal("panic; its message is in the log before this line".into())));
        telemetry::call(Finished {
            operation: O::NAME.as_str(),
            request_id: &event.request_id,
            principal: call.as_ref().map(|call: &Call| &call.subject.principal),
            took: started.elapsed(),
            outcome: outcome::of(&result, &context.metrics),
            metrics: &context.metrics,
        });
        let response = match &result {
            Ok(reply) => Response::of_reply(reply, &self.operation.account()),
            Err(error) => Response::of_problem(Problem::of(error), &event.request_id),
        };
        let update = call.as_ref().zip(result.as_ref().ok());
        let update = update.and_then(|(call, reply)| self.operation.customer_update(call, reply));
        let remaining = update.map(|update| Remaining::of(update, event.request_id, event.deadline));
        let subject = call.map(|call| call.subject);
        Served { response: response.in_format(format), subject, cause: result.err(), remaining }
    }
}

/// What a site owner can do about an OAuth error from LiveChat, for the operator's tool.
#[cfg(feature = "operator")]
pub fn remedy(exception: &str) -> &'static str {
    problem::remedy(exception)
}

#[cfg(test)]
mod tests;
