//! `cip agent login`: the authorization code, once.

use super::{
    authorization::authorize,
    done::Done,
    oauth::{SCOPE, Server, Tokens},
    redirect::Redirect,
    target::{Credentials, OTHER_APP, Target},
};
use crate::{
    arguments,
    ask::{Ask, Question, say},
    aws,
    failure::Failure,
    livechat::settings_without_agent,
    output::{Output, confirm},
    place::Place,
    refusal,
};
use cip::settings::{LiveChat, env_file};
use clap::Args;
use secrecy::SecretString;
use std::{
    fs,
    io::stdin,
    path::{Path, PathBuf},
    time::Duration,
};

/// Get a refresh token of an agent's account, by a login in the browser, and store it for the functions.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cip agent login                                   into AWS Secrets Manager, for the stack livechat-cip
  cip agent login --env-file .env                   for cargo local with a real account
  cip agent login --redirect-uri http://127.0.0.1:8976/ --client-id ID --client-secret-file secret.txt
  cip agent login --table NAME                      before there is a stack: LIVECHAT_… are those of the environment

The redirect URI must be one of the app's list in LiveChat's console. If it is of this machine, the code is
received here. Otherwise you paste the address that the browser was sent to.

Exit codes: 0 the credentials are stored; 1 the agent is of another account, or lacks customers:own; 2 an
invalid command line or file; 3 LiveChat or AWS could not be reached, or refused; 4 you said no. Unless it is
0, nothing is stored.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct Login {
    /// The client id of a server-side app in LiveChat's console.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file whose first line is the app's client secret, or `-` for stdin. Without it, you are asked.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// One of the app's redirect URIs.
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
    /// The name of the secret in AWS Secrets Manager. It is created if it does not exist.
    #[arg(long, value_name = "NAME", default_value = "livechat-cip-agent", conflicts_with = "env_file")]
    secret_name: String,
    /// Write the credentials to this file, and read the account from it. With --local, it is .env.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stack", "table"])]
    env_file: Option<String>,
    /// Paste the address of the browser, also if the redirect URI is of this machine: the browser may be on another one.
    #[arg(long)]
    pub(super) paste: bool,
    /// How long to wait for the browser.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(super) wait: Duration,
    /// Do not send the values of PKCE, if LiveChat does not accept them.
    #[arg(long)]
    pub(super) without_pkce: bool,
    /// Check the settings and the place for the credentials, but call LiveChat and store nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask: options have the answers.
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub(super) async fn run(login: &Login, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let ask = Ask::new(login.yes);
    let (settings, target, deployed) = prepare(login, place).await?;
    let question = Question {
        text: "Client id of the server-side app",
        help: "In LiveChat's console: Apps, Your apps, the app, Blocks, App Authorization. It is not the app of your page",
        option: "--client-id",
        given: login.client_id.as_deref(),
        default: None,
    };
    let client_id = ask.text(&question, client_id)?;
    let question = Question {
        text: "Redirect URI",
        help: "One of this app's, exactly as in its list. With http://127.0.0.1:8976/ in the list, nothing must be pasted",
        option: "--redirect-uri",
        given: login.redirect_uri.as_deref(),
        default: None,
    };
    let redirect = ask.text(&question, Redirect::parse)?;
    let organization_id = settings.account().organization_id;
    let mut done = Done {
        dry_run: login.dry_run,
        file: None,
        secret: None,
        arn: None,
        client_id,
        redirect_uri: redirect.uri.clone(),
        organization_id: organization_id.clone(),
        scopes: Vec::new(),
        is_deployed: false,
    };
    match &target {
        Target::EnvFile(name) => done.file = Some(name.clone()),
        Target::Secret { name, arn, .. } => (done.secret, done.arn) = (Some(name.clone()), arn.clone()),
    }
    if let Some(present) = target.present_client_id().filter(|present| *present != done.client_id) {
        say(&format!(
            "Warning: the present credentials are of the app {present}, not of {}. {OTHER_APP}",
            done.client_id
        ));
    }
    if !login.dry_run {
        confirm(&target.question(), login.yes)?;
        let client_secret = client_secret(login, ask)?;
        let server = Server::at(settings.accounts_url.as_str())?;
        let tokens = authorize(login, ask, &server, &done.client_id, &client_secret, &redirect).await?;
        let refresh_token = accept(&server, &tokens, organization_id.as_deref()).await?;
        let credentials = Credentials { client_id: done.client_id.clone(), client_secret, refresh_token };
        let stored = target.store(&credentials).await;
        if stored.is_err() {
            // Nobody else has them.
            server.revoke(&tokens.access_token).await;
        }
        done.arn = stored?;
        done.scopes = tokens.scopes().unwrap_or_default().into_iter().map(str::to_owned).collect();
        if organization_id.is_none() || tokens.organization_id.is_none() {
            say(&not_compared(tokens.organization_id.as_deref()));
        }
        done.organization_id = tokens.organization_id.or(organization_id);
    }
    done.is_deployed = done.arn.is_some() && done.arn == deployed;
    output.print(&done, Done::to_text)
}

/// The settings of the account, where the credentials go, and the ARN that the stack has at present.
async fn prepare(login: &Login, place: &arguments::Place) -> Result<(LiveChat, Target, Option<String>), Failure> {
    let file = login.env_file.as_deref().or(place.local.as_ref().map(|_| ".env"));
    if let Some(file) = file {
        let all = env_file::read(Path::new(file)).map_err(Failure::Input)?;
        let settings = settings_without_agent(|name| all.get(name).cloned());
        let settings = settings.map_err(|why| Failure::Input(format!("{file}: {why} Run cip setup first.")))?;
        return Ok((settings, Target::env_file(file)?, None));
    }
    if place.table.is_some() {
        let config = aws::config(place).await;
        refusal::check(&config, place.profile.as_deref()).await?;
        let settings = settings_without_agent(|name| std::env::var(name).ok())?;
        return Ok((settings, Target::secret(config, &login.secret_name).await?, None));
    }
    let Place::Stack(stack) = Place::find(place).await? else {
        return Err(Failure::Input("Give --stack, --table or --env-file.".into()));
    };
    let settings = settings_without_agent(|name| stack.variable(name))?;
    let deployed = stack.variable("LIVECHAT_AGENT_CREDENTIALS_ARN");
    Ok((settings, Target::secret(stack.config.clone(), &login.secret_name).await?, deployed))
}

/// Nobody has checked whether the agent is one of the site's account.
fn not_compared(organization_id: Option<&str>) -> String {
    let account = organization_id.map_or_else(|| "is not known".into(), |id| format!("is {id}"));
    format!(
        "The agent's organization {account}. It could not be compared with that of the settings, as they have no LIVECHAT_ORGANIZATION_ID or \
         LiveChat did not name it. Make sure that the agent is one of your account: with another account, no customer is found."
    )
}

fn client_id(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let is_id = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_graphic());
    if is_id { Ok(typed.to_owned()) } else { Err("expected the client id of an app, without spaces".into()) }
}

/// The client secret, which is neither shown nor an argument, as other users of the machine can see those.
fn client_secret(login: &Login, ask: Ask) -> Result<SecretString, Failure> {
    let text = match &login.client_secret_file {
        Some(file) if file == Path::new("-") => line_of_stdin()?,
        Some(file) => {
            fs::read_to_string(file).map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?
        }
        None if ask.can() => ask.secret("Client secret")?,
        None => return Err(Failure::Input("--client-secret-file is missing: a file, or - for stdin.".into())),
    };
    let secret = text.lines().next().unwrap_or_default().trim().to_owned();
    if secret.is_empty() { Err(Failure::Input("The client secret is empty.".into())) } else { Ok(secret.into()) }
}

/// The next line of stdin.
///
/// # Errors
/// [`Failure::Input`] if it cannot be read.
pub(super) fn line_of_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(|error| Failure::Input(format!("stdin: {error}")))?;
    Ok(line)
}

/// The refresh token, if it is of any use to these settings.
async fn accept(server: &Server, tokens: &Tokens, ours: Option<&str>) -> Result<SecretString, Failure> {
    let wrong = if let Some(theirs) = tokens.other_organization(ours) {
        format!(
            "The agent belongs to the organization {theirs}, and LIVECHAT_ORGANIZATION_ID is {}. Sign in to LiveChat as an agent of that \
             account, or correct the setting.",
            ours.unwrap_or_default()
        )
    } else if tokens.lacks_scope() {
        format!(
            "The agent's token lacks the scope {SCOPE}: it has {}. In LiveChat's console: Apps, Your apps, the app, Blocks, App \
             Authorization, Access scopes. Then install the app again, and run the command again.",
            tokens.scopes().unwrap_or_default().join(", ")
        )
    } else if let Some(refresh_token) = &tokens.refresh_token {
        return Ok(refresh_token.clone());
    } else {
        "LiveChat returned no refresh token: is the app of the type server-side app?".into()
    };
    server.revoke(&tokens.access_token).await;
    say(&format!("{wrong}\nNothing was stored."));
    Err(Failure::Found)
}
