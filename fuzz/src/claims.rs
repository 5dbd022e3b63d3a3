//! Tokens. Most of them meet the rules of the settings, or nearly meet them.

use crate::{
    json::Json,
    settings::{NAMES, Rules, SECRETS, Settings, VALUES, word},
    signer::with_secret,
    verdict::{Is, Verdict},
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// A token.
#[derive(Debug)]
pub struct Token {
    /// The header.
    pub header: String,
    /// The claims.
    pub claims: String,
    /// The token, as it is sent.
    pub text: String,
    /// The algorithm of the signature, and the index of the secret.
    signed: (&'static str, usize),
    is_damaged: bool,
}

impl Token {
    /// Any token.
    ///
    /// # Errors
    /// If there are no bytes left.
    pub fn any(u: &mut Unstructured, rules: &Rules, now_s: f64) -> Result<Self> {
        let usual =
            ["HS256", "HS384", "HS512"].into_iter().find(|one| rules.algorithms.iter().any(|accepted| accepted == one));
        let algorithm =
            if u.ratio(1, 12)? { *u.choose(&["HS256", "HS384", "HS512"])? } else { usual.unwrap_or("HS256") };
        let secret = if u.ratio(1, 6)? { u.int_in_range(0..=2)? } else { 0 };
        let (header, claims) = (header(u, algorithm)?, claims(u, rules, now_s)?);
        let (header, claims) = (written(u, &header)?, written(u, &claims)?);
        let good = with_secret(algorithm, SECRETS[secret].as_bytes(), &header, &claims);
        let text = if u.ratio(1, 12)? { damaged(u, &good)? } else { good.clone() };
        Ok(Self { is_damaged: text != good, header, claims, text, signed: (algorithm, secret) })
    }

    /// Whether it must be accepted with these settings, and for which user.
    pub fn verdict(&self, settings: &Settings, rules: &Rules, now_s: f64) -> Verdict {
        let (algorithm, secret) = self.signed;
        let mut verdict = Verdict::on(rules, algorithm, &self.header, &self.claims, now_s);
        if self.is_damaged || !settings.has_secret(secret) {
            verdict.accepted = Is::No;
            verdict.why.push(("signature".into(), Is::No));
        }
        verdict
    }
}

/// The text with one character changed. `;` is left out, because it would end a cookie.
fn damaged(u: &mut Unstructured, text: &str) -> Result<String> {
    let index = u.choose_index(text.len())?;
    let char = char::from(u.int_in_range(b' '..=b'~')?);
    let char = if char == ';' { '.' } else { char };
    Ok(format!("{}{char}{}", &text[..index], &text[index + 1..]))
}

/// The JSON as text, which is sometimes damaged.
fn written(u: &mut Unstructured, json: &Json) -> Result<String> {
    let escaped = if u.ratio(1, 8)? { u.arbitrary()? } else { 0 };
    let text = json.text(escaped);
    if !u.ratio(1, 24)? {
        return Ok(text);
    }
    let index = u.choose_index(text.len().max(1))?;
    let index = (0..=index).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    let odd = ["", " ", ",", "\u{feff}", "\\ud800", "\"\":0,", "1e999", "[", "null", "\0"];
    Ok(format!("{}{}{}", &text[..index], word(u, &odd)?, &text[index..]))
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

fn header(u: &mut Unstructured, algorithm: &str) -> Result<Json> {
    let mut members = vec![("alg".to_owned(), text(algorithm)), ("typ".to_owned(), text("JWT"))];
    if u.ratio(1, 6)? {
        members[0].1 =
            text(&word(u, &["HS256", "HS384", "HS512", "RS256", "EdDSA", "none", "None", "hs256", " HS256"])?);
    }
    if u.ratio(1, 3)? {
        let name = word(u, &["kid", "crit", "enc", "alg", "jku", "jwk", "x5c", "zip", "b64"])?;
        members.push((name, any(u, 0)?));
    }
    if u.ratio(1, 24)? {
        // An array of the values, which some parsers accept in place of an object.
        let values = members.into_iter().map(|(_, value)| value).chain([Json::Null, Json::Null]);
        return Ok(Json::List(values.collect()));
    }
    Ok(Json::Object(members))
}

/// Claims that meet the rules, with up to two changes.
fn claims(u: &mut Unstructured, rules: &Rules, now_s: f64) -> Result<Json> {
    let mut claims = Vec::new();
    let id = if u.ratio(1, 6)? { number(u)? } else { Json::Text(word(u, VALUES)?) };
    put(u, &mut claims, &rules.user_claim, id)?;
    for (name, values) in &rules.required {
        let value = text(values.get(u.choose_index(values.len())?).map_or("", String::as_str));
        let value = if u.ratio(1, 4)? { around(u, value)? } else { value };
        put(u, &mut claims, name, value)?;
    }
    if let Some(entries) = rules.entries.as_deref().filter(|entries| !entries.is_empty()) {
        let entry = u.choose(entries)?;
        set(&mut claims, "iss", text(u.choose(&entry.names)?));
        if let Some(tenant) = &entry.tenant {
            set(&mut claims, "tid", text(tenant));
        }
    }
    set(&mut claims, "exp", Json::Number(time(u, now_s)?));
    if u.ratio(1, 8)? {
        set(&mut claims, "nbf", Json::Number(time(u, now_s)?));
    }
    for _ in 0..u.int_in_range(0..=2)? {
        change(u, &mut claims)?;
    }
    Ok(if u.ratio(1, 48)? { any(u, 0)? } else { Json::Object(claims) })
}

/// A value in a list or in another type. Some claims have the same meaning then.
fn around(u: &mut Unstructured, value: Json) -> Result<Json> {
    let other = text(u.choose(VALUES)?);
    Ok(match (u.int_in_range(0..=4)?, value) {
        (0 | 1, value) => Json::List(vec![other, value]),
        (2, Json::Text(one)) => text(&format!("chat {one}")),
        (3, Json::Text(one)) if matches!(one.as_str(), "true" | "false") => Json::Bool(one == "true"),
        (3, Json::Text(one)) if one.parse::<i64>().is_ok() => Json::Number(one),
        (_, value) => Json::List(vec![Json::List(vec![value])]),
    })
}

/// A point in time near `now_s`.
fn time(u: &mut Unstructured, now_s: f64) -> Result<String> {
    let offset = match u.int_in_range(0..=15)? {
        0 => f64::from(u.arbitrary::<i32>()?),
        1 => f64::from(u.int_in_range(-70..=70)?),
        2 => return number(u).map(|number| number.text(0)),
        3 => return Ok(format!("{}e3", now_s.trunc())),
        4 => return Ok(format!("{}.5", now_s.trunc() + 30.0)),
        _ => 3600.0,
    };
    Ok(format!("{}", (now_s + offset).trunc()))
}

fn change(u: &mut Unstructured, claims: &mut Vec<(String, Json)>) -> Result<()> {
    let place = u.choose_index(claims.len().max(1))?;
    match (u.int_in_range(0..=7)?, claims.get_mut(place)) {
        (0, Some(_)) => drop(claims.remove(place)),
        (1, Some((_, value))) => *value = any(u, 0)?,
        // Nearly the same text.
        (2, Some((_, Json::Text(one)))) => one.push_str(&word(u, &["/", " ", "x", "#", "\0", "\u{301}", ",b"])?),
        (3, Some((_, Json::Text(one)))) => drop(one.pop()),
        (4, Some((_, value))) => *value = Json::List(vec![value.clone(), any(u, 1)?]),
        (5, Some(twin)) => {
            let twin = twin.clone();
            claims.push(twin);
        }
        _ => {
            let (name, value) = (word(u, NAMES)?, any(u, 0)?);
            put(u, claims, &name, value)?;
        }
    }
    Ok(())
}

/// Sets a claim of this name; or, with the name as a path, a member of a nested object.
fn put(u: &mut Unstructured, claims: &mut Vec<(String, Json)>, name: &str, value: Json) -> Result<()> {
    let steps: Vec<String> = match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => name.split('.').map(str::to_owned).collect(),
    };
    if u.ratio(1, 3)? {
        set(claims, name, value);
        return Ok(());
    }
    let nested = steps.iter().skip(1).rev().fold(value, |value, step| match step.as_str() {
        "0" => Json::List(vec![value]),
        "1" => Json::List(vec![Json::Null, value]),
        _ => Json::Object(vec![(step.clone(), value)]),
    });
    set(claims, &steps[0], nested);
    Ok(())
}

fn set(claims: &mut Vec<(String, Json)>, name: &str, value: Json) {
    match claims.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = value,
        None => claims.push((name.to_owned(), value)),
    }
}

fn number(u: &mut Unstructured) -> Result<Json> {
    let digits = match u.int_in_range(0..=3)? {
        0 => u.arbitrary::<i64>()?.to_string(),
        1 => u.arbitrary::<i16>()?.to_string(),
        _ => (*u.choose(&[
            "0",
            "-0",
            "7",
            "7.0",
            "7e0",
            "0.5",
            "1e3",
            "-5",
            "9007199254740991",
            "-9007199254740991",
            "9007199254740992",
            "-9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "1e400",
            "99999999999",
            "100000000001",
            "4711",
        ])?)
        .to_owned(),
    };
    Ok(Json::Number(digits))
}

fn any(u: &mut Unstructured, depth: usize) -> Result<Json> {
    Ok(match u.int_in_range(0..=if depth < 3 { 7 } else { 4 })? {
        0 => Json::Null,
        1 => Json::Bool(u.arbitrary()?),
        2 => number(u)?,
        3 | 4 => Json::Text(word(u, VALUES)?),
        5 => Json::List((0..u.int_in_range(0..=3)?).map(|_| any(u, depth + 1)).collect::<Result<_>>()?),
        6 => {
            let deep = u.int_in_range(0..=140)?;
            (0..deep).fold(Json::Null, |value, _| Json::List(vec![value]))
        }
        _ => {
            let length = u.int_in_range(0..=3)?;
            Json::Object((0..length).map(|_| Ok((word(u, NAMES)?, any(u, depth + 1)?))).collect::<Result<_>>()?)
        }
    })
}
