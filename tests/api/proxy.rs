//! A TCP proxy on loopback, to stand before DynamoDB or LiveChat and inject faults when a test says so.
//!
//! All it knows of HTTP is that a request is followed by its response: a connection with a request and
//! no response yet is *waiting*.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What becomes of connections from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All is well.
    #[default]
    Pass,
    /// Whatever is sent, either way, arrives that much later.
    Delay(Duration),
    /// New connections are accepted and nothing goes through. At the end, all of them are closed: a client that sent
    /// something would otherwise hang.
    BlackHole,
    /// All connections are reset, new ones at once.
    Refuse,
    /// Requests go through, and take effect. Instead of the answer there is a reset.
    LoseAnswers,
    /// Each request that is answered arrives once more, that much later, as if its client had sent it twice and the first
    /// one had been held up.
    Repeat(Duration),
}

/// The proxy. Clones are handles of the same one, which serves until the runtime ends.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    upstream: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    open: Arc<Gauge>,
    waiting: Arc<Gauge>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    mode: Mode,
    /// Connections that are older than the latest cut are dead.
    cuts: u64,
    /// The next answer is lost.
    loses_next: bool,
}

impl Proxy {
    /// How long upstream has for an answer that nobody waits for.
    const LINGERS: Duration = Duration::from_secs(5);

    /// Listens on a free port, for `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let weather = Arc::new(watch::Sender::default());
        let proxy = Self { address, upstream, weather, open: Arc::default(), waiting: Arc::default() };
        let serves = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let serves = serves.clone();
                tokio::spawn(async move { serves.carry(client).await });
            }
        });
        proxy
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what becomes of connections, those that are open too.
    pub(crate) fn set(&self, mode: Mode) {
        self.weather.send_modify(|weather| {
            weather.cuts +=
                u64::from(mode == Mode::Refuse || (weather.mode == Mode::BlackHole && mode != weather.mode));
            (weather.mode, weather.loses_next) = (mode, false);
        });
    }

    /// Resets all connections that are open, also in the middle of an answer. New ones are as before.
    pub(crate) fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// The next answer, whoever's it is, is lost: its request takes effect, and its connection is reset. If none comes before
    /// the next [`set`](Self::set), none is lost.
    pub(crate) fn lose_next_answer(&self) {
        self.weather.send_modify(|weather| weather.loses_next = true);
    }

    /// Whether that is still to come.
    pub(crate) fn loses_next(&self) -> bool {
        self.weather.borrow().loses_next
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.open.now.load(SeqCst)
    }

    /// Connections on which something was sent and nothing has come back yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.now.load(SeqCst)
    }

    /// The most that were ever [`waiting`](Self::waiting) at the same time since the start or the latest
    /// [`forget_most`](Self::forget_most).
    pub(crate) fn most_waiting(&self) -> usize {
        self.waiting.most.load(SeqCst)
    }

    /// Starts to count the most anew.
    pub(crate) fn forget_most(&self) {
        self.waiting.most.store(self.waiting(), SeqCst);
    }

    async fn carry(self, mut client: TcpStream) {
        let _open = self.open.enter();
        let mut weather = self.weather.subscribe();
        let Weather { mode, cuts, .. } = *weather.borrow_and_update();
        let ended_well = mode != Mode::Refuse
            && tokio::select! {
                _ = weather.wait_for(|weather| weather.cuts != cuts) => false,
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
        let (mut request, mut answer) = (vec![0; 16_384], vec![0; 16_384]);
        let (mut waiting, mut arrived, mut sent) = (None, false, Vec::new());
        loop {
            tokio::select! {
                read = client.read(&mut request) => {
                    let Some(read) = read.ok().filter(|read| *read > 0) else { break };
                    waiting.get_or_insert_with(|| self.waiting.enter());
                    sent.extend_from_slice(&request[..read]);
                    arrived = self.pass_on(&request[..read], &mut upstream).await?;
                }
                read = upstream.read(&mut answer) => {
                    let read = read?;
                    if read > 0 && waiting.is_some() {
                        self.repeat(std::mem::take(&mut sent));
                        if self.loses_this_answer() {
                            return Err(io::ErrorKind::ConnectionReset.into());
                        }
                    }
                    if self.pass_on(&answer[..read], client).await? {
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
            // What has arrived takes effect, although nobody waits for the answer any more: many servers drop what they do
            // for who has gone.
            let _ = tokio::time::timeout(Self::LINGERS, upstream.read(&mut answer)).await;
        }
        Ok(())
    }

    /// Whether it went through. In a black hole nothing does, and the end of the connection does not show either.
    async fn pass_on(&self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        let mode = || self.weather.borrow().mode;
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
        let Weather { mode: Mode::Repeat(later), .. } = *self.weather.borrow() else { return };
        let upstream = self.upstream;
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            let mut upstream = TcpStream::connect(upstream).await?;
            upstream.write_all(&request).await?;
            upstream.read(&mut [0; 1024]).await
        });
    }

    fn loses_this_answer(&self) -> bool {
        let mut loses = false;
        self.weather.send_if_modified(|weather| {
            loses = weather.mode == Mode::LoseAnswers || std::mem::take(&mut weather.loses_next);
            false
        });
        loses
    }
}

/// How many are in, and how many ever were at the same time.
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

/// A server that answers each line with the same line; how many it has read.
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

async fn ask(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
    stream.write_all(b"ping").await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map(|_| answer)
}

async fn until(what: impl Fn() -> bool) {
    let waits = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it comes about");
}

#[tokio::test]
async fn the_proxy_passes_delays_cuts_and_refuses_connections() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let connect = || TcpStream::connect(proxy.address);
    let mut stream = connect().await.expect("a connection");
    assert_eq!(ask(&mut stream).await.ok(), Some(*b"ping"));
    proxy.set(Mode::Delay(Duration::from_millis(30)));
    let started = std::time::Instant::now();
    assert_eq!(ask(&mut stream).await.ok(), Some(*b"ping"));
    assert!(started.elapsed() >= Duration::from_millis(60), "there and back");
    assert_eq!((proxy.open(), proxy.waiting(), proxy.most_waiting()), (1, 0, 1));
    proxy.set(Mode::Pass);
    proxy.cut();
    assert!(ask(&mut stream).await.is_err());
    let mut stream = connect().await.expect("a connection");
    assert!(ask(&mut stream).await.is_ok(), "a cut is for those that were open");
    proxy.set(Mode::Refuse);
    assert!(ask(&mut stream).await.is_err());
    if let Ok(mut stream) = connect().await {
        assert!(ask(&mut stream).await.is_err());
    }
    proxy.set(Mode::Pass);
    assert!(ask(&mut connect().await.expect("a connection")).await.is_ok());
    assert_eq!(read.load(SeqCst), 4);
    proxy.set(Mode::Delay(Duration::from_millis(30)));
    let mut gone = connect().await.expect("a connection");
    gone.write_all(b"ping").await.expect("sent");
    drop(gone);
    until(|| read.load(SeqCst) == 5).await;
    until(|| proxy.open() == 0).await;
}

#[tokio::test]
async fn a_lost_response_is_lost_after_its_request_arrived() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let connect = || TcpStream::connect(proxy.address);
    let mut stream = connect().await.expect("a connection");
    proxy.lose_next_answer();
    assert!(ask(&mut stream).await.is_err());
    assert!(ask(&mut connect().await.expect("a connection")).await.is_ok(), "one is one");
    proxy.lose_next_answer();
    proxy.set(Mode::Pass);
    assert!(ask(&mut connect().await.expect("a connection")).await.is_ok(), "that is over");
    proxy.set(Mode::LoseAnswers);
    for _ in 0..2 {
        assert!(ask(&mut connect().await.expect("a connection")).await.is_err());
    }
    assert_eq!(read.load(SeqCst), 5);
}

#[tokio::test]
async fn a_repeated_request_arrives_twice_and_has_one_response() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let mut stream = TcpStream::connect(proxy.address).await.expect("a connection");
    assert!(ask(&mut stream).await.is_ok());
    proxy.set(Mode::Repeat(Duration::from_millis(50)));
    assert!(ask(&mut stream).await.is_ok());
    assert_eq!(read.load(SeqCst), 2);
    until(|| read.load(SeqCst) == 3).await;
    assert_eq!(proxy.waiting(), 0);
    proxy.set(Mode::Pass);
    assert!(ask(&mut stream).await.is_ok());
    assert_eq!(read.load(SeqCst), 4);
}

#[tokio::test]
async fn a_black_hole_holds_connections_and_resets_them_when_it_ends() {
    let (upstream, read) = echo().await;
    let proxy = Proxy::start(upstream).await;
    let mut old = TcpStream::connect(proxy.address).await.expect("a connection");
    assert!(ask(&mut old).await.is_ok());
    proxy.set(Mode::BlackHole);
    let mut new = TcpStream::connect(proxy.address).await.expect("a connection");
    let mut gone = TcpStream::connect(proxy.address).await.expect("a connection");
    gone.write_all(b"ping").await.expect("sent");
    let both = tokio::spawn(async move { (ask(&mut old).await.is_err(), ask(&mut new).await.is_err()) });
    until(|| proxy.waiting() == 2).await;
    drop(gone);
    until(|| proxy.waiting() == 1).await;
    assert_eq!(proxy.most_waiting(), 2);
    assert!(!both.is_finished());
    proxy.set(Mode::Pass);
    assert_eq!(both.await.ok(), Some((true, true)));
    assert_eq!(read.load(SeqCst), 1, "nothing of it went through");
    until(|| proxy.waiting() == 0).await;
    proxy.forget_most();
    assert_eq!(proxy.most_waiting(), 0);
}
