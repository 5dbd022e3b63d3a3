//! The conditional writes of `Store`, on an item or two. Each says whether it took effect.

use super::state::{Adoption, Broken, Cookies, Holding, Item, State, Step, Transaction, Who};

/// What became of a transaction: `cip::store::Adopted`.
pub(crate) use cip::store::Adopted;

/// `Store::take_lease`. `is_held` is how the lease looks to the caller; `own` is the number of the lease that an earlier copy of
/// this write took.
pub(crate) fn take_lease(
    adoption: &Adoption,
    item: &mut Item,
    is_held: bool,
    own: Option<u64>,
    unless_newer_than: Option<u64>,
) -> bool {
    let other_owner = own != Some(item.lease_seq);
    let no_newer_token = unless_newer_than.zip(item.token).is_none_or(|(seen, token)| token <= seen);
    let not_adopted = !item.is_adopted || adoption.is(Broken::AdoptedTakesLease);
    if is_held || !other_owner || !no_newer_token || !not_adopted {
        return false;
    }
    item.lease_seq += 1;
    item.is_leased = true;
    item.version += 1;
    true
}

/// The fence: the condition of `Store::update_under`.
fn is_under(item: &Item, seq: u64) -> bool {
    item.is_leased && item.lease_seq == seq
}

/// `Store::finish`.
pub(crate) fn finish(state: &mut State, who: Who, holding: &Holding, cookies: Cookies) -> bool {
    let item = state.item_mut(who);
    if !is_under(item, holding.seq) {
        return false;
    }
    item.identity = Some(cookies);
    item.token = Some(holding.seq);
    item.is_leased = false;
    item.version += 1;
    state.history.stored.add(cookies.entity);
    true
}

/// `Store::give_up`.
pub(crate) fn give_up(item: &mut Item, seq: u64) -> bool {
    let under = is_under(item, seq);
    if under {
        item.is_leased = false;
        item.version += 1;
    }
    under
}

/// `Store::adopt`: both halves, or none.
pub(crate) fn adopt(adoption: &Adoption, state: &mut State, transaction: Transaction) -> Adopted {
    if !may_move_in(adoption, state.item(transaction.user), transaction) {
        return Adopted::LeaseLost;
    }
    let guest = state.item(Who::Guest);
    let same_version = guest.version == transaction.guest_version || adoption.is(Broken::NoVersion);
    if !same_version || guest.identity.is_none() {
        return Adopted::GuestChanged;
    }
    move_in(state, transaction);
    if !adoption.is(Broken::TwoWrites) {
        move_out(adoption, state);
    }
    Adopted::Yes
}

/// The condition of `Store::move_in`.
fn may_move_in(adoption: &Adoption, user: &Item, transaction: Transaction) -> bool {
    let under = is_under(user, transaction.seq) || adoption.is(Broken::NoFence);
    (under && user.identity.is_none()) || adoption.is(Broken::NothingAskedOfUser)
}

fn move_in(state: &mut State, transaction: Transaction) {
    let user = state.item_mut(transaction.user);
    user.identity = Some(transaction.identity);
    user.version += 1;
}

/// `Store::move_out`.
pub(crate) fn move_out(adoption: &Adoption, state: &mut State) {
    let guest = state.item_mut(Who::Guest);
    guest.identity = None;
    guest.token = None;
    guest.is_leased &= adoption.is(Broken::LeaseLeftBehind);
    guest.is_adopted = !adoption.is(Broken::Unmarked);
    guest.version += 1;
    state.history.moved = true;
}

/// What `Provider::ask` does first under a lease.
pub(crate) fn first_step(item: &Item, was_guest: bool) -> Step {
    if was_guest && item.identity.is_none() { Step::ReadGuest { tried: false } } else { Step::Ask }
}
