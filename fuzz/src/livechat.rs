//! A customer and a response of LiveChat that are valid. A target replaces one part of the response.

use cip::identity::{Cookies, Identity, UnixSeconds};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

/// The entity id in [`BODY`].
pub const ENTITY_ID: &str = "e1";
/// The body of a valid response.
pub const BODY: &[u8] = br#"{"access_token":"dal:token","client_id":"c","entity_id":"e1","expires_in":28800,"organization_id":"o","token_type":"Bearer"}"#;
/// The stored cookies of a known customer. No response has them by chance.
pub const STORED: [&str; 2] = ["stored-cid-0f9e", "stored-cst-8d7c"];
/// The longest lifetime of a cookie or token, in s.
pub const TWO_YEARS_S: u64 = 63_072_000;
/// Points in time at which LiveChat may have been called; Unix time in ms. Clocks can be very wrong.
pub const CLOCKS_MS: [u64; 3] = [0, 1_700_000_000_123, u64::MAX];

/// The identity of a known customer.
pub fn known(entity_id: &str) -> Identity {
    let [cid, cst] = STORED.map(Into::into);
    Identity {
        entity_id: entity_id.into(),
        cookies: Some(Cookies { cid, cst }.into()),
        cookies_expire_at: UnixSeconds::new(0),
        former: Vec::new(),
        awaits_first_token: false,
    }
}

/// The headers of a response with these `Set-Cookie` lines. Lines that are not valid in a header are left out.
pub fn headers<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> HeaderMap {
    lines.into_iter().filter_map(|line| Some((SET_COOKIE, HeaderValue::from_bytes(line).ok()?))).collect()
}
