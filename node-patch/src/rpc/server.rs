//! The listener, and the thread that serves.

use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    context::RpcContext,
    http::Connection,
    limits::{MAX_CONNECTIONS, MAX_HEAD_BYTES},
    shared::{RpcConfig, Shared},
};
use crate::host::tcp;

/// Out of descriptors: try again so much later. A descriptor comes free when a session ends, not by
/// our asking.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Between two log lines about that.
const ACCEPT_SILENCE: Duration = Duration::from_secs(60);

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve RPC on {addr}; choose another --rpc-port, or stop what listens there")]
pub struct RpcError {
    addr: SocketAddr,
    source: io::Error,
}

/// A running server. It serves until stopped, dropped or not.
#[derive(Debug)]
pub struct RpcServer {
    addr: SocketAddr,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl RpcServer {
    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening, lets running calls end, and waits for that.
    pub async fn stop(self) {
        self.stop.cancel();
        // An error means that it has ended already.
        let _ = self.ended.await;
    }
}

/// Starts the server, on a thread of its own: what clients ask delays no session, and decrypting a
/// session's frames delays no answer. One thread, so that clients cannot take more than one core.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn start(config: RpcConfig, context: RpcContext) -> Result<RpcServer, RpcError> {
    let failed = |source| RpcError { addr: config.addr, source };
    let listener = tcp::listen(config.addr).and_then(TcpListener::into_std).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let stop = CancellationToken::new();
    let shared = Arc::new(Shared::new(config, context, stop.clone()));
    let (end, ended) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("it was one of tokio's");
            accept(listener, &shared).await;
            shared.tasks.close();
            shared.tasks.wait().await;
        });
        // Nobody waits if the server was dropped.
        let _ = end.send(());
    };
    thread::Builder::new().name("rpc".to_owned()).spawn(serve).map_err(failed)?;
    Ok(RpcServer { addr, stop, ended })
}

/// Accepts until it is told to stop.
async fn accept(listener: TcpListener, shared: &Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut told: Option<Instant> = None;
    let next = async || {
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        (listener.accept().await, place)
    };
    loop {
        let (accepted, place) = tokio::select! {
            next = next() => next,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = Arc::new(place);
                let connection = Connection { shared: Arc::clone(shared), peer, place };
                shared.tasks.spawn(serve(stream, connection));
            }
            Err(error) => {
                if told.is_none_or(|then| then.elapsed() >= ACCEPT_SILENCE) {
                    told = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept RPC connections; trying on. Out of descriptors: raise the limit (ulimit -n), or lower HEGEMON_MAX_PEERS");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until it ends, or becomes a WebSocket with a task of its own.
async fn serve(stream: TcpStream, connection: Connection) {
    let shared = Arc::clone(&connection.shared);
    // Both are best effort. A client that does not read gets its connection ended by the kernel.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(shared.patience.answer));
    let service = service_fn(|request| connection.clone().answer(request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.patience.request)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = shared.stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %connection.peer, %error, "an RPC connection broke");
    }
}
