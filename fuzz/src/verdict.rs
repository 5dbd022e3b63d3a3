//! Whether a token must be accepted, and for which user, by a second parser of settings and token.

use crate::{
    json::{Found, Json},
    path::is_user_id,
    settings::{Entry, Rules},
};

/// Whether a rule is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Is {
    /// No.
    No,
    /// It is not specified, or it depends on the clock. Both results are right.
    Unclear,
    /// Yes.
    Yes,
}
use Is::{No, Unclear, Yes};

impl From<bool> for Is {
    fn from(is: bool) -> Self {
        if is { Yes } else { No }
    }
}

/// The user of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The index of the issuer's entry in `JWT_ISSUER`.
    pub entry: usize,
    /// The first issuer of the entry; `None` for the first entry.
    pub issuer: Option<String>,
    /// The normalized id.
    pub id: String,
}

impl User {
    /// The key in the table.
    pub fn key(&self) -> String {
        match &self.issuer {
            Some(issuer) => format!("issuer#{issuer}#{}", self.id),
            None => format!("user#{}", self.id),
        }
    }
}

/// The verdict on a token.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether it must be accepted.
    pub accepted: Is,
    /// The user for whom it is accepted.
    pub user: Option<User>,
    /// Whether each rule is met, for the message of a failed check.
    pub why: Vec<(String, Is)>,
}

/// The leeway for clocks that differ, in s.
const LEEWAY_S: f64 = 60.0;
/// The function and this check read the clock at different times. The largest difference, in s.
const DOUBT_S: f64 = 2.0;
/// A later `exp` is refused, because it is in ms by mistake; Unix time in s.
const LATEST_S: f64 = 1e11;
/// The nesting of JSON from which parsers may differ.
const DEEP: usize = 100;

impl Verdict {
    /// The verdict on a token with this header and these claims, and with a valid signature of `algorithm`.
    pub fn on(rules: &Rules, algorithm: &str, header: &str, claims: &str, now_s: f64) -> Self {
        let mut why = vec![("header".to_owned(), header_is_valid(rules, algorithm, header))];
        let Some(claims) = Json::parse(claims) else {
            why.push(("claims are JSON".into(), No));
            return Self { accepted: No, user: None, why };
        };
        why.push(("claims".into(), claims_are_valid(&claims)));
        why.push(("exp".into(), exp_is_met(&claims, now_s)));
        why.push(("nbf".into(), nbf_is_met(&claims, now_s)));
        for (name, values) in &rules.required {
            why.push((name.clone(), has_one_of(&claims, name, values)));
        }
        let (is_known, entry) = entry(rules.entries.as_deref(), &claims);
        let issuer = rules.entries.as_ref().filter(|_| entry > 0).map(|entries| entries[entry].names[0].clone());
        why.push(("issuer".into(), is_known));
        let (is_id, id) = user_id(&claims, &rules.user_claim);
        why.push(("user id".into(), is_id));
        let id = id.map(|id| rules.normalized(&id));
        why.push(("user id's format".into(), id.as_deref().is_some_and(is_user_id).into()));
        let accepted = why.iter().map(|(_, is)| *is).min().unwrap_or(No);
        Self { accepted, user: id.map(|id| User { entry, issuer, id }), why }
    }
}

/// A valid header is an object (RFC 7515, section 4). Its algorithm is that of the signature, and the site accepts it. It has no critical
/// extensions.
fn header_is_valid(rules: &Rules, algorithm: &str, header: &str) -> Is {
    let Some(header) = Json::parse(header) else { return No };
    let alg = match header.member("alg") {
        Found::One(Json::Text(alg)) => (alg == algorithm && rules.algorithms.contains(alg)).into(),
        _ => No,
    };
    let kid = match header.member("kid") {
        Found::Missing | Found::One(Json::Text(_)) => Yes,
        _ => Unclear,
    };
    let crit = match header.member("crit") {
        Found::Missing => Yes,
        _ => No,
    };
    let enc = if header.member("enc") == Found::Missing { Yes } else { Unclear };
    [alg, kid, crit, enc, not_odd(&header)].into_iter().min().unwrap_or(No)
}

/// The claims must be an object.
fn claims_are_valid(claims: &Json) -> Is {
    match claims {
        Json::Object(_) => not_odd(claims),
        _ => No,
    }
}

/// Whether all libraries must parse it. With two members of the same name, it must be refused.
fn not_odd(json: &Json) -> Is {
    let all = json.all();
    if all.iter().any(|(_, value)| value.has_twins()) {
        return No;
    }
    let is_odd = |(depth, value): &(usize, &Json)| {
        *depth > DEEP || **value == Json::Half || matches!(value, Json::Number(digits) if number(digits).is_infinite())
    };
    if all.iter().any(is_odd) { Unclear } else { Yes }
}

fn number(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}

fn exp_is_met(claims: &Json, now_s: f64) -> Is {
    match claims.member("exp") {
        Found::One(Json::Number(digits)) => {
            let left_s = number(digits) + LEEWAY_S - now_s;
            if left_s.abs() <= DOUBT_S { Unclear } else { (left_s > 0.0 && number(digits) <= LATEST_S).into() }
        }
        _ => No,
    }
}

fn nbf_is_met(claims: &Json, now_s: f64) -> Is {
    match claims.member("nbf") {
        Found::Missing => Yes,
        Found::One(Json::Number(digits)) => {
            let wait_s = number(digits) - LEEWAY_S - now_s;
            let is_odd = number(digits) <= 0.0;
            if wait_s.abs() <= DOUBT_S || is_odd { Unclear } else { (wait_s < 0.0).into() }
        }
        _ => No,
    }
}

/// The two values that a name can mean: the claim of exactly this name, and the value at this name as a path.
fn places<'a>(claims: &'a Json, name: &str) -> (Found<'a>, Found<'a>) {
    let steps: Vec<String> = match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None if name.contains('.') && !name.contains("://") => name.split('.').map(str::to_owned).collect(),
        None => return (claims.member(name), Found::Missing),
    };
    let step = |at: Found<'a>, step: &String| match at {
        Found::Missing => Found::Missing,
        Found::One(value) => inside(value, step),
        Found::Several(last) => match inside(last, step) {
            Found::One(value) => Found::Several(value),
            other => other,
        },
    };
    (claims.member(name), steps.iter().fold(Found::One(claims), step))
}

/// A member of an object, or an element of a list (RFC 6901, section 4).
fn inside<'a>(value: &'a Json, step: &str) -> Found<'a> {
    let Json::List(values) = value else { return value.member(step) };
    let is_index = step == "0" || (!step.starts_with('0') && step.bytes().all(|digit| digit.is_ascii_digit()));
    let value = step.parse::<usize>().ok().filter(|_| is_index).and_then(|index| values.get(index));
    value.map_or(Found::Missing, Found::One)
}

/// Applies `test` to the claim of this name. A claim with two values never meets it.
fn on_claim<'a, T>(claims: &'a Json, name: &str, test: impl Fn(&'a Json) -> (Is, T)) -> (Is, Option<T>) {
    let tested = |value, most: Is| {
        let (is, tested) = test(value);
        (is.min(most), Some(tested))
    };
    match places(claims, name) {
        (Found::Several(_), _) | (_, Found::Several(_)) | (Found::Missing, Found::Missing) => (No, None),
        (Found::One(value), Found::Missing) | (Found::Missing, Found::One(value)) => tested(value, Yes),
        (Found::One(one), Found::One(other)) if one == other => tested(one, Yes),
        (Found::One(one), Found::One(other)) if is_plain(one) && is_plain(other) => (No, None),
        // The two may be equal for a library: `1` and `1.0`, or objects whose members have another order.
        (Found::One(one), Found::One(_)) => tested(one, Unclear),
    }
}

fn is_plain(value: &Json) -> bool {
    matches!(value, Json::Null | Json::Bool(_) | Json::Text(_))
}

fn has_one_of(claims: &Json, name: &str, values: &[String]) -> Is {
    let has_scopes = matches!(name, "scope" | "scp");
    let is_one = |value: &Json| values.iter().map(|wanted| is(value, wanted)).max().unwrap_or(No);
    let test = |value: &Json| {
        let found = match value {
            Json::List(all) => all.iter().map(is_one).max().unwrap_or(No),
            Json::Text(scopes) if has_scopes => (values.contains(scopes)
                || scopes.split(' ').any(|scope| values.iter().any(|wanted| wanted == scope)))
            .into(),
            one => is_one(one),
        };
        (found, ())
    };
    on_claim(claims, name, test).0
}

fn is(value: &Json, wanted: &str) -> Is {
    match value {
        Json::Text(text) => (text == wanted).into(),
        Json::Bool(flag) => (flag.to_string() == wanted).into(),
        Json::Number(digits) if is_integer(digits) && digits == wanted => {
            // The largest integer is not specified.
            if number(digits).abs() < 9e18 && digits != "-0" { Yes } else { Unclear }
        }
        _ => No,
    }
}

fn is_integer(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Whether the issuer is accepted, and the index of its entry.
fn entry(entries: Option<&[Entry]>, claims: &Json) -> (Is, usize) {
    let Some(entries) = entries else { return (Yes, 0) };
    let Found::One(Json::Text(iss)) = claims.member("iss") else { return (No, 0) };
    let Some(nth) = entries.iter().position(|entry| entry.names.contains(iss)) else { return (No, 0) };
    let is_of_tenant = match &entries[nth].tenant {
        None => true,
        Some(tenant) => matches!(claims.member("tid"), Found::One(Json::Text(tid)) if tid == tenant),
    };
    (is_of_tenant.into(), nth)
}

fn user_id(claims: &Json, name: &str) -> (Is, Option<String>) {
    let test = |value: &Json| match value {
        Json::Text(id) => (Is::from(!id.is_empty()), id.clone()),
        Json::Number(digits) if digits == "-0" => (Unclear, "0".into()),
        Json::Number(digits) => {
            let safe = is_integer(digits) && digits.parse().is_ok_and(|id: i128| id.abs() < 1 << 53);
            (safe.into(), digits.clone())
        }
        _ => (No, String::new()),
    };
    on_claim(claims, name, test)
}
