//! What the parts on this machine share: ports, files, and the names that are accepted in `Host`. Starts the sandbox and the
//! database.

use crate::{
    Result,
    arguments::{Options, with_containers},
};
use axum::Router;
use local::settings::Settings;
use sandbox::{App, Callers, Sandbox, access, database, folder::Folder};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};
use tokio::net::TcpListener;

const FOLDER: &str = ".local";

/// The port of the four routes, the folder, and the options for the rest.
pub(crate) struct Machine<'a> {
    options: &'a Options,
    folder: Option<Folder>,
    listener: TcpListener,
    url: String,
    /// The names that DynamoDB and the sandbox accept in `Host`, in addition to their addresses.
    hosts: Vec<String>,
}

impl<'a> Machine<'a> {
    /// Opens the folder, and listens on the port of the four routes.
    ///
    /// # Errors
    /// One line, if either is in use.
    pub(crate) async fn open(options: &'a Options) -> Result<Self> {
        // The folder comes first: if another process runs, its error says more than that of the port.
        let folder = if options.memory { None } else { Some(Folder::open(FOLDER)?) };
        let listener = listen(options.port, "--port").await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { options, folder, listener, url, hosts: with_containers(&options.allow_host) })
    }

    /// Where the four routes and the page are.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The path of a file of this name; `None` with `--memory`.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.file(name))
    }

    /// The sandbox, and the settings with its account; no sandbox if the settings name a real account.
    ///
    /// # Errors
    /// One line, if its port or file cannot be used.
    pub(crate) async fn start_livechat(&self, settings: Settings) -> Result<(Settings, Option<Sandbox>)> {
        if settings.are_real() {
            return Ok((settings, None));
        }
        let callers = Callers { hosts: self.hosts.clone(), origins: access::origins(&self.listener)? };
        let app = App::for_page(format!("{}/", self.url));
        let listener = listen(self.options.sandbox_port(), "--sandbox-port").await?;
        let sandbox = Sandbox::start_for(callers, listener, app, self.file("sandbox.json").as_deref())?;
        if let Some(listener) = self.also_on(sandbox.port()).await? {
            sandbox.serve_on(listener)?;
        }
        Ok((settings.with_sandbox(sandbox.app(), &sandbox.url()), Some(sandbox)))
    }

    /// Starts the embedded DynamoDB with this table, and returns its URL. The customers of the sandbox and those of LiveChat are in
    /// different files, because LiveChat does not know the customers of the sandbox.
    ///
    /// # Errors
    /// One line, if its port or file cannot be used, or the table cannot be created.
    pub(crate) async fn start_database(&self, table: &str, with_sandbox: bool) -> Result<String> {
        let listener = listen(self.options.dynamodb_port(), "--dynamodb-port").await?;
        let more = self.also_on(listener.local_addr()?.port()).await?;
        let file = self.file(if with_sandbox { "sandbox.sqlite" } else { "livechat.sqlite" });
        let listeners = [Some(listener), more].into_iter().flatten().collect();
        let url = database::start_for(listeners, file.as_deref(), &self.hosts)?;
        let created = database::create_table(&database::client(&url), table).await;
        created.map_err(|error| format!("the table cannot be created: {error}"))?;
        Ok(url)
    }

    /// Serves `router` until Ctrl+C, and then until all responses have ended. `stop` ends those that would not end by themselves.
    ///
    /// # Errors
    /// If the listener fails.
    pub(crate) async fn serve(self, router: Router, stop: impl FnOnce() + Send + 'static) -> Result<()> {
        let router = access::by_host(router, &self.listener, &self.options.allow_host)?;
        let interrupted = async {
            tokio::signal::ctrl_c().await.unwrap_or(());
            stop();
        };
        Ok(axum::serve(self.listener, router).with_graceful_shutdown(interrupted).await?)
    }

    /// A listener on this port of the address in `--also-on`; `None` without the option.
    async fn also_on(&self, port: u16) -> Result<Option<TcpListener>> {
        match self.options.also_on {
            Some(address) => Ok(Some(listen_on(SocketAddr::new(address, port), "--also-on").await?)),
            None => Ok(None),
        }
    }
}

/// A listener on this port of this machine; 0 for a free port.
///
/// # Errors
/// One line that names the option for another port.
pub(crate) async fn listen(port: u16, option: &str) -> Result<TcpListener> {
    listen_on(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), option).await
}

async fn listen_on(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address} cannot be used ({error}): choose another one with {option}").into())
}
