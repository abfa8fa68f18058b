//! What a node needs of a network.

use std::{io, net::SocketAddr, time::Duration};

pub use futures_util::future::BoxFuture;
use hegemon_adapter::Seed;
use tokio::io::{AsyncRead, AsyncWrite};

/// Unacknowledged data for so long: the other host is gone.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A network.
pub trait Net: Send + Sync + 'static {
    /// Listens on an address; port 0 takes any.
    ///
    /// # Errors
    ///
    /// If it cannot be listened on.
    fn bind(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>>;

    /// Connects once; the caller has the deadline. Dropped, it leaves nothing behind.
    fn dial(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Stream>>>;

    /// The addresses of a seed now; the caller has the deadline.
    fn lookup<'a>(&'a self, seed: &'a Seed) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// Makes this host known where somebody may wait for it already: on the links of these
    /// addresses. Best effort.
    fn announce(&self, seeds: &[SocketAddr]);
}

/// A socket that listens.
pub trait Listener: Send + 'static {
    /// The next connection, and where it comes from. Dropped before it is there, it loses none.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>>;

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// The system's.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// What is read from.
pub type Reading = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to; dropped, it tells the other end that no more comes.
pub type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// One end of a connection. Dropped, it is closed in order.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Sends small writes at once, and notices a host that is gone after [`TCP_USER_TIMEOUT`]. Best
    /// effort: without it the connection still works.
    fn tune(&self);

    /// Ends it with a reset: nothing of it stays. Best effort.
    fn reset(self: Box<Self>);

    /// Both directions apart.
    fn split(self: Box<Self>) -> (Reading, Writing);
}
