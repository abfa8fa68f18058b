//! The listener. Everything that a client may hold is bounded in number and time, and the page is
//! made at most once in [`PAGE_AGE`], whoever asks and how often.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
    time::{Instant, sleep, timeout},
};

use super::page::{Page, Sources};
use crate::rpc::guard::{self, Reach};

/// Connections at a time. A scraper needs one for some milliseconds; a newcomer beyond the limit
/// takes the oldest one's place, so that nobody who holds connections open keeps a scraper out.
const MAX_CONNECTIONS: usize = 16;
/// A connection is for one request, and lasts no longer than this: bounds slow clients.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head, the least that hyper takes; nothing more of a request is read.
const MAX_HEAD: usize = 8 * 1024;
/// How old a page may be: what it shows is renewed as often.
const PAGE_AGE: Duration = Duration::from_secs(1);
/// Out of descriptors: try again so much later.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// OpenMetrics 1.0, as its specification spells it.
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve metrics on {addr}; choose another --prometheus-port, or stop what listens there"
)]
pub struct MetricsError {
    addr: SocketAddr,
    source: io::Error,
}

/// A running server; it ends when this is dropped, and its connections with it.
#[derive(Debug)]
pub struct MetricsServer {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the page at `/metrics`.
///
/// # Errors
///
/// If the address cannot be listened on.
pub async fn serve(addr: SocketAddr, sources: Sources) -> Result<MetricsServer, MetricsError> {
    let bound = async {
        let listener = TcpListener::bind(addr).await?;
        Ok((listener.local_addr()?, listener))
    };
    let (addr, listener) = bound.await.map_err(|source| MetricsError { addr, source })?;
    let shown = Shown { reach: Reach::of(addr), page: Page::new(sources), last: None.into() };
    Ok(MetricsServer { addr, task: tokio::spawn(accept(listener, Arc::new(shown))) })
}

async fn accept(listener: TcpListener, shown: Arc<Shown>) {
    let mut connections = Connections::default();
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                connections.add(tokio::spawn(answer(stream, shown.clone())).abort_handle());
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept a connection to the metrics; if the node is out of descriptors, raise its limit (ulimit -n)");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Living connections, oldest first.
#[derive(Default)]
struct Connections(VecDeque<AbortHandle>);

impl Connections {
    fn add(&mut self, connection: AbortHandle) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(connection);
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        for connection in &self.0 {
            connection.abort();
        }
    }
}

/// One request, one answer. What goes wrong is the client's affair.
async fn answer(stream: TcpStream, shown: Arc<Shown>) {
    let service = service_fn(|request| {
        let response = shown.respond(&request);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let _ = timeout(CONNECTION_TIME, connection).await;
}

/// What all connections share.
struct Shown {
    reach: Reach,
    page: Page,
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Shown {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if let Err(why) = guard::admit(request.headers(), self.reach) {
            return refusal(StatusCode::FORBIDDEN, format!("{why}\n"));
        }
        if request.uri().path() != "/metrics" {
            return refusal(StatusCode::NOT_FOUND, "The metrics are at /metrics.\n");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        response(StatusCode::OK, OPENMETRICS, self.page())
    }

    fn page(&self) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((made, page)) if made.elapsed() < PAGE_AGE => page.clone(),
            Some(_) | None => {
                let page = Bytes::from(self.page.render());
                *last = Some((Instant::now(), page.clone()));
                page
            }
        }
    }
}

fn refusal(status: StatusCode, why: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, PLAIN, why.into())
}

fn response(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
