//! Adoption, a model of its own: a guest logs in, and the identity moves to the user, while the guest and other users call.
//!
//! There are three items here: the guest's, and those of two users. Every caller renews as in the model of the renewal, and a
//! user's call that comes with the guest's id moves the guest's identity before it asks LiveChat. What a call is content with is
//! decided by [`cip::provider::need::Need`], as there.
//!
//! # What the steps stand for
//!
//! | step ([`Action`](actions::Action)) | in the code | what decides there |
//! |---|---|---|
//! | `Read` | `Provider::get_token`: `Store::read` | `issued(&record)`: `is_adopted`, else the token |
//! | `Take` | `Provider::renew`: `Store::take_lease` | `NOT #until BETWEEN …`, `#t.#tseq <= :seen`, `attribute_not_exists(#adopted)` |
//! | – its answer was lost, and it is sent again | `Store::take_lease`, its last lines | `#owner <> :owner`; `lease.owner == owner` |
//! | `Look`, and the end of a `Take` that was refused | `Provider::wait`, `met_by` | `record.is_adopted`, then as for any renewal |
//! | `ReadGuest` | `Provider::adopt`: `Store::read` of the guest | `record.held(now_ms())`, `record.identity`: to wait, `Needless`, or to move it |
//! | `ReadOwn` | `Provider::adopt`: `Store::read` of the user | `record.is_adopted && has_tried`: `user.identity` |
//! | `Move` | `Store::adopt`: `TransactWriteItems` | of the user, `#owner = :owner AND #seq = :seq AND attribute_exists(#until) AND attribute_not_exists(#entity)`, else `LeaseLost`; of the guest, `#version = :version AND attribute_exists(#entity)`, else `GuestChanged` |
//! | – its answer was lost, and it is sent again | the SDK's retries | the same `ClientRequestToken`, which the SDK makes: it succeeds |
//! | – its answer was lost for good | `Provider::ask`: `Err` of `adopt` | `give_up` |
//! | – it meets another write | `TransactionConflict` | `GuestChanged` |
//! | `LateMove` | the SDK's retries: a first copy that was held up | the conditions of `Move` |
//! | `Ask` | `Provider::grant`, for the identity in the record or the one that has moved | |
//! | `Finish`, `GiveUp` | `Store::finish`, `give_up`: `update_under` | `#owner = :owner AND #seq = :seq AND attribute_exists(#until)` |
//! | `TooLate` | `give_up_at` of `Provider::adopt`; `ask_by.left() < Accounts::SHORTEST_ATTEMPT` of `ask` | `give_up` |
//! | `Crash` | an invocation that is killed, or ends with an error while it holds a lease | |
//!
//! # Why it may leave out what it leaves out
//!
//! - *What the model of the renewal shows*: life times, `invalidate`, word of failures, the quota and the breaker, clocks, copies
//!   of writes to one item that come late. So an owner's name and the number of the lease are one here.
//! - *Time.* To anybody, a lease whose holder is dead may seem to have lapsed at any moment, and one whose holder lives as often
//!   as `Faults::lapses` says: that holder is slow, wakes up late, and goes on.
//! - *Arriving and answering*, as there: a call is answered with the effect of its last operation. So a guest's `getToken` that
//!   answers what it read before (`Provider::stored_despite`, when the table cannot be read again) is one whose answer took
//!   long.
//! - *Looks that find nothing new* are no steps: neither at one's own item nor, in `adopt`, at the guest's.
//!
//! # Where to find what
//!
//! | file | what it holds |
//! |---|---|
//! | `state.rs` | a configuration, a state, what the properties remember |
//! | `actions.rs` | what can happen next: steps, and what can go wrong |
//! | `auth.rs`, `item.rs` | what it does |
//! | `properties.rs` | what must hold |
//! | `explored.rs` | the configurations that are explored |
//! | `broken.rs`, `seeded.rs` | faults, and that they are found |
//! | `words.rs` | traces in words |

mod actions;
mod broken;
mod caller;
mod explored;
mod item;
mod properties;
mod seeded;
mod state;
mod words;
