//! `cargo local`: the whole service on this machine, in one process.

use axum::Router;
use cip::{
    livechat::Accounts,
    provider::Provider,
    settings::{Lookup, check_names},
    store::Store,
};
use clap::{Args, Parser, Subcommand};
use local::{
    access,
    authorizer::Authorizer,
    cors,
    credentials::{self, Credentials},
    database,
    folder::Folder,
    gateway::Gateway,
    page,
    sandbox::{App, Callers, Sandbox},
    settings::Settings,
};
use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const FOLDER: &str = ".local";
const TABLE: &str = "livechat-cip";

/// The backend of a LiveChat Custom Identity Provider on this machine: the four routes, DynamoDB, LiveChat's stand-in.
#[derive(Parser)]
#[command(name = "cargo local", bin_name = "cargo local", version)]
struct Arguments {
    #[command(flatten)]
    all: All,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Only the stand-in for accounts.livechat.com.
    Sandbox {
        /// Port to listen on; 0 for a free one.
        #[arg(long, default_value_t = 3002)]
        port: u16,
        /// A redirect URI that it accepts; can be given more than once.
        #[arg(long, default_value = "http://127.0.0.1:3000/")]
        redirect_uri: Vec<String>,
        /// Another name that it is called by; can be given more than once.
        #[arg(long, value_name = "NAME")]
        allow_host: Vec<String>,
    },
}

#[derive(Args)]
struct All {
    /// Port of the four routes and the page; 0 for free ones everywhere.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Port of the embedded DynamoDB [default: PORT + 1].
    #[arg(long)]
    dynamodb_port: Option<u16>,
    /// Port of the sandbox [default: PORT + 2].
    #[arg(long)]
    sandbox_port: Option<u16>,
    /// Serve DynamoDB and the sandbox on this address too, for functions in containers: `sam local` on Linux reaches this
    /// machine as 172.17.0.1.
    #[arg(long, value_name = "ADDRESS")]
    also_on: Option<IpAddr>,
    /// Another name that the ports are called by, as it is in `Host`, such as that of a tunnel; can be given more than once.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Keep nothing: the database and the development secret live in memory, not in `.local/`.
    #[arg(long)]
    memory: bool,
    /// How callers are verified [default: what AUTH says, else none]. Unless the settings have a key or secret for it, one is
    /// made for development, and printed with what to try.
    #[arg(long, value_name = "AUTH", value_parser = ["none", "jwt", "hmac", "authorizer"])]
    auth: Option<String>,
    /// Visitors who are not logged in have identities too, unless GUESTS says otherwise.
    #[arg(long)]
    guests: bool,
}

#[tokio::main]
async fn main() {
    cip::telemetry::init();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Sandbox { port, redirect_uri, allow_host }) => {
            sandbox_alone(port, redirect_uri, with_containers(&allow_host)).await
        }
        None => everything(&arguments.all).await,
    };
    if let Err(error) = result {
        eprintln!("cargo local: {error}");
        std::process::exit(1);
    }
}

async fn sandbox_alone(port: u16, redirect_uris: Vec<String>, hosts: Vec<String>) -> Result<()> {
    let app = App { redirect_uris, ..App::for_page("") };
    let callers = Callers { hosts, origins: vec![] };
    let sandbox = Sandbox::start_for(callers, listen(port, "--port").await?, app, None)?;
    println!("LiveChat  {}  the sandbox, not LiveChat; its admin API: GET /sandbox", sandbox.url());
    Ok(tokio::signal::ctrl_c().await?)
}

async fn everything(arguments: &All) -> Result<()> {
    let next = |chosen: Option<u16>, step| {
        chosen.unwrap_or(if arguments.port == 0 { 0 } else { arguments.port.saturating_add(step) })
    };
    // Before whether there is an account is decided: a misspelt setting would mean the sandbox.
    let settings = Settings::read()?.with_options(arguments.auth.clone(), arguments.guests);
    check_names(&settings.lookup())?;
    // Before the ports, as its refusal says more than theirs.
    let folder = if arguments.memory { None } else { Some(Folder::open(FOLDER)?) };
    let kept = |name: &str| folder.as_ref().map(|folder| folder.file(name));
    let listener = listen(arguments.port, "--port").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let hosts = with_containers(&arguments.allow_host);

    let (settings, credentials) = Credentials::develop(settings, kept("development-secret").as_deref())?;
    let (settings, sandbox) = if settings.are_real() {
        (settings, None)
    } else {
        let app = App::for_page(format!("{url}/"));
        let callers = Callers { hosts: hosts.clone(), origins: access::origins(&listener)? };
        let sandbox = Sandbox::start_for(
            callers,
            listen(next(arguments.sandbox_port, 2), "--sandbox-port").await?,
            app,
            kept("sandbox.json").as_deref(),
        )?;
        if let Some(address) = arguments.also_on {
            sandbox.serve_on(listen_on(SocketAddr::new(address, sandbox.port()), "--also-on").await?)?;
        }
        (settings.with_sandbox(sandbox.app(), &sandbox.url()), Some(sandbox))
    };

    let mut listeners = vec![listen(next(arguments.dynamodb_port, 1), "--dynamodb-port").await?];
    if let Some(address) = arguments.also_on {
        let port = listeners[0].local_addr()?.port();
        listeners.push(listen_on(SocketAddr::new(address, port), "--also-on").await?);
    }
    // Customers of the sandbox's are nobody at LiveChat, and the other way round.
    let file = kept(if sandbox.is_some() { "sandbox.sqlite" } else { "livechat.sqlite" });
    let dynamodb_url = database::start_for(listeners, file.as_deref(), &hosts)?;
    let client = database::client(&dynamodb_url);
    let table = settings.get("TABLE_NAME").unwrap_or_else(|| TABLE.into());
    database::create_table(&client, &table).await.map_err(|error| format!("the table cannot be made: {error}"))?;

    let lookup = Lookup::new(|name| if name == "TABLE_NAME" { Some(table.clone()) } else { settings.get(name) });
    let cip::settings::Settings { common, livechat, renewals } = cip::settings::Settings::from_lookup(&lookup)?;
    let cors = cors::layer(&settings)?;
    let authorizer = Authorizer::read(&settings).await?;
    let auth = settings.get("AUTH").unwrap_or_default();
    let config = page::Config {
        livechat: if sandbox.is_some() { "sandbox" } else { "real" },
        accounts_url: livechat.accounts_url.to_string(),
        organization_id: livechat.account().organization_id,
        license_id: livechat.license_id,
        client_id: livechat.client_id.clone(),
        sandbox_url: sandbox.as_ref().map(Sandbox::url),
        dynamodb_url: dynamodb_url.clone(),
        table: table.clone(),
        auth: auth.clone(),
        guests: settings.have_guests(),
        development_login: credentials.is_some(),
    };
    let store = Store::new(client, &table);
    let accounts = Accounts::new(livechat)?;
    let provider = Provider::new(store.clone(), accounts.clone(), renewals, common.groups.clone());
    let gateway = Gateway::connect(common, provider, store, accounts).await?.with_authorizer(authorizer);

    println!(
        "API       {url}  /getToken/{{user}} /getFreshToken/{{user}} /hasToken/{{user}} /invalidate/{{user}}; page at /"
    );
    println!(
        "DynamoDB  {dynamodb_url}  embedded, {}, table {table}",
        if arguments.memory { "in memory" } else { "kept in .local/" }
    );
    if let Some(sandbox) = &sandbox {
        println!("LiveChat  {}  the sandbox, a stand-in: not LiveChat", sandbox.url());
        println!(
            "Real one  put LIVECHAT_CLIENT_ID, LIVECHAT_ORGANIZATION_ID and LIVECHAT_REDIRECT_URI into .env, start again"
        );
    } else {
        println!("LiveChat  {}  as your settings say, with your licence", config.accounts_url);
        println!("Sandbox   take the LIVECHAT_* settings out of .env and the environment, start again");
    }

    print!("{}", credentials::introduction(&auth, credentials.as_ref(), settings.have_guests(), &url));

    let serve = move |request| async move { gateway.serve(request).await };
    let mut api = Router::new().fallback(serve);
    if let Some(cors) = cors {
        api = api.layer(cors);
    }
    let router =
        Router::new().merge(page::router(config)).merge(credentials::router(credentials)).fallback_service(api);
    let router = access::by_host(router, &listener, &arguments.allow_host)?;
    axum::serve(listener, router).with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
    Ok(())
}

/// Names for the ports that functions in containers call: `sam local` names this machine so, whichever address that is.
fn with_containers(hosts: &[String]) -> Vec<String> {
    [&[access::OF_CONTAINERS.to_owned()], hosts].concat()
}

async fn listen(port: u16, option: &str) -> Result<TcpListener> {
    listen_on(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), option).await
}

async fn listen_on(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address} cannot be used ({error}): choose another one with {option}").into())
}
