//! `Set-Cookie` headers with a valid body. The input is text, with a header in each line. The first byte decides whether the customer is
//! known, and if so, under the entity id of the body or under another one.
#![no_main]

use cip::{
    identity::UnixMs,
    livechat::response::{Response, read},
    renewal::AttemptError,
};
use fuzz::livechat::{BODY, CLOCKS_MS, ENTITY_ID, STORED, TWO_YEARS_S, headers, known};
use http::{HeaderValue, StatusCode};
use libfuzzer_sys::{Corpus, fuzz_target};
use secrecy::ExposeSecret;

const LONGEST_VALUE: usize = 1024;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((&mode, lines)) = data.split_first() else { return Corpus::Reject };
    let known = match mode % 3 {
        0 => None,
        1 => Some(known(ENTITY_ID)),
        _ => Some(known("another")),
    };
    let same = known.as_ref().is_some_and(|known| known.entity_id == ENTITY_ID);
    let headers = headers(lines.split(|byte| *byte == b'\n'));
    let lines: Vec<&HeaderValue> = headers.values().collect();

    for called_at_ms in CLOCKS_MS {
        match read(
            Response::new(StatusCode::OK, headers.clone(), BODY),
            None,
            known.as_ref(),
            UnixMs::new(called_at_ms),
        ) {
            Ok(grant) => {
                let called_at_s = called_at_ms / 1000;
                assert!((called_at_s + 1..=called_at_s + TWO_YEARS_S).contains(&grant.cookies_expire_at.as_u64()));
                let issued = grant.cookies.as_ref().expect("the cookie grant has cookies");
                let cookies = [&issued.cid, &issued.cst].map(ExposeSecret::expose_secret);
                let mut received = 0;
                for ((name, value), stored) in ["__lc_cid", "__lc_cst"].into_iter().zip(cookies).zip(STORED) {
                    assert!(is_a_value(value), "{name}={value:?}");
                    let is_received = values(&lines, name).any(|one| one == value);
                    assert!(is_received || (same && value == stored), "{name}={value:?} is another customer's");
                    received += u8::from(is_received);
                }
                assert!(received > 0, "there is a token, but no cookie was received");
            }
            Err(AttemptError::MalformedResponse(_)) => {
                // Two cookies without attributes, whose values can be sent in a header, are enough.
                let are_valid = ["__lc_cid", "__lc_cst"].into_iter().all(|name| has_a_plain_value(&lines, name));
                assert!(!are_valid, "valid cookies are refused");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    Corpus::Keep
});

/// Whether a value can be sent in a `Cookie` header: nothing in it ends the pair or the header.
fn is_a_value(value: &str) -> bool {
    (1..=LONGEST_VALUE).contains(&value.len())
        && value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~') && byte != b';')
        && !value.starts_with([' ', '\t'])
        && !value.ends_with([' ', '\t'])
}

/// The values of the cookie `name` in these lines, parsed by RFC 6265, section 5.2.
fn values<'a>(lines: &[&'a HeaderValue], name: &str) -> impl Iterator<Item = &'a str> {
    lines.iter().filter_map(move |line| {
        let pair = std::str::from_utf8(line.as_bytes()).ok()?.split(';').next()?;
        let (key, value) = pair.split_once('=')?;
        let blank = [' ', '\t'];
        (key.trim_matches(blank) == name).then_some(value.trim_matches(blank))
    })
}

/// Whether a line without attributes sets the cookie `name` to a value that can be sent.
fn has_a_plain_value(lines: &[&HeaderValue], name: &str) -> bool {
    lines.iter().any(|line| !line.as_bytes().contains(&b';') && values(&[line], name).any(is_a_value))
}
