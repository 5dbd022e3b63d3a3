//! DynamoDB. The only file that knows its words; `store/item.rs` has the form of an item.
//!
//! Every read is strongly consistent and every write that depends on what is stored is conditional, so the database
//! decides all races. A write that is refused answers with the item as it stands, so that the loser needs no read.

mod adoption;
mod gate;
mod groups;
mod item;
mod revocation;

pub use adoption::Adopted;
pub use gate::Admission;

use crate::{
    clients::aws,
    error::Error,
    identity::{FailedRenewal, Identity, Lease, Lifetime, Quota, Record, Refusal, Subject, Token},
    telemetry::tally,
    time::{Deadline, now_ms},
};
use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use item::{Item, number};
use secrecy::ExposeSecret;
use std::{collections::HashMap, time::Duration};

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

/// What became of a try to take a lease.
#[derive(Debug)]
pub enum Taken {
    /// It is ours; this is what is stored.
    Ours(Lease, Record),
    /// Somebody else has it, there is a token that makes it needless, the subject has spent this minute's renewals, LiveChat
    /// refused a call with the same settings a short time ago, or the subject is a guest no longer; this is what is stored.
    Refused(Record),
}

/// What the end of a lease writes beside its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookkeeping {
    /// The quota, if it is another one than before.
    pub quota: Option<Quota>,
    /// Keys of outstanding tokens that LiveChat has revoked, or that have expired.
    pub forget: Vec<String>,
    /// When LiveChat is told again about those that it could not be told about; Unix time in ms.
    pub revoke_again_ms: Option<u64>,
}

/// What became of the result that a lease's owner wanted to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored, and the lease is over.
    Yes,
    /// The same, but the user had logged out since the lease was taken: the token must not be returned, and is to be revoked.
    LoggedOut,
    /// The lease was no longer ours: nothing was changed.
    LeaseLost,
}

impl Store {
    /// The longest that one operation takes, retries included.
    pub const LONGEST_WRITE: Duration = Duration::from_secs(3);
    /// How long a write waits at most for a transaction on the same item to end, before it looks again.
    const CONFLICT_PAUSE: Duration = Duration::from_millis(60);
    /// An item without an identity is what a failed first renewal leaves behind, and goes after a day, in s.
    const ABANDONED_AFTER_S: u64 = 86_400;
    /// Items go when their cookies have been over for 30 days, in s.
    const KEPT_AFTER_LAPSE_S: u64 = 2_592_000;

    /// The table `table`, through `client`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The table `table`, with the region, credentials and endpoint that the environment names.
    pub async fn connect(table: &str) -> Self {
        Self::new(Client::new(&aws::config("AWS_ENDPOINT_URL_DYNAMODB", Self::LONGEST_WRITE).await), table)
    }

    /// Everything that is stored for `subject`; one `GetItem`.
    pub async fn read(&self, subject: &Subject, deadline: Deadline) -> Result<Option<Record>, Error> {
        self.get(subject, None, deadline).await?.map(Item::into_record).transpose()
    }

    /// The age and life of the subject's token, if it has one; one `GetItem` that answers nothing else.
    pub async fn read_lifetime(&self, subject: &Subject, deadline: Deadline) -> Result<Option<Lifetime>, Error> {
        let wanted =
            format!("{}, #t.{}, #t.{}, #t.{}", item::LOGGED_OUT_SEQ, item::CREATED_MS, item::EXPIRES_IN_MS, item::SEQ);
        self.get(subject, Some(wanted), deadline).await?.map_or(Ok(None), Item::lifetime)
    }

    async fn get(
        &self,
        subject: &Subject,
        projection: Option<String>,
        deadline: Deadline,
    ) -> Result<Option<Item>, Error> {
        let (pk, sk) = item::key(subject);
        let mut request =
            self.client.get_item().table_name(&self.table).key(item::PK, pk).key(item::SK, sk).consistent_read(true);
        if let Some(wanted) = projection {
            request = request.projection_expression(wanted).expression_attribute_names("#t", item::TOKEN);
        }
        let answer = answer(request.send(), deadline).await?.map_err(|error| failed(&error))?;
        Ok(answer.item.map(Item::new))
    }

    /// Tries to take the subject's lease as `owner`, a value that is used for nothing else: if nobody holds it, unless
    /// there is a token with a higher sequence number than `unless_newer_than`, while the subject's quota lasts, and unless
    /// LiveChat's refusal of these `settings` applies. One `UpdateItem`, which makes the item if there is none.
    pub async fn take_lease(
        &self,
        subject: &Subject,
        owner: &str,
        unless_newer_than: Option<u64>,
        settings: &str,
        deadline: Deadline,
    ) -> Result<Taken, Error> {
        let mut heeded = Some(settings);
        loop {
            let update = self.try_lease(subject, owner, unless_newer_than, heeded, deadline).await?;
            let (Update::Done(item) | Update::Refused(item)) = update;
            let has_refusal = item.as_ref().is_some_and(|item| item.has(item::REFUSED));
            let record = item.map(Item::into_record).transpose()?.unwrap_or_default();
            // Also when it was refused: then an earlier try of the SDK's got through, and its answer was lost.
            if let Some(lease) = record.lease.clone().filter(|lease| lease.owner == owner) {
                return Ok(Taken::Ours(lease, record));
            }
            // A refusal that cannot be read, such as another version's, must keep nobody out.
            let is_unreadable = has_refusal && record.refusal.is_none();
            if heeded.take().is_none() || !is_unreadable {
                return Ok(Taken::Refused(record));
            }
        }
    }

    /// One such write. Without `settings` it heeds no refusal.
    async fn try_lease(
        &self,
        subject: &Subject,
        owner: &str,
        unless_newer_than: Option<u64>,
        settings: Option<&str>,
        deadline: Deadline,
    ) -> Result<Update, Error> {
        let now_ms = now_ms();
        let (until_ms, latest_ms) = Lease::bounds_ms(now_ms);
        let (earliest_ms, ahead_ms) = Quota::bounds_ms(now_ms);
        // The owner stays when the lease ends, so that a write of the SDK's that was delayed on its way takes no second one.
        let mut condition = "(attribute_not_exists(#until) OR NOT #until BETWEEN :now AND :latest) \
                             AND (attribute_not_exists(#owner) OR #owner <> :owner) \
                             AND (attribute_not_exists(#since) OR NOT #since BETWEEN :earliest AND :ahead \
                                  OR #seq < #last) \
                             AND attribute_not_exists(#adopted)"
            .to_owned();
        let mut request = self
            .update(subject)
            .update_expression(
                "SET #owner = :owner, #until = :until, #expires = if_not_exists(#lapse, :abandoned) + :kept, \
                 #seq = if_not_exists(#seq, :zero) + :one, #version = if_not_exists(#version, :zero) + :one, \
                 #outstanding = if_not_exists(#outstanding, :none)",
            )
            .expression_attribute_names("#outstanding", item::OUTSTANDING)
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
            .expression_attribute_names("#owner", item::LEASE_OWNER)
            .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
            .expression_attribute_names("#seq", item::LEASE_SEQ)
            .expression_attribute_names("#expires", item::EXPIRES_AT_S)
            .expression_attribute_names("#adopted", item::ADOPTED_AT_MS)
            .expression_attribute_values(":owner", AttributeValue::S(owner.into()))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":until", number(until_ms))
            .expression_attribute_values(":latest", number(latest_ms))
            .expression_attribute_names("#lapse", item::COOKIES_LAPSE_AT_S)
            .expression_attribute_values(":kept", number(Self::KEPT_AFTER_LAPSE_S))
            .expression_attribute_values(
                ":abandoned",
                number((now_ms / 1000 + Self::ABANDONED_AFTER_S).saturating_sub(Self::KEPT_AFTER_LAPSE_S)),
            )
            .expression_attribute_names("#since", item::QUOTA_SINCE_MS)
            .expression_attribute_names("#last", item::QUOTA_LAST_SEQ)
            .expression_attribute_values(":earliest", number(earliest_ms))
            .expression_attribute_values(":ahead", number(ahead_ms))
            .expression_attribute_values(":zero", number(0))
            .return_values(ReturnValue::AllNew);
        if let Some(seq) = unless_newer_than {
            condition.push_str(" AND (attribute_not_exists(#t) OR #t.#tseq <= :seen)");
            request = request
                .expression_attribute_names("#t", item::TOKEN)
                .expression_attribute_names("#tseq", item::SEQ)
                .expression_attribute_values(":seen", number(seq));
        }
        if let Some(settings) = settings {
            let (earliest_end_ms, latest_end_ms) = Refusal::bounds_ms(now_ms);
            condition.push_str(
                " AND (attribute_not_exists(#refused.#end) \
                  OR NOT (#refused.#settings = :settings AND #refused.#end BETWEEN :soonest AND :furthest))",
            );
            request = request
                .expression_attribute_names("#refused", item::REFUSED)
                .expression_attribute_names("#settings", item::SETTINGS)
                .expression_attribute_names("#end", item::UNTIL_MS)
                .expression_attribute_values(":settings", AttributeValue::S(settings.into()))
                .expression_attribute_values(":soonest", number(earliest_end_ms))
                .expression_attribute_values(":furthest", number(latest_end_ms));
        }
        self.send(request.condition_expression(condition), deadline).await
    }

    /// Stores what the owner of `lease` got, and ends the lease: if it is still the owner's. One `UpdateItem`.
    ///
    /// The token is stored as outstanding too, so that a logout can revoke it when it is no longer the latest.
    pub async fn finish(
        &self,
        subject: &Subject,
        lease: &Lease,
        identity: &Identity,
        token: &Token,
        bookkeeping: &Bookkeeping,
        deadline: Deadline,
    ) -> Result<Stored, Error> {
        let outstanding = token.outstanding();
        let set = format!("{SET_IDENTITY} #t = :token, #outstanding.#new = :outstanding,");
        let request = self
            .update_under(subject, lease, bookkeeping, &set, ", #failed, #refused, #unproven")
            .expression_attribute_names("#t", item::TOKEN)
            .expression_attribute_names("#refused", item::REFUSED)
            .expression_attribute_names("#unproven", item::UNPROVEN)
            .expression_attribute_names("#outstanding", item::OUTSTANDING)
            .expression_attribute_names("#new", &outstanding.key)
            .expression_attribute_values(":token", item::of_token(token))
            .expression_attribute_values(":outstanding", item::of_outstanding(&outstanding))
            .return_values(ReturnValue::AllNew);
        let request = with_identity(request, identity);
        let (Update::Done(item) | Update::Refused(item)) = self.send(request, deadline).await?;
        let record = item.map(Item::into_record).transpose()?.unwrap_or_default();
        // Also when it was refused: then an earlier try of the SDK's may have got through, and its answer was lost. A logout since then
        // has removed the token, but not from those that are outstanding.
        let access_token = token.access_token.expose_secret();
        let is_stored = record.outstanding.0.iter().any(|stored| stored.access_token.expose_secret() == access_token);
        Ok(match is_stored {
            true if record.logged_out_seq >= token.seq => Stored::LoggedOut,
            true if record.token.is_some_and(|stored| stored.access_token.expose_secret() == access_token) => {
                Stored::Yes
            }
            _ => Stored::LeaseLost,
        })
    }

    /// Ends `lease` without a result, if it is still the owner's, and records the reason, if there is `failed`; remembers
    /// LiveChat's `refusal`, if that is why. One `UpdateItem`.
    pub async fn give_up(
        &self,
        subject: &Subject,
        lease: &Lease,
        failed: Option<&FailedRenewal>,
        refusal: Option<&Refusal>,
        bookkeeping: &Bookkeeping,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let set_refused = if refusal.is_some() { "#refused = :refused," } else { "" };
        let mut request = match failed {
            Some(failed) => self
                .update_under(subject, lease, bookkeeping, &format!("#failed = :failed, {set_refused}"), "")
                .expression_attribute_values(":failed", item::of_failed(failed)),
            None => self.update_under(subject, lease, bookkeeping, set_refused, ", #failed"),
        };
        if let Some(refusal) = refusal {
            request = request
                .expression_attribute_names("#refused", item::REFUSED)
                .expression_attribute_values(":refused", item::of_refusal(refusal));
        }
        self.send(request, deadline).await.map(|_| ())
    }

    /// Drops the subject's token, and keeps everything else; returns what was stored before. One `UpdateItem`, which makes no item where
    /// none is.
    pub async fn drop_token(&self, subject: &Subject, deadline: Deadline) -> Result<Record, Error> {
        let request = self
            .update(subject)
            .update_expression("SET #version = #version + :one REMOVE #t")
            .condition_expression("attribute_exists(#t)")
            .expression_attribute_names("#t", item::TOKEN)
            .return_values(ReturnValue::AllOld);
        let (Update::Done(item) | Update::Refused(item)) = self.send(request, deadline).await?;
        Ok(item.map(Item::into_record).transpose()?.unwrap_or_default())
    }

    fn update(&self, subject: &Subject) -> UpdateItemFluentBuilder {
        let (pk, sk) = item::key(subject);
        self.client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// An update that only takes effect while `lease` is its owner's.
    fn update_fenced(&self, subject: &Subject, lease: &Lease) -> UpdateItemFluentBuilder {
        self.update(subject)
            .condition_expression(FENCE)
            .expression_attribute_names("#owner", item::LEASE_OWNER)
            .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
            .expression_attribute_names("#seq", item::LEASE_SEQ)
            .expression_attribute_values(":owner", AttributeValue::S(lease.owner.clone()))
            .expression_attribute_values(":seq", number(lease.seq))
    }

    /// The end of `lease`, fenced. Sets and removes what `set`, `remove` and `bookkeeping` say.
    fn update_under(
        &self,
        subject: &Subject,
        lease: &Lease,
        bookkeeping: &Bookkeeping,
        set: &str,
        remove: &str,
    ) -> UpdateItemFluentBuilder {
        let quota = bookkeeping.quota;
        let set_quota = if quota.is_some() { "#since = :since, #last = :last," } else { "" };
        let (request, revocations) = revocation::with(self.update_fenced(subject, lease), bookkeeping);
        let (set_again, forget) = (revocations.set, revocations.remove);
        let mut request = request
            .update_expression(format!(
                "SET {set} {set_quota} {set_again} #version = #version + :one REMOVE #until{remove}{forget}"
            ))
            .expression_attribute_names("#failed", item::FAILED);
        if let Some(quota) = quota {
            request = request
                .expression_attribute_names("#since", item::QUOTA_SINCE_MS)
                .expression_attribute_names("#last", item::QUOTA_LAST_SEQ)
                .expression_attribute_values(":since", number(quota.since_ms))
                .expression_attribute_values(":last", number(quota.last_seq));
        }
        request
    }

    /// Also tries again when somebody else's transaction has the item just then, which the SDK leaves to its callers: a user
    /// who logs in calls twice within milliseconds.
    async fn send(&self, request: UpdateItemFluentBuilder, deadline: Deadline) -> Result<Update, Error> {
        let deadline = deadline.within(Self::LONGEST_WRITE);
        loop {
            let error = match answer(request.clone().send(), deadline).await? {
                Ok(answer) => return Ok(Update::Done(answer.attributes.map(Item::new))),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    return Ok(Update::Refused(refused.item.clone().map(Item::new)));
                }
                Some(UpdateItemError::TransactionConflictException(_)) if deadline.left() > Self::CONFLICT_PAUSE => {
                    tokio::time::sleep(Self::CONFLICT_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                }
                _ => return Err(failed(&error)),
            }
        }
    }
}

/// The condition under which a lease is still its owner's.
const FENCE: &str = "#owner = :owner AND #seq = :seq AND attribute_exists(#until)";
/// What sets the identity, in an update that [`with_identity`] completes.
const SET_IDENTITY: &str =
    "#entity = :entity, #cookies = :cookies, #lapse = :lapse, #former = :former, #expires = :expires,";

/// The names and values of [`SET_IDENTITY`].
fn with_identity(request: UpdateItemFluentBuilder, identity: &Identity) -> UpdateItemFluentBuilder {
    request
        .expression_attribute_names("#entity", item::ENTITY_ID)
        .expression_attribute_names("#cookies", item::COOKIES)
        .expression_attribute_names("#lapse", item::COOKIES_LAPSE_AT_S)
        .expression_attribute_names("#former", item::FORMER)
        .expression_attribute_names("#expires", item::EXPIRES_AT_S)
        .expression_attribute_values(":entity", AttributeValue::S(identity.entity_id.clone()))
        .expression_attribute_values(":cookies", item::of_cookies(&identity.cookies))
        .expression_attribute_values(":lapse", number(identity.cookies_lapse_at_s))
        .expression_attribute_values(":former", item::of_former(&identity.former))
        .expression_attribute_values(":expires", number(identity.cookies_lapse_at_s + Store::KEPT_AFTER_LAPSE_S))
}

enum Update {
    /// It took effect; what it was asked to answer.
    Done(Option<Item>),
    /// The condition did not hold; the item as it stands, if there is one.
    Refused(Option<Item>),
}

/// DynamoDB's answer to `request`, if there is one before the deadline.
fn answer<T>(request: impl Future<Output = T>, deadline: Deadline) -> impl Future<Output = Result<T, Error>> {
    // On the heap: the SDK's futures are large, and each that holds one would be as large again.
    let request = Box::pin(request);
    async move {
        let answer = tally::timed(|tally| &mut tally.dynamodb, deadline.bound(request)).await;
        answer.map_err(|_| Error::StoreUnavailable("no answer before the invocation's deadline".into()))
    }
}

/// The kind of error only: DynamoDB's messages can quote what was sent.
fn failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Error {
    let kind = match error {
        SdkError::ServiceError(answer) => answer.err().code().unwrap_or("an error without a code"),
        SdkError::TimeoutError(_) => "time-out",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "time-out",
        SdkError::DispatchFailure(failure) if failure.is_io() => "no connection",
        SdkError::DispatchFailure(_) => "the request could not be sent (credentials, region or endpoint)",
        SdkError::ResponseError(_) => "an answer that is none of DynamoDB's",
        _ => "the request could not be built",
    };
    Error::StoreUnavailable(kind.to_owned())
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
            (Failed::response_error("t", ()), "none of DynamoDB's"),
            (Failed::construction_failure("t"), "could not be built"),
            (Failed::service_error(UpdateItemError::unhandled("t"), ()), "an error without a code"),
        ] {
            let said = failed(&error).to_string();
            assert!(said.contains(kind), "{said}, and not {kind}");
        }
    }
}
