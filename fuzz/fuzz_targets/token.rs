//! Tokens with any claims, in any headers, with any settings. A token must be accepted if and only if a second parser accepts it, and for
//! the same user. Two users never have the same key in the table, and one user never has two. A caller with an invalid credential is
//! never a guest. No log and no refusal quotes a token, a claim or a secret.
#![no_main]

use cip::{
    auth::{Auth, Caller, Error, Sender},
    identity::{Principal, UserId},
    settings::Lookup,
    time::{Deadline, now},
};
use fuzz::{
    claims::Token,
    function::{auth, headers, ready},
    json::Json,
    log,
    sent::{Expected, Sent},
    settings::{Rules, SECRETS, Settings, Start},
    verdict::{Is, Verdict},
};
use libfuzzer_sys::{
    Corpus,
    arbitrary::{self, Unstructured},
    fuzz_target,
};
use std::time::Duration;

fuzz_target!(init: log::capture(), |data: &[u8]| -> Corpus {
    match check(&mut Unstructured::new(data)) {
        Ok(()) => Corpus::Keep,
        Err(_) => Corpus::Reject,
    }
});

fn check(u: &mut Unstructured) -> arbitrary::Result<()> {
    let (settings, has_guests) = (Settings::any(u)?, u.arbitrary::<bool>()?);
    let lookup = Lookup::new(|name| match name {
        "GUESTS" => has_guests.then(|| "true".to_owned()),
        _ => settings.get(name),
    });
    log::take();
    let (auth, rules) = match (ready(auth(&lookup)), Rules::parse(&settings)) {
        (Ok(_), Start::Refused) => panic!("it starts with {settings:?}"),
        (Err(error), Start::Must(_)) => panic!("it does not start with {settings:?}: {error}"),
        (Err(error), _) => {
            let line = error.to_string();
            assert!(!line.contains('\n') && !SECRETS.iter().any(|secret| log::repeats(&line, secret)), "{line}");
            return Ok(());
        }
        (Ok(auth), Start::May(rules) | Start::Must(rules)) => (auth, rules),
    };
    #[expect(clippy::cast_precision_loss, reason = "today's time in ms is exact in an f64")]
    let now_s = now().as_u64() as f64 / 1000.0;
    let tokens: Vec<_> =
        (0..u.int_in_range(1..=3)?).map(|_| Token::any(u, &rules, now_s)).collect::<arbitrary::Result<_>>()?;
    let verdicts: Vec<_> = tokens.iter().map(|token| token.verdict(&settings, &rules, now_s)).collect();
    let checked = Checked { auth: &auth, settings: &settings };

    let users: Vec<_> = tokens.iter().zip(&verdicts).map(|(token, verdict)| checked.one(token, verdict)).collect();
    for (nth, one) in users.iter().enumerate() {
        for (other, verdict) in users.iter().zip(&verdicts).take(nth) {
            if let (Some(one), Some(other)) = (one, other) {
                let identity = |verdict: &Verdict| verdict.user.as_ref().map(|user| (user.entry, user.id.clone()));
                let is_same = identity(&verdicts[nth]) == identity(verdict);
                assert_eq!(one.key() == other.key(), is_same, "{one:?} {other:?} {tokens:?} {settings:?}");
            }
        }
    }
    let sent = Sent::any(u, &tokens, has_guests)?;
    checked.sent(&sent, &tokens, &verdicts);
    Ok(())
}

struct Checked<'a> {
    auth: &'a Auth,
    settings: &'a Settings,
}

impl Checked<'_> {
    fn call(&self, sent: &[(&str, &str)], in_path: Option<&str>, tokens: &[Token]) -> Result<Caller, Error> {
        let user_in_path = in_path.map(|id| UserId::parse(id).expect("an id"));
        let headers = headers(sent);
        let sender = Sender { headers: &headers, gateway: None, user_in_path };
        let result = ready(self.auth.caller(sender, Deadline::after(Duration::from_secs(10))));
        let mut written = log::take();
        // The response to the caller is made from the error's text, or is a constant.
        if let Err(error) = &result {
            written = format!("{written}\n{error}\n{error:?}");
        }
        // The names of claims in the settings can be any text, and may be quoted.
        let public = self.settings.public();
        for token in tokens {
            assert!(!log::repeats(&written, &token.text) || log::repeats(&public, &token.text), "{written}");
            assert!(self.quoted(&written, token).is_none(), "{written} {token:?} {:?}", self.settings);
        }
        assert!(!SECRETS.iter().any(|secret| log::repeats(&written, secret)), "{written}");
        result
    }

    /// A string of the token that is quoted in `written`. Ignores strings that the settings have too, and those that could be ordinary
    /// words.
    fn quoted(&self, written: &str, token: &Token) -> Option<String> {
        let parsed = [&token.header, &token.claims].map(|text| Json::parse(text).unwrap_or(Json::Null));
        let public = self.settings.public();
        let all: Vec<_> = parsed.iter().flat_map(Json::all).collect();
        let texts = all.into_iter().filter_map(|(_, value)| match value {
            Json::Text(text) => Some(text),
            _ => None,
        });
        let is_no_word = |text: &&String| text.chars().any(|char| char.is_ascii_digit() || !char.is_ascii());
        texts
            .filter(|text| text.chars().count() >= 6)
            .filter(is_no_word)
            .find(|text| written.contains(text.as_str()) && !public.contains(text.as_str()))
            .cloned()
    }

    /// Sends one token in the usual way. Returns the user, if the token is accepted.
    fn one(&self, token: &Token, verdict: &Verdict) -> Option<Principal> {
        let bearer = format!("Bearer {}", token.text);
        let headers = [("authorization", bearer.as_str())];
        let tokens = std::slice::from_ref(token);
        let result = self.call(&headers, None, tokens);
        let Ok(Caller { principal, was_guest, .. }) = result else {
            assert_ne!(verdict.accepted, Is::Yes, "{result:?} {token:?} {verdict:?} {:?}", self.settings);
            return None;
        };
        assert_ne!(verdict.accepted, Is::No, "{token:?} {verdict:?} {:?}", self.settings);
        assert_eq!(was_guest, None);
        let user = verdict.user.as_ref().expect("a user");
        assert_eq!(principal.key(), user.key(), "{token:?} {verdict:?} {:?}", self.settings);
        let Principal::User(id) = &principal else { panic!("a guest") };
        assert_eq!(id.as_str(), user.id);
        // A path may name this user, but no other user.
        let same = self.call(&headers, Some(&user.id), tokens).map(|caller| caller.principal.key());
        assert_eq!(same, Ok(principal.key()), "the normalized id is not normalized again to itself: {:?}", user.id);
        let other = format!("{}x", user.id.chars().take(60).collect::<String>());
        let mismatch = self.call(&headers, Some(&other), tokens);
        assert_eq!(mismatch, Err(Error::UserMismatch), "{other:?}");
        Some(principal)
    }

    /// Sends several tokens in any headers.
    fn sent(&self, sent: &Sent, tokens: &[Token], verdicts: &[Verdict]) {
        let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let result = self.call(&headers, None, tokens);
        let expected = sent.expected(verdicts, self.settings.has_cookie);
        let details = || format!("{result:?} {sent:?} {tokens:?} {verdicts:?} {:?}", self.settings);
        match (&result, expected) {
            (
                Ok(Caller { principal: Principal::Guest(_), .. }),
                Expected::Guest | Expected::Unclear { or_guest: true, .. },
            )
            | (Err(_), Expected::Refusal | Expected::Unclear { .. }) => {}
            (Ok(Caller { principal, .. }), Expected::User(user)) => {
                assert_eq!(principal.key(), user.key(), "{}", details());
            }
            (Ok(Caller { principal, .. }), Expected::Unclear { users, .. }) => {
                assert!(users.iter().any(|user| user.key() == principal.key()), "{}", details());
            }
            (_, expected) => panic!("{expected:?} was expected: {}", details()),
        }
    }
}
