//! An identity provider's HTTP server. It runs in this process, on its only thread. A function fetches the key set from it over HTTP.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::LocalSet,
};

/// The placeholder for the server's port in a document.
pub const PORT: &str = "PORT";

/// The path of the first document. Any other path returns the second document.
pub const PATH: &str = "/jwks.json";

/// The documents that are served, and the number of requests.
#[derive(Debug, Default)]
struct Served {
    documents: [Vec<u8>; 2],
    requests: usize,
}

/// The server.
pub struct Provider {
    runtime: Runtime,
    tasks: LocalSet,
    served: Rc<RefCell<Served>>,
    port: u16,
}

/// The outcome of [`Provider::visit`].
pub struct Visit<T> {
    /// The result of the future.
    pub result: T,
    /// The number of requests.
    pub requests: usize,
    /// Whether this machine was so slow that the function may have timed out.
    pub is_late: bool,
}

impl Provider {
    /// Listens on a free port of this machine.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (tasks, served) = (LocalSet::new(), Rc::new(RefCell::new(Served::default())));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = served.clone();
        tasks.spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, shared.clone()));
            }
        });
        Self { runtime, tasks, served, port }
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the first document.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Runs a future while these documents are served.
    pub fn visit<T>(&self, documents: [Vec<u8>; 2], visitor: impl Future<Output = T>) -> Visit<T> {
        const LONGEST: Duration = Duration::from_millis(900);
        *self.served.borrow_mut() = Served { documents, requests: 0 };
        let start = Instant::now();
        let result = self.tasks.block_on(&self.runtime, visitor);
        Visit { result, requests: self.served.borrow().requests, is_late: start.elapsed() > LONGEST }
    }
}

/// Serves a connection until the client closes it. Then it is reset, so that its port is free at once.
async fn serve(mut stream: TcpStream, served: Rc<RefCell<Served>>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        request.extend_from_slice(&buffer[..read]);
        if request.ends_with(b"\r\n\r\n") {
            let response = served.borrow_mut().response(&request);
            request.clear();
            if stream.write_all(&response).await.is_err() {
                break;
            }
        }
    }
    let _ = stream.set_zero_linger();
}

impl Served {
    fn response(&mut self, request: &[u8]) -> Vec<u8> {
        self.requests += 1;
        let is_first = request.starts_with(format!("GET {PATH} ").as_bytes());
        let body = &self.documents[usize::from(!is_first)];
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    }
}
