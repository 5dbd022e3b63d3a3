//! The browser goes to LiveChat, and comes back with a code, which is exchanged for tokens.

use super::{
    listener::Listener,
    login::{Login, line_of_stdin},
    oauth::{Error, Server, Tokens},
    proof::Proof,
    redirect::{Answer, Redirect},
};
use crate::{
    ask::{Ask, Question, say},
    failure::Failure,
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::io::{IsTerminal, stdin};

/// From the browser to the tokens.
///
/// # Errors
/// [`Failure::Service`] if LiveChat refuses or does not respond, or the browser does not come back; [`Failure::Input`] for what is pasted.
pub(super) async fn authorize(
    login: &Login,
    ask: Ask,
    server: &Server,
    client_id: &str,
    client_secret: &SecretString,
    redirect: &Redirect,
) -> Result<Tokens, Failure> {
    let proof = Proof::new()?;
    let listener = if login.paste { None } else { Listener::open(redirect, &proof.state).await? };
    let mut address = Url::parse(&server.authorization_url()).map_err(|error| Failure::Input(error.to_string()))?;
    address.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", &redirect.uri),
        ("state", &proof.state),
    ]);
    if !login.without_pkce {
        let challenge = proof.challenge();
        address
            .query_pairs_mut()
            .extend_pairs([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
    }
    say(&format!("\nOpen this address in a browser in which you are signed in to LiveChat as the agent:\n\n{address}"));
    let answer = match listener {
        Some(listener) => {
            say("\nWaiting for the browser. Ctrl-C stops, and nothing is stored.");
            listener.answer(login.wait).await?
        }
        None => paste(ask, &proof.state)?,
    };
    let code = answer.code()?;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.expose_secret()),
        ("client_id", client_id),
        ("client_secret", client_secret.expose_secret()),
        ("redirect_uri", redirect.uri.as_str()),
    ];
    if !login.without_pkce {
        form.push(("code_verifier", proof.verifier.expose_secret()));
    }
    server.tokens(&form).await.map_err(|error| {
        Failure::Service(match error {
            Error::Unavailable(why) => format!("{why}. Nothing was stored: run the command again."),
            Error::Refused(why) => format!(
                "LiveChat refused the code: {why}. Nothing was stored. Is the client secret that of the app {client_id}, is the app of the type \
                 server-side app, and is the code from the address above, and less than a few minutes old? If it all is: --without-pkce."
            ),
        })
    })
}

/// What the person pastes. Without a terminal, it is the next line of stdin.
fn paste(ask: Ask, state: &str) -> Result<Answer, Failure> {
    say(
        "\nLiveChat then sends the browser to your redirect URI, with a code behind it. That page may be anything, even an error.",
    );
    if !ask.can() {
        if stdin().is_terminal() {
            return Err(Failure::Input(
                "With --yes, give a redirect URI of this machine, or the address on stdin.".into(),
            ));
        }
        return Answer::pasted(&line_of_stdin()?, state).map_err(|why| Failure::Input(format!("stdin: {why}.")));
    }
    let question = Question {
        text: "The address of that page",
        help: "Paste the whole address. The code in it is valid for a few minutes, and once",
        option: "",
        given: None,
        default: None,
    };
    ask.text(&question, |typed| Answer::pasted(typed, state))
}
