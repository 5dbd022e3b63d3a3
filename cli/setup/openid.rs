//! An OpenID provider without a recipe: its configuration has the key set.

use super::{
    Dialogue,
    provider::{answer, of_authorizer},
    template::base_url,
    values::{AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER, Values},
};
use crate::{
    ask::{Question, say},
    doctor::keys::{Configuration, configuration},
    failure::Failure,
};
use cip::auth::operator::{is_safe, key_set};

const LINK: &str = "docs/authentication.md#choose-the-user-claim";

/// The settings of `AUTH=jwt` for the provider with an issuer.
///
/// # Errors
/// [`Failure::Declined`]; [`Failure::Input`] for an option that is missing or invalid; [`Failure::Service`] if the configuration cannot be
/// read and nobody can be asked.
pub(super) async fn ask(dialogue: &Dialogue<'_>, existing: &Values) -> Result<Values, Failure> {
    let Configuration { issuer, jwks_uri } = find(dialogue, existing.get("JWT_ISSUER")).await?;
    let audience = answer(dialogue, "YOUR_AUDIENCE", "", existing.get("JWT_AUDIENCE"), one)?;
    let claim = answer(dialogue, "YOUR_USER_CLAIM", LINK, Some(existing.get("JWT_USER_CLAIM").unwrap_or("sub")), one)?;
    let claim = if claim == "sub" { String::new() } else { claim };
    let settings = [
        ("AUTH", "jwt"),
        ("JWT_JWKS_URL", &jwks_uri),
        ("JWT_ISSUER", &issuer),
        ("JWT_AUDIENCE", &audience),
        ("JWT_USER_CLAIM", &claim),
    ];
    Ok(Values::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned()))))
}

/// The settings of `AUTH=authorizer`.
///
/// # Errors
/// As [`ask`].
pub(super) async fn ask_authorizer(dialogue: &Dialogue<'_>, existing: &Values) -> Result<Values, Failure> {
    say(
        "  API Gateway fetches the issuer's keys itself. For an authorizer of another kind, which you add to template.yaml, leave the issuer empty.",
    );
    let default = existing.get(AUTHORIZER_ISSUER).unwrap_or_default();
    loop {
        let typed = answer(dialogue, "YOUR_ISSUER", "", Some(default), |typed| Ok(typed.trim().to_owned()))?;
        if typed.is_empty() {
            return Ok(of_authorizer("", "", existing));
        }
        if let Err(why) = check_authorizer(&typed).await {
            say(&format!("  {why}."));
            if !dialogue.ask.can() && !dialogue.options.unchecked {
                return Err(Failure::Service(
                    "API Gateway could not use this issuer. --unchecked writes it all the same.".into(),
                ));
            }
            let choices = vec!["Try again, or give another issuer", "Keep it anyway"];
            if dialogue.ask.can() && dialogue.ask.choose("API Gateway could not use this issuer", "", choices, 0)? == 0
            {
                dialogue.correct();
                continue;
            }
        }
        let audience = answer(dialogue, "YOUR_AUDIENCE", "", existing.get(AUTHORIZER_AUDIENCE), one)?;
        return Ok(of_authorizer(&typed, &audience, existing));
    }
}

/// Whether API Gateway would find keys: it accepts exactly this issuer.
async fn check_authorizer(issuer: &str) -> Result<(), String> {
    if !issuer.starts_with("https://") {
        return Err("API Gateway needs an issuer with https://".into());
    }
    let Configuration { issuer: own_name, jwks_uri } = configuration(issuer).await?;
    if own_name != issuer {
        return Err(format!("{issuer} calls itself {own_name}"));
    }
    key_set(&jwks_uri).await.map(drop).map_err(|why| format!("{jwks_uri}: {why}"))
}

/// The configuration of an issuer that is asked for.
async fn find(dialogue: &Dialogue<'_>, default: Option<&str>) -> Result<Configuration, Failure> {
    loop {
        let (typed, url) = answer(dialogue, "YOUR_ISSUER", "", default, |typed| {
            base_url(typed.trim(), &["/.well-known/"]).map(|url| (typed.trim().to_owned(), url))
        })?;
        loop {
            match configuration(&url).await {
                Ok(found) => {
                    if found.issuer != typed {
                        say(&format!("  Its configuration gives the issuer {}", found.issuer));
                    }
                    return Ok(found);
                }
                Err(why) => say(&format!("  {why}.")),
            }
            if !dialogue.ask.can() {
                return Err(Failure::Service(format!("The OpenID configuration of {url} cannot be read.")));
            }
            let choices = vec!["Try again", "Give another issuer", "Give the address of the key set by hand"];
            match dialogue.ask.choose("The OpenID configuration cannot be read", "", choices, 0)? {
                0 => {}
                1 => {
                    dialogue.correct();
                    break;
                }
                _ => return by_hand(dialogue, &typed),
            }
        }
    }
}

fn by_hand(dialogue: &Dialogue, issuer: &str) -> Result<Configuration, Failure> {
    let question = Question {
        text: "JWT_JWKS_URL",
        help: "The address of the key set, which providers call jwks_uri",
        option: "--set",
        given: None,
        default: None,
    };
    let jwks_uri = dialogue.ask.text(&question, |typed| {
        let typed = typed.trim().to_owned();
        if is_safe(&typed) { Ok(typed) } else { Err("expected an https:// address".into()) }
    })?;
    Ok(Configuration { issuer: issuer.to_owned(), jwks_uri })
}

fn one(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let is_good = !typed.is_empty() && !typed.contains(|c: char| c.is_control());
    if is_good { Ok(typed.to_owned()) } else { Err("it is empty".into()) }
}
