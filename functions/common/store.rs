//! DynamoDB. Only this module knows its attributes; `store/item.rs` documents the format of an item.
//!
//! Every read is strongly consistent, unless its documentation says otherwise, and every write that depends on what is stored is
//! conditional, so that the database decides all races. A rejected write returns the stored item, so that the loser needs no read.
//!
//! Each operation that writes has three parts. A pure function makes the `Write` from domain values and the time, `Store::send` sends
//! it, and a second pure function turns the outcome into a result. Tests run the pure functions on items in memory.
//!
//! | file | what it holds |
//! |---|---|
//! | `store/item.rs` | the attributes of an item, and how they become a [`Record`] |
//! | `store/write.rs` | one `UpdateItem` as data |
//! | `store/lease.rs` | the lease: acquire, commit, release |
//! | `store/token.rs` | the removal of a token |
//! | `store/logout.rs`, `store/revocation.rs` | a logout; the result of revocations |
//! | `store/adoption.rs` | a guest becomes a user |
//! | `store/details.rs` | the updates of a customer's details |
//! | `store/gate.rs` | the circuit breaker's gate |
//! | `store/agent_token.rs` | the agent token that all functions share |
//! | `store/groups.rs` | the renewals in all groups together |
//! | `store/operator.rs` | what only the operator's tool does |
//! | `store/former.rs`, `store/person.rs` | the same, for one user: a former identity is restored; an item is shown and deleted |

pub(crate) mod adoption;
pub(crate) mod agent_token;
pub(crate) mod details;
#[cfg(feature = "operator")]
pub mod former;
pub(crate) mod gate;
pub(crate) mod groups;
pub(crate) mod item;
pub(crate) mod lease;
pub(crate) mod logout;
#[cfg(feature = "operator")]
pub mod operator;
#[cfg(feature = "operator")]
pub mod person;
pub(crate) mod revocation;
pub(crate) mod token;
pub(crate) mod write;

pub use gate::Admission;
pub(crate) use item::{agent_binding, cookies_binding};
pub use lease::{Acquire, Acquisition, Commit, Release};

use crate::{
    clients::{aws::Service, https::Server},
    context::Context,
    identity::{Lifetime, Subject},
    renewal::{StoreError, record::Record, time_limits::LONGEST_WRITE},
};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::endpoint::{DefaultResolver, Params, ResolveEndpoint},
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::UpdateItemError,
};
use aws_smithy_types::retry::ErrorKind;
use item::{Item, Key};
use std::{error::Error, time::Duration};
use write::Write;

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    server: Option<Server>,
}

impl Store {
    /// The longest pause before a retry of a write that conflicted with a transaction on the same item.
    const CONFLICT_PAUSE: Duration = Duration::from_millis(60);

    /// The table `table`, through `client`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), server: None }
    }

    /// The table `table`, with the region, credentials and endpoint that the environment names.
    ///
    /// # Errors
    /// What is wrong with one of AWS's variables.
    pub async fn connect(table: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (config, http) = Service::new("AWS_ENDPOINT_URL_DYNAMODB", LONGEST_WRITE).config()?;
        let server = endpoint(&config).await.map(|url| Server::new(http, url));
        Ok(Self { server, ..Self::new(Client::new(&config), table) })
    }

    /// Opens a connection to DynamoDB, which the first call then uses. If that fails, the first call opens one.
    pub async fn open_connection(&self) {
        if let Some(server) = &self.server {
            server.open_connection().await;
        }
    }

    /// Everything that is stored for `subject`; one `GetItem`.
    pub async fn read(&self, subject: &Subject, context: &Context) -> Result<Option<Record>, StoreError> {
        self.get(subject, None, context).await?.map(Item::into_record).transpose()
    }

    /// The age and life of the subject's token, if it has one; one `GetItem` that returns nothing else.
    pub async fn read_lifetime(&self, subject: &Subject, context: &Context) -> Result<Option<Lifetime>, StoreError> {
        let wanted =
            format!("{}, #t.{}, #t.{}, #t.{}", item::LOGGED_OUT_SEQ, item::CREATED_MS, item::EXPIRES_IN_MS, item::SEQ);
        self.get(subject, Some(wanted), context).await?.map_or(Ok(None), Item::lifetime)
    }

    async fn get(
        &self,
        subject: &Subject,
        projection: Option<String>,
        context: &Context,
    ) -> Result<Option<Item>, StoreError> {
        let key = Some(item::key(subject).into_attributes());
        let mut request = self.client.get_item().table_name(&self.table).set_key(key).consistent_read(true);
        if let Some(wanted) = projection {
            request = request.projection_expression(wanted).expression_attribute_names("#t", item::TOKEN);
        }
        let response = response(request.send(), context).await?.map_err(|error| failed(&error))?;
        Ok(response.item.map(Item::new))
    }

    /// Sends `write` of the item at `key`. Tries again while another transaction is writing the item, which the SDK leaves to its
    /// callers: a user who logs in calls twice within milliseconds.
    async fn send(&self, key: Key, write: Write, context: &Context) -> Result<Outcome, StoreError> {
        let context = &context.within(LONGEST_WRITE);
        let request = write.into_request(key, self.client.update_item().table_name(&self.table));
        loop {
            let error = match response(request.clone().send(), context).await? {
                Ok(response) => return Ok(Outcome::Applied(response.attributes.map(Item::new))),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(rejected)) => {
                    return Ok(Outcome::Rejected(rejected.item.clone().map(Item::new)));
                }
                Some(UpdateItemError::TransactionConflictException(_)) if context.left() > Self::CONFLICT_PAUSE => {
                    tokio::time::sleep(Self::CONFLICT_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                }
                _ => return Err(failed(&error)),
            }
        }
    }
}

/// The kind of error if the deadline passed first.
const TOO_LATE: &str = "no response before the invocation's deadline";
const NO_CONNECTION: &str = "no connection";
const CLOSED: &str = "the connection was closed before a response";

/// DynamoDB's endpoint; `None` if the configuration names no region, for example.
async fn endpoint(config: &SdkConfig) -> Option<String> {
    let params = Params::builder()
        .set_region(config.region().map(ToString::to_string))
        .set_endpoint(config.endpoint_url().map(ToOwned::to_owned))
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .build()
        .ok()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.ok()?;
    Some(endpoint.url().to_owned())
}

/// The outcome of a write.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It took effect. This is the item that it returns, if it returns one.
    Applied(Option<Item>),
    /// A condition did not hold. This is the stored item, if there is one.
    Rejected(Option<Item>),
}

impl Outcome {
    /// The item that DynamoDB returned.
    pub(crate) fn item(self) -> Option<Item> {
        let (Self::Applied(item) | Self::Rejected(item)) = self;
        item
    }
}

/// DynamoDB's response to `request`, if there is one before the deadline.
fn response<T>(request: impl Future<Output = T>, context: &Context) -> impl Future<Output = Result<T, StoreError>> {
    // On the heap: the SDK's futures are large, and would make each future that holds one as large.
    let request = Box::pin(request);
    async move {
        let response = context.metrics.dynamo_db_time.measure(context.deadline.bound(request)).await;
        response.map_err(|_| StoreError::Unavailable(TOO_LATE.into()))
    }
}

/// The kind of error only: DynamoDB's messages can quote what was sent.
fn failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    let kind = match error {
        SdkError::ServiceError(response) => response.err().code().unwrap_or("an error without a code"),
        SdkError::TimeoutError(_) => "time-out",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "time-out",
        SdkError::DispatchFailure(failure) if failure.is_io() => NO_CONNECTION,
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::TransientError) => CLOSED,
        SdkError::DispatchFailure(_) => "the request could not be sent (credentials, region or endpoint)",
        SdkError::ResponseError(_) => "a response that is not DynamoDB's",
        _ => "the request could not be built",
    };
    StoreError::Unavailable(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    #[test]
    fn the_log_says_which_kind_of_failure_it_was() {
        type Failed = SdkError<UpdateItemError, ()>;
        for (error, kind) in [
            (Failed::timeout_error("t"), "time-out"),
            (Failed::dispatch_failure(ConnectorError::timeout("t".into())), "time-out"),
            (Failed::dispatch_failure(ConnectorError::io("t".into())), "no connection"),
            (Failed::dispatch_failure(ConnectorError::user("t".into())), "the request could not be sent"),
            (Failed::dispatch_failure(ConnectorError::other("t".into(), None)), "the request could not be sent"),
            (
                Failed::dispatch_failure(ConnectorError::other("t".into(), Some(ErrorKind::TransientError))),
                "the connection was closed",
            ),
            (Failed::response_error("t", ()), "not DynamoDB's"),
            (Failed::construction_failure("t"), "could not be built"),
            (Failed::service_error(UpdateItemError::unhandled("t"), ()), "an error without a code"),
        ] {
            let text = failed(&error).to_string();
            assert!(text.contains(kind), "{text}, and not {kind}");
        }
    }
}
