//! The conditional writes of `Store`, on the item. Each says whether it took effect.

use crate::{
    actions::Seen,
    state::{Broken, Grant, Holding, LateWrite, Life, Operation, Owner, Protocol, Secrets, State, Token, Tokens, Word},
};

/// `Store::take_lease`. `own` is the owner that the write names, unless no write has taken a lease under its name yet;
/// `until` is when the lease is to end.
pub(crate) fn take_lease(
    protocol: &Protocol,
    state: &mut State,
    own: Option<Owner>,
    unless_newer_than: Option<u64>,
    lease: Seen,
    until: i16,
) -> bool {
    let from_live_holder = state.has_live_holder();
    let item = &mut state.item;
    let free = lease != Seen::Held || protocol.is(Broken::NoLeaseCondition);
    let other_owner = own.is_none() || item.lease_owner != own;
    let no_newer_token = match (unless_newer_than, item.token) {
        (Some(seen), Some(token)) => token.seq <= seen || protocol.is(Broken::NoTokenCondition),
        _ => true,
    };
    if !(free && other_owner && no_newer_token) {
        return false;
    }
    if lease == Seen::Lapsed && from_live_holder && !protocol.is_timed() {
        state.left.lapses -= 1;
    }
    item.lease_seq += 1;
    item.lease_owner = own.or(Some(item.lease_seq));
    item.lease_until = Some(until);
    true
}

/// The fence: the condition of `Store::update_under`.
fn is_under(protocol: &Protocol, state: &State, holding: &Holding) -> bool {
    let item = &state.item;
    let owner = item.lease_owner == Some(holding.owner);
    let seq = item.lease_seq == holding.seq || protocol.is(Broken::FenceWithoutNumber);
    let lease = item.lease_until.is_some() || protocol.is(Broken::FenceWithoutLease);
    owner && seq && lease
}

/// What `finish` and `give_up` have in common.
fn end_lease(protocol: &Protocol, state: &mut State) {
    state.item.lease_until = None;
    if protocol.is(Broken::OwnerForgottenAtRelease) {
        state.item.lease_owner = None;
    }
}

/// `Store::finish`, with the identity that `Provider::ask` makes of the record and the grant.
pub(crate) fn finish(protocol: &Protocol, state: &mut State, holding: &Holding, grant: Grant) -> bool {
    if !is_under(protocol, state, holding) && !protocol.is(Broken::NoFence) {
        return false;
    }
    let item = &mut state.item;
    item.former = holding.former;
    item.identity = Some(grant.cookies);
    match holding.known {
        Some(known) if known.entity != grant.cookies.entity => item.former.add(known.entity),
        Some(known) if protocol.secrets == Secrets::Strict => {
            // The successor of the secret that LiveChat killed is safe now.
            state.history.changes_due -= 1;
            if protocol.is(Broken::NewSecretNotStored) {
                item.identity = Some(known);
            }
        }
        _ => {}
    }
    item.token = Some(Token { request: grant.request, life: grant.life, seq: holding.seq });
    item.failed = None;
    if state.callers.iter().any(|caller| caller.operation == Operation::Logout) {
        item.forget(holding.due);
        if protocol.is(Broken::OnlyTheLatestIsListed) {
            item.outstanding.clear();
        }
        item.outstanding.push((grant.request, holding.seq));
        item.outstanding.sort_unstable();
    }
    let invalidates = state.callers.iter().any(|caller| caller.operation.ends_tokens());
    state.history.note_stored(grant.request, invalidates);
    end_lease(protocol, state);
    true
}

/// `Store::give_up`.
pub(crate) fn give_up(protocol: &Protocol, state: &mut State, holding: &Holding, word: Option<Word>) -> bool {
    let anybodys = protocol.is(Broken::ReleaseOfAnyLease) && state.item.lease_until.is_some();
    if !is_under(protocol, state, holding) && !anybodys {
        return false;
    }
    state.item.forget(holding.due);
    state.item.failed = word.map(|word| Word { nth: state.history.failures, ..word });
    state.history.failures += u8::from(word.is_some());
    end_lease(protocol, state);
    true
}

/// `Store::drop_token`.
pub(crate) fn drop_token(protocol: &Protocol, state: &mut State) -> bool {
    let dropped = state.item.token.take().is_some();
    if dropped && protocol.is(Broken::InvalidateForgetsTheCustomer) {
        state.item.identity = None;
    }
    dropped
}

/// `Store::log_out`, and what is to be revoked then. Nothing where no item is.
pub(crate) fn log_out(protocol: &Protocol, state: &mut State) -> Tokens {
    let item = &mut state.item;
    if item.lease_seq == 0 {
        return Tokens::default();
    }
    item.token = None;
    state.history.ended = item.lease_seq;
    if !protocol.is(Broken::LogoutOverlooksTheRenewal) || item.lease_until.is_none() {
        item.logged_out = item.lease_seq;
    } else {
        item.logged_out = item.lease_seq - 1;
    }
    let due = item.due();
    if protocol.is(Broken::ForgottenBeforeRevoked) {
        item.forget(due);
    }
    due
}

/// A write that arrives a second time.
pub(crate) fn late_write(protocol: &Protocol, state: &mut State, index: usize, lease: Seen) -> bool {
    match state.late_writes.remove(index) {
        LateWrite::Take { owner, unless_newer_than } => take_lease(protocol, state, owner, unless_newer_than, lease, 0),
        LateWrite::Finish(holding, grant) => finish(protocol, state, &holding, grant),
        LateWrite::GiveUp(holding, word) => give_up(protocol, state, &holding, word),
        LateWrite::DropToken => drop_token(protocol, state),
        LateWrite::LogOut => {
            log_out(protocol, state);
            true
        }
    }
}

/// A token that can be answered at all.
pub(crate) fn is_live(token: Token) -> bool {
    token.life != Life::Dead
}
