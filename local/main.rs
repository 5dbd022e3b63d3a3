//! `cargo local`: the whole service on this machine, in one process.
//!
//! | file | what it does |
//! |---|---|
//! | `arguments.rs` | the options |
//! | `machine.rs` | ports and files; starts the sandbox and the database |
//! | `functions.rs` | the four functions over them |
//! | `banner.rs` | what is printed at start |

mod arguments;
mod banner;
mod functions;
mod machine;

use arguments::{Arguments, Command, Options, with_containers};
use axum::Router;
use cip::settings::{Lookup, check_names};
use clap::Parser;
use functions::{Functions, Parts};
use local::{
    calls::Calls,
    cors,
    credentials::{self, Credentials},
    log::{self, Format},
    page,
    settings::{self, Settings},
};
use machine::{Machine, listen};
use sandbox::{App, Callers, Sandbox};
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() {
    let Arguments { options, command } = Arguments::parse();
    let result = match command {
        Some(Command::Sandbox { port, redirect_uri, allow_host }) => {
            log::start(options.log, &Lookup::environment());
            sandbox_alone(port, redirect_uri, with_containers(&allow_host)).await
        }
        None => run(&options).await,
    };
    if let Err(error) = result {
        eprintln!("cargo local: {}", settings::locate(&error.to_string()));
        std::process::exit(1);
    }
}

async fn sandbox_alone(port: u16, redirect_uris: Vec<String>, hosts: Vec<String>) -> Result<()> {
    let app = App::for_redirect_uris(redirect_uris);
    let callers = Callers { hosts, origins: vec![] };
    let sandbox = Sandbox::start_for(callers, listen(port, "--port").await?, app, None)?;
    println!("LiveChat  {}  the sandbox, not LiveChat; its admin API: GET /sandbox", sandbox.url());
    Ok(tokio::signal::ctrl_c().await?)
}

async fn run(options: &Options) -> Result<()> {
    let settings = Settings::read()?.with_options(options.auth.clone(), options.guests);
    log::start(options.log, &settings.lookup());
    for warning in settings::warnings() {
        tracing::warn!("{warning}");
    }
    // Names are checked first: if a `LIVECHAT_*` setting were misspelt, the sandbox would start instead.
    check_names(&settings.lookup())?;
    let machine = Machine::open(options).await?;
    let (settings, credentials) = Credentials::develop(settings, machine.file("development-secret").as_deref())?;
    let (settings, sandbox) = machine.start_livechat(settings).await?;
    let dynamodb_url = machine.start_database(&settings.table(), sandbox.is_some()).await?;
    let functions = Functions::connect(&settings, &dynamodb_url).await?;
    let calls = Calls::new(options.log == Format::Text);
    let api = cors::apply(calls.watch(functions.router()), &settings)?;
    let origins = cors::origins(&settings)?;

    let parts = Parts { sandbox: sandbox.as_ref(), dynamodb_url, development_login: credentials.is_some() };
    let config = functions.describe(&settings, parts);
    print!("{}", banner::banner(&config, machine.url(), &origins, options.memory));
    print!("{}", credentials::introduction(&config.auth, credentials.as_ref(), config.guests, machine.url()));

    let router = Router::new()
        .merge(page::router(config, &origins))
        .merge(credentials::router(credentials))
        .merge(calls.router())
        .fallback_service(api);
    machine.serve(router, move || calls.stop()).await
}
