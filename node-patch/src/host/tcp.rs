//! The real network: TCP of the operating system.

use std::{io, net::SocketAddr};

use futures_util::FutureExt;
use hegemon_adapter::Seed;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{
    link,
    net::{BoxFuture, Listener, Net, Reading, Stream, TCP_USER_TIMEOUT, Writing},
};

/// Connections that the system holds until we accept them; the usual 128 overflow in a burst, and
/// then an honest newcomer's next try is a second later.
const BACKLOG: u32 = 1_024;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Tcp;

/// Listens on an address.
///
/// # Errors
///
/// If it cannot be listened on.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A node that starts again finds its address free.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl Net for Tcp {
    fn bind(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(listen(addr)?))
    }

    fn dial(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        async move { Ok(Box::new(TcpStream::connect(addr).await?) as Box<dyn Stream>) }.boxed()
    }

    fn lookup<'a>(&'a self, seed: &'a Seed) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        seed.lookup().boxed()
    }

    fn announce(&self, seeds: &[SocketAddr]) {
        link::announce(seeds);
    }
}

impl Listener for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        async {
            let (stream, remote) = TcpListener::accept(self).await?;
            Ok((Box::new(stream) as Box<dyn Stream>, remote))
        }
        .boxed()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

impl Stream for TcpStream {
    fn tune(&self) {
        let _ = self.set_nodelay(true);
        let _ = socket2::SockRef::from(self).set_tcp_user_timeout(Some(TCP_USER_TIMEOUT));
    }

    fn reset(self: Box<Self>) {
        let _ = self.set_zero_linger();
    }

    fn split(self: Box<Self>) -> (Reading, Writing) {
        let (reading, writing) = self.into_split();
        (Box::new(reading), Box::new(writing))
    }
}
