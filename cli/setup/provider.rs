//! Who signs: the settings of how callers are verified.

use super::{
    Dialogue,
    check::{self, Next},
    openid,
    recipes::{self, Origin, Recipe, explain},
    secret,
    values::{AUTHORIZER_AUDIENCE, AUTHORIZER_ISSUER, Values},
};
use crate::{ask::Question, failure::Failure};
use cip::settings::AuthSettings;
use std::{collections::BTreeMap, fmt};

/// A choice of the list.
#[derive(Clone, Copy)]
enum Choice<'a> {
    Keep(&'a Values),
    Recipe(&'a Recipe),
    OpenId,
    Hmac,
    Authorizer,
    Nobody,
}

impl Choice<'_> {
    /// The name for `--provider`.
    fn name(self) -> &'static str {
        match self {
            Self::Keep(_) => "keep",
            Self::Recipe(recipe) => recipe.name,
            Self::OpenId => "openid",
            Self::Hmac => "hmac",
            Self::Authorizer => "authorizer",
            Self::Nobody => "none",
        }
    }

    /// The names that `--set` can give a value.
    fn placeholders(self) -> Vec<&'static str> {
        match self {
            Self::Recipe(recipe) => recipe.placeholders(),
            Self::OpenId => vec!["YOUR_ISSUER", "YOUR_AUDIENCE", "YOUR_USER_CLAIM"],
            Self::Authorizer => vec!["YOUR_ISSUER", "YOUR_AUDIENCE"],
            Self::Keep(_) | Self::Hmac | Self::Nobody => Vec::new(),
        }
    }
}

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep(values) => write!(f, "As it is now: {}", described(values)),
            Self::Recipe(recipe) => f.write_str(&recipe.title),
            Self::OpenId => f.write_str("Another OpenID provider, by its issuer"),
            Self::Hmac => f.write_str("My server computes a hash of the user id (AUTH=hmac)"),
            Self::Authorizer => f.write_str("An authorizer of API Gateway (AUTH=authorizer)"),
            Self::Nobody => f.write_str("Nobody: any caller can be any user. For a test only (AUTH=none)"),
        }
    }
}

fn described(values: &Values) -> String {
    let auth = values.get("AUTH").unwrap_or_default();
    let keys = ["JWT_JWKS_URL", "JWT_ISSUER", AUTHORIZER_ISSUER].iter().find_map(|name| values.get(name));
    let keys = keys.unwrap_or(if auth == "jwt" { "a key or secret of its own" } else { "" });
    if keys.is_empty() { format!("AUTH={auth}") } else { format!("AUTH={auth}, {keys}") }
}

/// The settings with those of how callers are verified. `existing` are the present ones.
///
/// # Errors
/// [`Failure::Declined`]; [`Failure::Input`] for an option that is missing or invalid; [`Failure::Found`] if a check fails and nobody can
/// be asked.
pub(super) async fn ask(dialogue: &Dialogue<'_>, values: &Values, existing: &Values) -> Result<Values, Failure> {
    let recipes = recipes::all();
    let mut choices: Vec<_> = recipes.iter().map(Choice::Recipe).collect();
    choices.extend([Choice::OpenId, Choice::Hmac, Choice::Authorizer, Choice::Nobody]);
    if AuthSettings::from_lookup(&existing.or(values).lookup()).is_ok() {
        choices.insert(0, Choice::Keep(existing));
    }
    loop {
        let choice = choose(dialogue, &choices)?;
        check_options(dialogue, choice)?;
        let mut answers = BTreeMap::new();
        loop {
            let verification = match choice {
                Choice::Keep(existing) => existing.clone(),
                Choice::Recipe(recipe) => of_recipe(dialogue, recipe, values, existing, &mut answers)?,
                Choice::OpenId => openid::ask(dialogue, existing).await?,
                Choice::Hmac => {
                    of_secret(dialogue, &of(&[("AUTH", "hmac")]), "HMAC_SECRET", existing, values, Origin::New)?
                }
                Choice::Authorizer => openid::ask_authorizer(dialogue, existing).await?,
                Choice::Nobody => of(&[("AUTH", "none")]),
            };
            let all = values.without_verification().or(&verification);
            let is_kept = matches!(choice, Choice::Keep(_));
            match check::verification(dialogue, &all, is_kept).await? {
                Next::Accept => return Ok(all),
                Next::Change => dialogue.correct(),
                Next::Provider => {
                    dialogue.correct();
                    break;
                }
            }
        }
    }
}

fn choose<'a>(dialogue: &Dialogue, choices: &[Choice<'a>]) -> Result<Choice<'a>, Failure> {
    let named = |name: &str| choices.iter().find(|choice| choice.name() == name).copied();
    let all = || choices.iter().map(|choice| choice.name()).collect::<Vec<_>>().join(", ");
    if let Some(name) = dialogue.given(dialogue.options.provider.as_ref()) {
        return named(name)
            .ok_or_else(|| Failure::Input(format!("--provider: there is no {name}. Expected one of: {}.", all())));
    }
    if !dialogue.ask.can() {
        return named("keep")
            .ok_or_else(|| Failure::Input(format!("--provider is missing. Expected one of: {}.", all())));
    }
    let help = "Type a part of the name. docs/authentication.md describes each";
    let chosen = dialogue.ask.choose("Who signs the tokens of your users?", help, choices.to_vec(), 0)?;
    Ok(choices[chosen])
}

/// A misspelt `--set` would have no effect.
fn check_options(dialogue: &Dialogue, choice: Choice) -> Result<(), Failure> {
    let placeholders = choice.placeholders();
    let unknown = dialogue.options.set.iter().find(|(name, _)| !placeholders.contains(&name.as_str()));
    let Some((name, _)) = unknown else { return Ok(()) };
    let expected = if placeholders.is_empty() { "none".into() } else { placeholders.join(", ") };
    Err(Failure::Input(format!("--set {name}: {} has no such place. It has: {expected}.", choice.name())))
}

/// The value of a placeholder.
///
/// # Errors
/// As [`Ask::text`](crate::ask::Ask::text).
pub(super) fn answer<T>(
    dialogue: &Dialogue,
    placeholder: &str,
    link: &str,
    default: Option<&str>,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let help =
        if link.is_empty() { explain(placeholder).to_owned() } else { format!("{} ({link})", explain(placeholder)) };
    let given = dialogue.options.set.iter().find(|(name, _)| name == placeholder).map(|(_, value)| value);
    let question = Question {
        text: placeholder,
        help: &help,
        option: &format!("--set {placeholder}=…"),
        given: dialogue.given(given),
        default,
    };
    dialogue.ask.text(&question, check)
}

fn of_recipe(
    dialogue: &Dialogue,
    recipe: &Recipe,
    values: &Values,
    existing: &Values,
    answers: &mut BTreeMap<String, String>,
) -> Result<Values, Failure> {
    let mut defaults = recipe.answers_in(existing);
    defaults.append(answers);
    let site = values.get("ALLOWED_ORIGINS").and_then(|origins| origins.split(',').next()).map(str::to_owned);
    for placeholder in recipe.placeholders() {
        let is_site = placeholder == "YOUR_SITE";
        let is_optional = super::template::is_optional(placeholder);
        let default = defaults.get(placeholder).map(String::as_str).or(site.as_deref().filter(|_| is_site));
        let default = default.or(is_optional.then_some(""));
        let answer = answer(dialogue, placeholder, &recipe.link(), default, |typed| {
            recipe.clean(placeholder, typed).map_err(|why| format!("{placeholder}: {why}"))
        })?;
        answers.insert(placeholder.into(), answer);
    }
    let filled = recipe.fill(answers, values.get("ALLOWED_ORIGINS").unwrap_or_default());
    match recipe.secret {
        None => Ok(filled),
        Some(origin) => of_secret(dialogue, &filled, "JWT_SECRET", existing, values, origin),
    }
}

/// These settings, with a secret. Without a `.env` file to keep it in, the stack's secret is chosen later.
fn of_secret(
    dialogue: &Dialogue,
    settings: &Values,
    variable: &str,
    existing: &Values,
    values: &Values,
    origin: Origin,
) -> Result<Values, Failure> {
    if !dialogue.is_local() {
        return Ok(settings.with(&format!("{variable}_ARN"), super::stack_secret::PENDING));
    }
    let check = |secret: &str| {
        let all = values.without_verification().or(settings).with(variable, secret);
        AuthSettings::from_lookup(&all.lookup()).map(drop).map_err(|error| error.to_string())
    };
    let secret = secret::ask(dialogue, variable, existing.get(variable), origin, check)?;
    Ok(settings.with(variable, secret))
}

fn of(settings: &[(&str, &str)]) -> Values {
    Values::of(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The settings of an authorizer at API Gateway; without an issuer, it is one of another kind.
pub(super) fn of_authorizer(issuer: &str, audience: &str, existing: &Values) -> Values {
    let claim = existing.get("AUTHORIZER_CLAIM").unwrap_or_default();
    of(&[
        ("AUTH", "authorizer"),
        ("AUTHORIZER_CLAIM", claim),
        (AUTHORIZER_ISSUER, issuer),
        (AUTHORIZER_AUDIENCE, audience),
    ])
}
