//! The caller of a request with `AUTH=none`. The other modes are tested with the real binaries, in `tests/api/auth`.

use super::*;
use lambda_http::http::HeaderName;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn caller(guests: Guests, user: Option<&str>, headers: &[(&str, &str)]) -> Result<Caller, Error> {
    let auth = Auth::new(Mode::None, Normalization::None, guests);
    let header = |(name, value): &(&str, &str)| -> (HeaderName, _) {
        (name.parse().expect("a header's name"), value.parse().expect("a header's value"))
    };
    let headers: HeaderMap = headers.iter().map(header).collect();
    let user_in_path = user.map(|user| UserId::parse(user).expect("a good id"));
    let sender = Sender { headers: &headers, gateway: None, user_in_path };
    auth.caller(sender, Deadline::of_invocation(None)).await
}

fn user(id: &str) -> Principal {
    Principal::User(UserId::parse(id).expect("a good id"))
}

fn guest() -> GuestId {
    GuestId::of_secret(SECRET.as_bytes()).expect("a good secret")
}

#[tokio::test]
async fn without_verification_the_caller_is_the_user_in_the_path() {
    let alice = Caller { principal: user("alice"), was_guest: None, details: None };
    assert_eq!(caller(Guests::No, Some("alice"), &[]).await, Ok(alice.clone()));
    assert_eq!(caller(Guests::No, Some("alice"), &[("x-guest-id", SECRET)]).await, Ok(alice), "there are no guests");
    assert!(matches!(caller(Guests::No, None, &[("x-guest-id", SECRET)]).await, Err(Error::InvalidRequest(_))));
}

#[tokio::test]
async fn a_caller_is_a_guest_until_they_are_a_user() {
    let guests = Guests::Yes { adopted: true };
    let header = ("x-guest-id", SECRET);
    let as_guest = Caller { principal: Principal::Guest(guest()), was_guest: None, details: None };
    assert_eq!(caller(guests, None, &[header]).await, Ok(as_guest));
    let logged_in = Caller { principal: user("alice"), was_guest: Some(guest()), details: None };
    assert_eq!(caller(guests, Some("alice"), &[header]).await, Ok(logged_in));
    let kept_apart = Caller { principal: user("alice"), was_guest: None, details: None };
    assert_eq!(caller(Guests::Yes { adopted: false }, Some("alice"), &[header]).await, Ok(kept_apart));
    for headers in [&[("x-guest-id", "short")] as &[_], &[header, header]] {
        assert!(matches!(caller(guests, None, headers).await, Err(Error::InvalidRequest(_))));
        assert!(matches!(caller(guests, Some("alice"), headers).await, Err(Error::InvalidRequest(_))));
    }
}
