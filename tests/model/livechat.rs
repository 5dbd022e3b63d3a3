//! LiveChat: what a call does.

use super::{
    state::{Cookies, Life, Protocol, Secrets, State},
    table::{NOW, identity, lifetime},
};
use crate::renewal::{Grant, GrantType, Grants};

/// Whether LiveChat recognises this customer: by the cookies, or by the customer's id if an agent asks.
pub(super) fn recognises(protocol: &Protocol, state: &State, grant: GrantType, cookies: Cookies) -> bool {
    let is_valid = grant == GrantType::AgentToken
        || protocol.secrets == Secrets::Lenient
        || state.livechat.secrets.contains(&cookies);
    is_valid && !state.livechat.forgotten.has(cookies.entity)
}

/// LiveChat receives a call, and it takes effect: a token for the customer that the cookies or the agent's request name, or else for a new
/// one. `is_confused`: it treats the cookies as invalid, even if they are valid.
pub(super) fn receives(
    protocol: &Protocol,
    state: &mut State,
    grant: GrantType,
    cookies: Option<Cookies>,
    is_confused: bool,
) -> (u8, Cookies) {
    let proven = cookies.filter(|&cookies| !is_confused && recognises(protocol, state, grant, cookies));
    let livechat = &mut state.livechat;
    livechat.requests += 1;
    let request = livechat.requests;
    let entity = proven.map_or(request, |proven| proven.entity);
    let mut cookies = Cookies { entity, secret: 0 };
    if protocol.secrets == Secrets::Strict && grant == GrantType::Cookie {
        cookies.secret = request;
        livechat.secrets.retain(|former| former.entity != entity);
        livechat.secrets.push(cookies);
        // An agent's token finds the customer whose secret is lost.
        state.history.changes_due += u32::from(proven.is_some() && protocol.grants == Grants::Cookie);
    }
    (request, cookies)
}

/// Its response.
pub(super) fn grant(request: u8, grant: GrantType, cookies: Cookies, life: Life) -> Grant {
    let identity = identity(cookies);
    Grant {
        entity_id: identity.entity_id.clone(),
        access_token: request.to_string().into(),
        lifetime: lifetime(life),
        cookies: identity.open_cookies().filter(|_| grant == GrantType::Cookie).cloned(),
        cookies_expire_at: NOW.in_seconds().plus_s(63_072_000),
    }
}
