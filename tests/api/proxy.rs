//! A TCP proxy on loopback, in front of DynamoDB or LiveChat, which injects faults on request.
//!
//! All it knows of HTTP is that a request is followed by its response: a connection with a request and
//! no response yet is *waiting*.

use crate::world::{World, until};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to connections from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No fault.
    #[default]
    Pass,
    /// Everything that is sent, in either direction, is delayed by this duration.
    Delay(Duration),
    /// New connections are accepted, but nothing is passed on. When the mode changes, all connections are closed: a client that
    /// sent something would hang otherwise.
    BlackHole,
    /// All connections are reset, new ones at once.
    Refuse,
    /// Requests are passed on, and take effect. Each connection is reset in place of the response.
    LoseResponses,
    /// Each request that got a response arrives a second time after this duration, as if its client had sent it twice and the
    /// network had delayed one copy.
    Repeat(Duration),
}

/// The proxy. Clones share it. It serves until the runtime ends.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    upstream: SocketAddr,
    state: Arc<watch::Sender<State>>,
    open: Arc<Gauge>,
    waiting: Arc<Gauge>,
    repeated: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    mode: Mode,
    /// The number of cuts so far. Each resets all connections that are open.
    cuts: u64,
    /// The next response is lost.
    loses_next: bool,
}

impl World {
    /// A proxy in front of the service at the URL in this setting.
    pub(crate) async fn proxy_to(&self, setting: &str) -> Proxy {
        let url = self.setting(setting).expect("a setting");
        let host = url.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
        let upstream =
            host.parse().unwrap_or_else(|_| panic!("expected a URL such as http://127.0.0.1:8000, not {url}"));
        Proxy::start(upstream).await
    }
}

impl Proxy {
    /// How long the proxy waits for upstream's response after the client has disconnected.
    const LINGERS: Duration = Duration::from_secs(5);

    /// Listens on a free port, in front of `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(watch::Sender::default());
        let proxy =
            Self { address, upstream, state, open: Arc::default(), waiting: Arc::default(), repeated: Arc::default() };
        let serves = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let serves = serves.clone();
                tokio::spawn(async move { serves.carry(client).await });
            }
        });
        proxy
    }

    /// The URL at which it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what happens to connections, open ones included.
    pub(crate) fn set(&self, mode: Mode) {
        self.state.send_modify(|state| {
            state.cuts += u64::from(mode == Mode::Refuse || (state.mode == Mode::BlackHole && mode != state.mode));
            (state.mode, state.loses_next) = (mode, false);
        });
    }

    /// Resets all open connections, also in the middle of a response. New ones are not affected.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Loses the next response on any connection: its request takes effect, and its connection is reset. If there is no response before
    /// the next [`set`](Self::set), none is lost.
    pub(crate) fn lose_next_response(&self) {
        self.state.send_modify(|state| state.loses_next = true);
    }

    /// Whether a response is still to be lost.
    pub(crate) fn loses_next(&self) -> bool {
        self.state.borrow().loses_next
    }

    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.open.now.load(SeqCst)
    }

    /// The number of connections with a request and no response yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.now.load(SeqCst)
    }

    /// The maximum of [`waiting`](Self::waiting) since the start or the latest [`forget_most`](Self::forget_most).
    pub(crate) fn most_waiting(&self) -> usize {
        self.waiting.most.load(SeqCst)
    }

    /// Resets the maximum.
    pub(crate) fn forget_most(&self) {
        self.waiting.most.store(self.waiting(), SeqCst);
    }

    /// The number of requests that were or will be sent a second time and start with these bytes.
    pub(crate) fn repeated(&self, start: &str) -> usize {
        let repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        repeated.iter().filter(|line| line.starts_with(start)).count()
    }

    async fn carry(self, mut client: TcpStream) {
        let _open = self.open.enter();
        let mut state = self.state.subscribe();
        let State { mode, cuts, .. } = *state.borrow_and_update();
        let ended_well = mode != Mode::Refuse
            && tokio::select! {
                _ = state.wait_for(|state| state.cuts != cuts) => false,
                ended = self.forward(&mut client) => ended.is_ok(),
            };
        if !ended_well {
            let _ = client.set_zero_linger();
        }
    }

    /// Carries bytes both ways until one side ends the connection.
    async fn forward(&self, client: &mut TcpStream) -> io::Result<()> {
        let mut upstream = TcpStream::connect(self.upstream).await?;
        for stream in [&*client, &upstream] {
            stream.set_nodelay(true)?;
        }
        let (mut request, mut response) = (vec![0; 16_384], vec![0; 16_384]);
        let (mut waiting, mut arrived, mut sent) = (None, false, Vec::new());
        loop {
            tokio::select! {
                read = client.read(&mut request) => {
                    let Some(read) = read.ok().filter(|read| *read > 0) else { break };
                    waiting.get_or_insert_with(|| self.waiting.enter());
                    sent.extend_from_slice(&request[..read]);
                    arrived = self.pass_on(&request[..read], &mut upstream).await?;
                }
                read = upstream.read(&mut response) => {
                    let read = read?;
                    if read > 0 && waiting.is_some() {
                        self.repeat(std::mem::take(&mut sent));
                        if self.loses_this_response() {
                            return Err(io::ErrorKind::ConnectionReset.into());
                        }
                    }
                    if self.pass_on(&response[..read], client).await? {
                        (waiting, arrived) = (None, false);
                    }
                    if read == 0 {
                        return Ok(());
                    }
                }
            }
        }
        drop(waiting);
        if arrived {
            // Keep the connection open, so that the request that arrived takes effect: many servers abort a request when its client
            // disconnects.
            let _ = tokio::time::timeout(Self::LINGERS, upstream.read(&mut response)).await;
        }
        Ok(())
    }

    /// Passes bytes on and returns true. A black hole passes on nothing, not even the end of a connection.
    async fn pass_on(&self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        let mode = || self.state.borrow().mode;
        if let Mode::Delay(delay) = mode() {
            tokio::time::sleep(delay).await;
        }
        if mode() == Mode::BlackHole {
            if bytes.is_empty() {
                std::future::pending::<()>().await;
            }
            return Ok(false);
        }
        to.write_all(bytes).await?;
        Ok(true)
    }

    fn repeat(&self, request: Vec<u8>) {
        let State { mode: Mode::Repeat(later), .. } = *self.state.borrow() else { return };
        let upstream = self.upstream;
        let line = request.split(|byte| *byte == b'\r').next().map(String::from_utf8_lossy).unwrap_or_default();
        self.repeated.lock().unwrap_or_else(PoisonError::into_inner).push(line.into_owned());
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            let mut upstream = TcpStream::connect(upstream).await?;
            upstream.write_all(&request).await?;
            upstream.read(&mut [0; 1024]).await
        });
    }

    fn loses_this_response(&self) -> bool {
        let mut loses = false;
        self.state.send_if_modified(|state| {
            loses = state.mode == Mode::LoseResponses || std::mem::take(&mut state.loses_next);
            false
        });
        loses
    }
}

/// The number of connections in a state, and its maximum.
#[derive(Debug, Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn enter(self: &Arc<Self>) -> Inside {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        Inside(self.clone())
    }
}

struct Inside(Arc<Gauge>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

/// A server that returns each line. Also the number of lines that it has read.
async fn echo() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let read = Arc::new(AtomicUsize::new(0));
    let counts = read.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counts = counts.clone();
            tokio::spawn(async move {
                let mut line = [0; 4];
                while stream.read_exact(&mut line).await.is_ok() {
                    counts.fetch_add(1, SeqCst);
                    if stream.write_all(&line).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, read)
}

async fn ping(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
    stream.write_all(b"ping").await?;
    let mut response = [0; 4];
    stream.read_exact(&mut response).await.map(|_| response)
}

#[tokio::test]
async fn the_proxy_passes_delays_cuts_and_refuses_connections() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let connect = || TcpStream::connect(proxy.address);
    let mut stream = connect().await.expect("a connection");
    assert_eq!(ping(&mut stream).await.ok(), Some(*b"ping"));
    proxy.set(Mode::Delay(Duration::from_millis(30)));
    let started = std::time::Instant::now();
    assert_eq!(ping(&mut stream).await.ok(), Some(*b"ping"));
    assert!(started.elapsed() >= Duration::from_millis(60), "there and back");
    assert_eq!((proxy.open(), proxy.waiting(), proxy.most_waiting()), (1, 0, 1));
    proxy.set(Mode::Pass);
    proxy.cut();
    assert!(ping(&mut stream).await.is_err());
    let mut stream = connect().await.expect("a connection");
    assert!(ping(&mut stream).await.is_ok(), "a cut affects only open connections");
    proxy.set(Mode::Refuse);
    assert!(ping(&mut stream).await.is_err());
    if let Ok(mut stream) = connect().await {
        assert!(ping(&mut stream).await.is_err());
    }
    proxy.set(Mode::Pass);
    assert!(ping(&mut connect().await.expect("a connection")).await.is_ok());
    assert_eq!(read.load(SeqCst), 4);
    proxy.set(Mode::Delay(Duration::from_millis(30)));
    let mut gone = connect().await.expect("a connection");
    gone.write_all(b"ping").await.expect("sent");
    drop(gone);
    until("the request", async || read.load(SeqCst) == 5).await;
    until("the connection", async || proxy.open() == 0).await;
}

#[tokio::test]
async fn a_lost_response_is_lost_after_its_request_arrived() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let connect = || TcpStream::connect(proxy.address);
    let mut stream = connect().await.expect("a connection");
    proxy.lose_next_response();
    assert!(ping(&mut stream).await.is_err());
    assert!(ping(&mut connect().await.expect("a connection")).await.is_ok(), "only one is lost");
    proxy.lose_next_response();
    proxy.set(Mode::Pass);
    assert!(ping(&mut connect().await.expect("a connection")).await.is_ok(), "none is lost after a change of mode");
    proxy.set(Mode::LoseResponses);
    for _ in 0..2 {
        assert!(ping(&mut connect().await.expect("a connection")).await.is_err());
    }
    assert_eq!(read.load(SeqCst), 5);
}

#[tokio::test]
async fn a_repeated_request_arrives_twice_and_has_one_response() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let mut stream = TcpStream::connect(proxy.address).await.expect("a connection");
    assert!(ping(&mut stream).await.is_ok());
    proxy.set(Mode::Repeat(Duration::from_millis(50)));
    assert!(ping(&mut stream).await.is_ok());
    assert_eq!(read.load(SeqCst), 2);
    until("the request", async || read.load(SeqCst) == 3).await;
    assert_eq!(proxy.waiting(), 0);
    proxy.set(Mode::Pass);
    assert!(ping(&mut stream).await.is_ok());
    assert_eq!(read.load(SeqCst), 4);
}

#[tokio::test]
async fn a_black_hole_holds_connections_and_resets_them_when_it_ends() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let mut old = TcpStream::connect(proxy.address).await.expect("a connection");
    assert!(ping(&mut old).await.is_ok());
    proxy.set(Mode::BlackHole);
    let mut new = TcpStream::connect(proxy.address).await.expect("a connection");
    let mut gone = TcpStream::connect(proxy.address).await.expect("a connection");
    gone.write_all(b"ping").await.expect("sent");
    let both = tokio::spawn(async move { (ping(&mut old).await.is_err(), ping(&mut new).await.is_err()) });
    until("the connection", async || proxy.waiting() == 2).await;
    drop(gone);
    until("the connection", async || proxy.waiting() == 1).await;
    assert_eq!(proxy.most_waiting(), 2);
    assert!(!both.is_finished());
    proxy.set(Mode::Pass);
    assert_eq!(both.await.ok(), Some((true, true)));
    assert_eq!(read.load(SeqCst), 1, "nothing was passed on");
    until("the connection", async || proxy.waiting() == 0).await;
    proxy.forget_most();
    assert_eq!(proxy.most_waiting(), 0);
}
