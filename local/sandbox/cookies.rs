//! The two cookies of the token endpoint: read from requests, set in responses.

use super::{
    Fault,
    customers::{Issued, Realm},
};
use axum::http::{HeaderMap, header::COOKIE};
use cookie::{
    Cookie, SameSite,
    time::{Duration, OffsetDateTime},
};

const TWO_YEARS: Duration = Duration::days(730);

/// The cookies that a response sets.
pub(super) fn set<'a>(realm: Realm, issued: &'a Issued, now: OffsetDateTime, fault: Option<Fault>) -> Vec<Cookie<'a>> {
    let Some((cid, cst)) = &issued.cookies else { return vec![] };
    let ours = |name: &'a str, value: &'a str| {
        let path = if realm == Realm::V1 { "/customer" } else { "/v2/customer" };
        let mut cookie =
            Cookie::build((name, value)).path(path).http_only(true).secure(true).same_site(SameSite::None).build();
        if fault == Some(Fault::ExpiresOnly) {
            cookie.set_expires(now + TWO_YEARS);
        } else {
            cookie.set_max_age(TWO_YEARS);
        }
        cookie
    };
    let other = |name: &'a str| Cookie::build((name, "1")).path("/").build();
    let (cid, cst) = (ours("__lc_cid", cid), ours("__lc_cst", cst));
    match fault {
        Some(Fault::NoCookies) => vec![],
        Some(Fault::OneCookie) => vec![cid],
        Some(Fault::ExtraCookies) => vec![other("__cf_bm"), cid, other("__lc_cst_old"), cst, other("cid")],
        _ => vec![cid, cst],
    }
}

/// Both cookies, or `None`. It is also `None` if there are attributes among the cookies: then a client has sent the value of
/// `Set-Cookie` back unchanged.
pub(super) fn read(headers: &HeaderMap) -> Option<(String, String)> {
    let (mut cid, mut cst) = (None, None);
    for line in headers.get_all(COOKIE) {
        for cookie in Cookie::split_parse(line.to_str().ok()?.to_owned()) {
            let cookie = cookie.ok()?;
            match cookie.name() {
                "__lc_cid" => cid = Some(cookie.value().to_owned()),
                "__lc_cst" => cst = Some(cookie.value().to_owned()),
                _ => return None,
            }
        }
    }
    cid.zip(cst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn cookies_are_set_as_the_fault_says() {
        let issued =
            Issued { access_token: "t".into(), entity_id: "e".into(), cookies: Some(("c".into(), "s".into())) };
        let set = |fault| {
            super::set(Realm::V2, &issued, OffsetDateTime::UNIX_EPOCH, fault)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let names = |fault| {
            let all = super::set(Realm::V2, &issued, OffsetDateTime::UNIX_EPOCH, fault);
            all.iter().map(|cookie| cookie.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(set(None)[0], "__lc_cid=c; HttpOnly; SameSite=None; Secure; Path=/v2/customer; Max-Age=63072000");
        assert_eq!(
            set(Some(Fault::ExpiresOnly))[1],
            "__lc_cst=s; HttpOnly; SameSite=None; Secure; Path=/v2/customer; Expires=Sat, 01 Jan 1972 00:00:00 GMT"
        );
        assert_eq!(names(Some(Fault::ExtraCookies)), ["__cf_bm", "__lc_cid", "__lc_cst_old", "__lc_cst", "cid"]);
        assert_eq!(names(Some(Fault::OneCookie)), ["__lc_cid"]);
        assert!(names(Some(Fault::NoCookies)).is_empty());
    }

    fn cookie_header(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(line).expect("a header"))])
    }

    #[test]
    fn cookies_are_accepted_only_as_a_pair_and_without_attributes() {
        assert_eq!(read(&cookie_header("__lc_cid=a; __lc_cst=b")), Some(("a".into(), "b".into())));
        for bad in ["__lc_cid=a", "__lc_cst=b", "__lc_cid=a; Path=/customer; __lc_cst=b", "x"] {
            assert_eq!(read(&cookie_header(bad)), None, "{bad}");
        }
    }
}
