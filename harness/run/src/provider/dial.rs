//! How the harness gets to an address of a run's network.

use std::{io, net::SocketAddr};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::net::TcpStream;

/// Connects by TCP.
pub trait Dial: Send + Sync {
    /// Waits as long as the operating system does: the caller bounds it.
    fn dial(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// From the network of this process.
#[derive(Debug, Clone, Copy)]
pub struct Direct;

impl Dial for Direct {
    fn dial(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
        .boxed()
    }
}
