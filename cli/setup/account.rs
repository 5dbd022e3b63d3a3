//! The app and account at LiveChat, and the site's pages.

use super::{Dialogue, values::Values};
use crate::{
    ask::{Question, say},
    failure::Failure,
};
use cip::settings::{LiveChat, Lookup, allowed_origins};

const ORGANIZATION: &str = "LIVECHAT_ORGANIZATION_ID";
const LICENSE: &str = "LIVECHAT_LICENSE_ID";
const REDIRECT: &str = "LIVECHAT_REDIRECT_URI";
const ORIGINS: &str = "ALLOWED_ORIGINS";

/// The settings with new answers. Those that are there are the defaults.
///
/// # Errors
/// As [`Ask::text`](crate::ask::Ask::text).
pub(super) fn ask(dialogue: &Dialogue, mut values: Values) -> Result<Values, Failure> {
    let client_id = dialogue.ask.text(
        &Question {
            text: "Client Id of your app",
            help: "In LiveChat's console: Apps, Your apps, Blocks, App Authorization",
            option: "--client-id",
            given: dialogue.given(dialogue.options.client_id.as_ref()),
            default: values.get("LIVECHAT_CLIENT_ID"),
        },
        |typed| check("LIVECHAT_CLIENT_ID", typed),
    )?;
    values.set("LIVECHAT_CLIENT_ID", client_id);
    let (name, id) = dialogue.ask.text(
        &Question {
            text: "Organization id, or licence number",
            help: "A UUID is the organization: the console shows it. A number is the licence, for an account without an organization",
            option: "--account",
            given: dialogue.given(dialogue.options.account.as_ref()),
            default: values.get(ORGANIZATION).or(values.get(LICENSE)),
        },
        account,
    )?;
    if values.get(name) != Some(&id) || name == LICENSE {
        // The other id could be that of another account.
        values.set(if name == LICENSE { ORGANIZATION } else { LICENSE }, "");
    }
    values.set(name, id);
    let redirect = dialogue.ask.text(
        &Question {
            text: "Redirect URI",
            help: "One of the app's whitelist, exactly as it is there, such as https://www.example.com/",
            option: "--redirect-uri",
            given: dialogue.given(dialogue.options.redirect_uri.as_ref()),
            default: values.get(REDIRECT),
        },
        redirect_uri,
    )?;
    let redirect = with_slash(dialogue, redirect, values.get(REDIRECT))?;
    values.set(REDIRECT, &redirect);
    let suggested = suggested_origin(&redirect);
    let origins = dialogue.ask.text(
        &Question {
            text: "Origins of your pages",
            help: "Scheme and host, as browsers send them; several with commas between",
            option: "--origins",
            given: dialogue.given(dialogue.options.origins.as_ref()),
            default: values.get(ORIGINS).or(suggested.as_deref()),
        },
        origins,
    )?;
    values.set(ORIGINS, origins);
    Ok(values)
}

/// A value that the functions accept for this setting.
fn check(name: &str, typed: &str) -> Result<String, String> {
    let good = [("LIVECHAT_CLIENT_ID", "x"), (LICENSE, "1"), (REDIRECT, "https://www.example.com/")];
    let good = Values::of(good.map(|(name, value)| (name.to_owned(), value.to_owned())));
    LiveChat::from_lookup(&good.with(name, typed).lookup()).map_err(|error| error.to_string())?;
    Ok(typed.trim().to_owned())
}

/// The setting that an id is for, which its shape shows, and the id.
fn account(typed: &str) -> Result<(&'static str, String), String> {
    let typed = typed.trim();
    let is_number = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
    let name = if is_number { LICENSE } else { ORGANIZATION };
    if typed.is_empty() {
        return Err("expected a UUID or a number".into());
    }
    Ok((name, check(name, typed)?))
}

fn redirect_uri(typed: &str) -> Result<String, String> {
    let uri = check(REDIRECT, typed)?;
    if uri.contains("..") {
        return Err("LiveChat accepts no redirect URI with `..`".into());
    }
    if uri.contains(char::is_whitespace) {
        return Err("expected an address without spaces".into());
    }
    Ok(uri)
}

/// LiveChat compares the slash at the end too, and a whitelist usually has it.
fn with_slash(dialogue: &Dialogue, uri: String, existing: Option<&str>) -> Result<String, Failure> {
    if uri.ends_with('/') || existing == Some(&uri) {
        return Ok(uri);
    }
    say("  It has no slash at its end. LiveChat compares that too: it must be as in the app's whitelist.");
    let choices = vec![format!("{uri}/"), uri.clone()];
    // Without a terminal, the address is taken as it was given.
    let default = usize::from(!dialogue.ask.can());
    let chosen = dialogue.ask.choose("Which one is in the whitelist?", "", choices, default)?;
    Ok(if chosen == 0 { format!("{uri}/") } else { uri })
}

fn suggested_origin(redirect: &str) -> Option<String> {
    let good = [("LIVECHAT_CLIENT_ID", "x"), (LICENSE, "1"), (REDIRECT, redirect)];
    let good = Values::of(good.map(|(name, value)| (name.to_owned(), value.to_owned())));
    LiveChat::from_lookup(&good.lookup()).ok().map(|livechat| livechat.origin)
}

fn origins(typed: &str) -> Result<String, String> {
    let list = allowed_origins(&Lookup::new(|_| Some(typed.to_owned()))).map_err(|error| error.to_string())?;
    if list.is_empty() {
        Err("expected at least one, such as https://www.example.com".into())
    } else {
        Ok(typed.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_an_id_says_what_it_is() {
        const ORGANIZATION_ID: &str = "390e44e6-f1e6-4368-8b6d-2b74614508c2";
        assert_eq!(account(&format!(" {ORGANIZATION_ID} ")), Ok((ORGANIZATION, ORGANIZATION_ID.to_owned())));
        assert_eq!(account("012345678"), Ok((LICENSE, "012345678".to_owned())));
        for typed in ["", " ", "390e44e6", "12 34", "99999999999999999999999", "390e44e6f1e643688b6d2b74614508c2"] {
            assert!(account(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn addresses_that_livechat_never_accepts_are_refused() {
        for typed in [
            "https://a.example/../b/",
            "https://a.example/?x",
            "https://a.example/#x",
            "a.example",
            "https://a.example/a b",
            "",
        ] {
            assert!(redirect_uri(typed).is_err(), "{typed}");
        }
        assert_eq!(redirect_uri("http://127.0.0.1:3000/").as_deref(), Ok("http://127.0.0.1:3000/"));
        assert_eq!(suggested_origin("https://a.example:444/x/").as_deref(), Some("https://a.example:444"));
        assert!(origins("https://a.example/").expect_err("a path").contains("must be written https://a.example"));
    }
}
