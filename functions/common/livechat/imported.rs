//! Customers as other servers have stored them, for the operator's tool.

use super::response::{CID, CST, LONGEST_COOKIE, TWO_YEARS_S, age_s, is_entity_id};
use crate::identity::{Cookies, Identity, UnixSeconds};
use cookie::Cookie;
use secrecy::SecretString;

/// What a server has stored about a customer.
#[derive(Clone, Copy)]
pub struct Imported<'a> {
    /// The customer's id.
    pub entity_id: &'a str,
    /// The cookie `__lc_cid`: its value, or the `Set-Cookie` header with it.
    pub cid: &'a str,
    /// The cookie `__lc_cst`, likewise.
    pub cst: &'a str,
    /// When LiveChat set the cookies, if that is known.
    pub set_at: Option<UnixSeconds>,
    /// When the cookies expire, if that is known. Otherwise their attributes say it.
    pub expire_at: Option<UnixSeconds>,
}

/// Why it is not an identity. The message repeats no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Invalid {
    /// The customer's id.
    #[error("the entity id is missing or malformed")]
    EntityId,
    /// `__lc_cid`.
    #[error("the cookie __lc_cid is missing, malformed or deleted")]
    Cid,
    /// `__lc_cst`.
    #[error("the cookie __lc_cst is missing, malformed or deleted")]
    Cst,
}

impl Imported<'_> {
    /// The identity.
    ///
    /// When the cookies were set may be unknown. Then they count as set `now`: a time that is too late costs nothing, but one that is too
    /// early would delete the identity from the table while LiveChat still knows the customer.
    ///
    /// # Errors
    /// [`Invalid`] if a value is malformed.
    pub fn identity(self, now: UnixSeconds) -> Result<Identity, Invalid> {
        if !is_entity_id(self.entity_id) {
            return Err(Invalid::EntityId);
        }
        let (cid, cid_expires_at) = self.cookie(CID, self.cid, now).ok_or(Invalid::Cid)?;
        let (cst, cst_expires_at) = self.cookie(CST, self.cst, now).ok_or(Invalid::Cst)?;
        let expire_at = self.expire_at.unwrap_or(cid_expires_at.min(cst_expires_at));
        Ok(Identity {
            entity_id: self.entity_id.to_owned(),
            cookies: Some(Cookies { cid, cst }.into()),
            // A later time comes from a wrong clock.
            cookies_expire_at: expire_at.min(now.plus_s(TWO_YEARS_S)),
            former: Vec::new(),
            awaits_first_token: false,
        })
    }

    /// A cookie's value, and when it expires.
    fn cookie(self, name: &str, text: &str, now: UnixSeconds) -> Option<(SecretString, UnixSeconds)> {
        let set_at = self.set_at.unwrap_or(now).min(now);
        // No value of LiveChat's begins like this.
        if !text.trim_start().starts_with("__lc_") {
            return Some((value(text)?, set_at.plus_s(TWO_YEARS_S)));
        }
        let cookie = Cookie::parse(text).ok().filter(|cookie| cookie.name() == name)?;
        let expires_at = match cookie.expires_datetime() {
            // `Expires` is a point in time, so it needs no other.
            Some(end) if self.set_at.is_none() => UnixSeconds::new(end.unix_timestamp().try_into().unwrap_or(0)),
            _ => set_at.plus_s(Some(age_s(&cookie, set_at)).filter(|age_s| *age_s > 0)?),
        };
        Some((value(cookie.value())?, expires_at))
    }
}

/// What fits into the header `Cookie`.
fn value(text: &str) -> Option<SecretString> {
    let is_fit = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\');
    ((1..=LONGEST_COOKIE).contains(&text.len()) && text.bytes().all(is_fit)).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const NOW: UnixSeconds = UnixSeconds::new(1_700_000_000);
    const CID_LINE: &str = "__lc_cid=c=1; Path=/customer; Max-Age=1000; HttpOnly; Secure; SameSite=None";
    const CST_LINE: &str = "__lc_cst=s1; Path=/customer; Max-Age=2000; HttpOnly; Secure; SameSite=None";

    fn imported(cid: &'static str, cst: &'static str) -> Imported<'static> {
        Imported { entity_id: "e1", cid, cst, set_at: None, expire_at: None }
    }

    fn expiry(imported: Imported) -> u64 {
        imported.identity(NOW).expect("an identity").cookies_expire_at.as_u64()
    }

    #[test]
    fn headers_and_values_are_read() {
        for imported in [imported(CID_LINE, CST_LINE), imported("c=1", "s1")] {
            let identity = imported.identity(NOW).expect("an identity");
            assert_eq!(identity.open_cookies().expect("cookies").cid.expose_secret(), "c=1");
            assert_eq!(identity.open_cookies().expect("cookies").cst.expose_secret(), "s1");
        }
    }

    #[test]
    fn the_first_cookie_to_expire_counts_from_when_it_was_set() {
        let lines = imported(CID_LINE, CST_LINE);
        let set_at = Some(UnixSeconds::new(1_699_999_500));
        assert_eq!(expiry(Imported { set_at, ..lines }), 1_700_000_500);
        assert_eq!(expiry(lines), 1_700_001_000);
        assert_eq!(expiry(Imported { set_at, ..imported("c", "s") }), 1_699_999_500 + TWO_YEARS_S);
        assert_eq!(expiry(Imported { expire_at: Some(UnixSeconds::new(7)), ..lines }), 7);
        // date --utc --date=@1700086400
        let end = imported("__lc_cid=c; Expires=Wed, 15 Nov 2023 22:13:20 GMT; Max-Age=9", "s");
        assert_eq!(expiry(end), 1_700_086_400);
        assert_eq!(expiry(Imported { set_at, ..end }), 1_699_999_509);
    }

    #[test]
    fn a_wrong_clock_keeps_no_identity_for_longer_than_its_cookies() {
        let later = Some(UnixSeconds::new(9_000_000_000));
        assert_eq!(expiry(Imported { set_at: later, ..imported(CID_LINE, CST_LINE) }), 1_700_001_000);
        assert_eq!(expiry(Imported { expire_at: later, ..imported("c", "s") }), NOW.as_u64() + TWO_YEARS_S);
    }

    #[test]
    fn malformed_values_are_refused() {
        for (entity_id, cid, cst, error) in [
            ("", "c", "s", Invalid::EntityId),
            ("a b", "c", "s", Invalid::EntityId),
            ("e1", "", "s", Invalid::Cid),
            ("e1", CST_LINE, "s", Invalid::Cid),
            ("e1", "__lc_cid=; Max-Age=9", "s", Invalid::Cid),
            ("e1", "__lc_cid=c; Max-Age=0", "s", Invalid::Cid),
            ("e1", "c", "s; __lc_cid=other", Invalid::Cst),
            ("e1", "c", "s\r\nx", Invalid::Cst),
            ("e1", "c", "__lc_cst_old=s", Invalid::Cst),
        ] {
            let imported = Imported { entity_id, cid, cst, set_at: None, expire_at: None };
            assert_eq!(imported.identity(NOW).map(drop), Err(error), "{entity_id} {cid} {cst}");
        }
    }
}
