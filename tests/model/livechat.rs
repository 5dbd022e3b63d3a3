//! LiveChat: what a request does.

use crate::state::{Cookies, Grant, Life, Protocol, Secrets, State};

/// The cookies prove a customer.
pub(crate) fn recognises(protocol: &Protocol, state: &State, cookies: Cookies) -> bool {
    let valid = protocol.secrets == Secrets::Lenient || state.livechat.secrets.contains(&cookies);
    valid && !state.livechat.forgotten.has(cookies.entity)
}

/// LiveChat gets a request, and it takes effect: a token for the customer that the cookies prove, or else for a new one.
/// `confused`: it takes the cookies for wrong, whatever they are.
pub(crate) fn gets(protocol: &Protocol, state: &mut State, cookies: Option<Cookies>, confused: bool) -> Grant {
    let proven = cookies.filter(|&cookies| !confused && recognises(protocol, state, cookies));
    let livechat = &mut state.livechat;
    livechat.requests += 1;
    let request = livechat.requests;
    let entity = proven.map_or(request, |proven| proven.entity);
    let mut cookies = Cookies { entity, secret: 0 };
    if protocol.secrets == Secrets::Strict {
        cookies.secret = request;
        livechat.secrets.retain(|former| former.entity != entity);
        livechat.secrets.push(cookies);
        state.history.changes_due += u32::from(proven.is_some());
    }
    Grant { request, cookies, life: Life::Usable }
}
