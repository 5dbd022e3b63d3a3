//! Tokens with any claims and any settings, in any headers. A token counts if and only if a second reading says so, and for that
//! user; two users never have one key, and one user never two; nobody becomes a guest by a bad credential; and no log or refusal quotes
//! a token, a claim or a secret.
#![no_main]

use cip::{
    auth::{Auth, Caller, Error, Sender},
    identity::{Principal, UserId},
    settings::Lookup,
    time::{Deadline, now_ms},
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

fuzz_target!(init: log::keep(), |data: &[u8]| -> Corpus {
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
    log::taken();
    let (auth, rules) = match (ready(auth(&lookup)), Rules::read(&settings)) {
        (Ok(_), Start::Refused) => panic!("it starts with {settings:?}"),
        (Err(error), Start::Must(_)) => panic!("it does not start with {settings:?}: {error}"),
        (Err(error), _) => {
            let line = error.to_string();
            assert!(!line.contains('\n') && !SECRETS.iter().any(|secret| log::repeats(&line, secret)), "{line}");
            return Ok(());
        }
        (Ok(auth), Start::May(rules) | Start::Must(rules)) => (auth, rules),
    };
    #[expect(clippy::cast_precision_loss, reason = "ms of our days are exact")]
    let now_s = now_ms() as f64 / 1000.0;
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
        let mut words = log::taken();
        // What the caller is told is made of the error's own text, or it is a constant.
        if let Err(error) = &result {
            words = format!("{words}\n{error}\n{error:?}");
        }
        // A name of a claim in the settings can be anything, and is repeated.
        let own = self.settings.public();
        for token in tokens {
            assert!(!log::repeats(&words, &token.text) || log::repeats(&own, &token.text), "{words}");
            assert!(self.quoted(&words, token).is_none(), "{words} {token:?} {:?}", self.settings);
        }
        assert!(!SECRETS.iter().any(|secret| log::repeats(&words, secret)), "{words}");
        result
    }

    /// What of the token's own strings is in a text, unless the settings have it too, or it could be a word of ours.
    fn quoted(&self, words: &str, token: &Token) -> Option<String> {
        let parsed = [&token.header, &token.claims].map(|text| Json::parse(text).unwrap_or(Json::Null));
        let own = self.settings.public();
        let all: Vec<_> = parsed.iter().flat_map(Json::all).collect();
        let texts = all.into_iter().filter_map(|(_, value)| match value {
            Json::Text(text) => Some(text),
            _ => None,
        });
        let is_telling = |text: &&String| text.chars().any(|char| char.is_ascii_digit() || !char.is_ascii());
        texts
            .filter(|text| text.chars().count() >= 6)
            .filter(is_telling)
            .find(|text| words.contains(text.as_str()) && !own.contains(text.as_str()))
            .cloned()
    }

    /// Sends one token as it should be sent; the user, if it counts.
    fn one(&self, token: &Token, verdict: &Verdict) -> Option<Principal> {
        let bearer = format!("Bearer {}", token.text);
        let headers = [("authorization", bearer.as_str())];
        let tokens = std::slice::from_ref(token);
        let result = self.call(&headers, None, tokens);
        let Ok(Caller { principal, was_guest }) = result else {
            assert_ne!(verdict.counts, Is::So, "{result:?} {token:?} {verdict:?} {:?}", self.settings);
            return None;
        };
        assert_ne!(verdict.counts, Is::No, "{token:?} {verdict:?} {:?}", self.settings);
        assert_eq!(was_guest, None);
        let user = verdict.user.as_ref().expect("a user");
        assert_eq!(principal.key(), user.key(), "{token:?} {verdict:?} {:?}", self.settings);
        let Principal::User(id) = &principal else { panic!("a guest") };
        assert_eq!(id.as_str(), user.id);
        // A path may name the user, and nobody else.
        let same = self.call(&headers, Some(&user.id), tokens).map(|caller| caller.principal.key());
        assert_eq!(same, Ok(principal.key()), "an id is not what it is normalized to: {:?}", user.id);
        let other = format!("{}x", user.id.chars().take(60).collect::<String>());
        let mismatch = self.call(&headers, Some(&other), tokens);
        assert_eq!(mismatch, Err(Error::UserMismatch), "{other:?}");
        Some(principal)
    }

    /// Sends tokens in any way.
    fn sent(&self, sent: &Sent, tokens: &[Token], verdicts: &[Verdict]) {
        let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let result = self.call(&headers, None, tokens);
        let expected = sent.expected(verdicts, self.settings.has_cookie);
        let told = || format!("{result:?} {sent:?} {tokens:?} {verdicts:?} {:?}", self.settings);
        match (&result, expected) {
            (
                Ok(Caller { principal: Principal::Guest(_), .. }),
                Expected::Guest | Expected::Unclear { or_guest: true, .. },
            )
            | (Err(_), Expected::Refusal | Expected::Unclear { .. }) => {}
            (Ok(Caller { principal, .. }), Expected::User(user)) => {
                assert_eq!(principal.key(), user.key(), "{}", told());
            }
            (Ok(Caller { principal, .. }), Expected::Unclear { users, .. }) => {
                assert!(users.iter().any(|user| user.key() == principal.key()), "{}", told());
            }
            (_, expected) => panic!("{expected:?} was expected: {}", told()),
        }
    }
}
