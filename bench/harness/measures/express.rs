//! The Express server of LiveChat's tutorial: a server of its own, not a Lambda function.

use super::warm::Row;
use crate::{
    Result,
    bench::Bench,
    event::new_user,
    statistics::{Times, ms},
    world::{Transport, World},
};
use axum::{
    body::Body,
    http::{Request, header::LOCATION},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{sleep, timeout},
};

pub(super) const NAME: &str = "express (tutorial)";
const CALLS: usize = 2_000;

/// The running server. It is killed, and its folder removed, when this value is dropped.
#[derive(Debug)]
pub(super) struct Server {
    _child: Child,
    url: String,
    folder: PathBuf,
    client: Client<HttpConnector, Body>,
}

impl Server {
    /// Starts the server with an empty store; `None` if it was not built.
    pub(super) async fn start(bench: &Bench, world: &World) -> Result<Option<Self>> {
        let program = bench.options.peers.join("express/server.mjs");
        if !program.exists() || !bench.options.peers.join("express/node_modules").exists() {
            eprintln!("left out, as it is not built: {NAME}");
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("livechat-cip-express-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let child = Command::new("node")
            .arg(program.canonicalize()?)
            .current_dir(&folder)
            .env_clear()
            .envs(world.common())
            .env("PORT", port.to_string())
            .env("USERS_FILE", folder.join("users.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), listening).await.map_err(|_| "the Express server does not listen")?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Some(Self { _child: child, url: format!("http://127.0.0.1:{port}"), folder, client }))
    }

    /// `getToken`. Returns when the response was there. For a new user, the server redirects.
    pub(super) async fn get_token(&self, user: &str) -> Result<Instant> {
        let mut path = format!("/getToken/{user}");
        loop {
            let request = Request::get(format!("{}{path}", self.url)).body(Body::empty())?;
            let response = self.client.request(request).await?;
            let (parts, body) = response.into_parts();
            body.collect().await?;
            match parts.headers.get(LOCATION) {
                Some(location) if parts.status.is_redirection() => location.to_str()?.clone_into(&mut path),
                _ if parts.status.is_success() => return Ok(Instant::now()),
                _ => return Err(format!("{NAME} returned {}", parts.status).into()),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Later calls of one user. Without API Gateway and Lambda's runtime API between, so no ratio.
pub(super) async fn warm(bench: &Bench, world: &World) -> Result<Option<Row>> {
    let Some(server) = Server::start(bench, world).await? else { return Ok(None) };
    let user = new_user();
    for _ in 0..20 {
        server.get_token(&user).await?;
    }
    let mut times = vec![];
    for _ in 0..bench.options.times(CALLS) {
        let started = Instant::now();
        times.push(ms(server.get_token(&user).await? - started));
    }
    Ok(Some(Row {
        subject: NAME.into(),
        transport: Transport::Plain,
        ms: Times::of(&times),
        ratio: None,
        ratio_to_get_item: None,
        processor_ms: None,
    }))
}
