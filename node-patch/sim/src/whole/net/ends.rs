//! What a process holds of the network: the real node's [`Net`], over a [`SimNet`].

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hegemon_node::{
    host::net::{BoxFuture, Listener, Net, Reading, Stream, Writing},
    net::discovery_driver::Seed,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connection::{Side, Stage},
    fabric::ConnectionId,
    network::SimNet,
    paths::HostId,
};

/// A computer's network.
#[derive(Debug, Clone)]
pub struct HostNet {
    net: SimNet,
    host: HostId,
    ip: IpAddr,
}

impl HostNet {
    /// A new computer with an address, and its network as a process there has it.
    #[must_use]
    pub fn new(net: &SimNet, host: HostId, ip: IpAddr) -> Self {
        net.with(|fabric| fabric.add(host, ip));
        Self { net: net.clone(), host, ip }
    }

    /// Which computer.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.host
    }

    /// Its address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }
}

impl Net for HostNet {
    fn bind(&self, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        let number = self.net.with(|fabric| fabric.listen(self.host, addr.port()))?;
        Ok(Box::new(SimListener { host: self.clone(), port: addr.port(), number }))
    }

    fn dial(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let Some(id) = self.net.with(|fabric| fabric.dial(self.host, addr)) else {
                return std::future::pending().await;
            };
            let end = Arc::new(Held { net: self.net.clone(), id, side: Side::Dialer });
            poll_fn(|cx| end.poll_open(cx)).await?;
            Ok(Box::new(SimStream { end }) as Box<dyn Stream>)
        })
    }

    /// Names are addresses here, as long as there is somebody to ask.
    fn lookup<'a>(&'a self, seed: &'a Seed) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        if !self.net.with(|fabric| fabric.has_names) {
            let unknown = io::Error::other("the resolver does not answer");
            return Box::pin(async { Err(unknown) });
        }
        let addr = seed.to_string().parse::<SocketAddr>().map_err(io::Error::other);
        Box::pin(async move { addr.map(|addr| vec![addr]) })
    }

    fn announce(&self, _seeds: &[SocketAddr]) {}
}

/// A process's hold on an end: let go of, it is closed.
#[derive(Debug)]
struct Held {
    net: SimNet,
    id: ConnectionId,
    side: Side,
}

impl Held {
    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.net.with(|fabric| {
            let Some(connection) = fabric.connections.get_mut(&self.id) else {
                return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
            };
            let end = connection.end(self.side);
            match (end.stage, end.error) {
                (_, Some(error)) => Poll::Ready(Err(error.into())),
                (Stage::Dialling, None) => {
                    end.writer = Some(cx.waker().clone());
                    Poll::Pending
                }
                (Stage::Gone, None) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                (Stage::Greeted | Stage::Queued | Stage::Open | Stage::Orphaned, None) => {
                    Poll::Ready(Ok(()))
                }
            }
        })
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (room, waker) = (buf.remaining(), cx.waker());
        let read = self.net.with(|fabric| fabric.read(self.id, self.side, room, waker));
        match read {
            None => Poll::Pending,
            Some(Ok(bytes)) => {
                buf.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let waker = cx.waker();
        match self.net.with(|fabric| fabric.write(self.id, self.side, bytes, waker)) {
            None => Poll::Pending,
            Some(written) => Poll::Ready(written),
        }
    }

    /// As one write: what a kernel does with a list of buffers.
    fn poll_write_all(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            [] => Poll::Ready(Ok(0)),
            [one] => self.poll_write(cx, one),
            several => {
                let joined: Vec<u8> = several.iter().flat_map(|buf| buf.iter().copied()).collect();
                self.poll_write(cx, &joined)
            }
        }
    }

    fn finish(&self) {
        self.net.with(|fabric| fabric.finish(self.id, self.side));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.net.with(|fabric| fabric.close(self.id, self.side));
    }
}

/// A connection, at one of its ends.
#[derive(Debug)]
struct SimStream {
    end: Arc<Held>,
}

impl Stream for SimStream {
    fn tune(&self) {}

    fn reset(self: Box<Self>) {
        let end = &self.end;
        end.net.with(|fabric| fabric.abort(end.id, end.side));
    }

    fn split(self: Box<Self>) -> (Reading, Writing) {
        let reading = Self { end: self.end.clone() };
        (Box::new(reading), Box::new(SimWriting { end: self.end }))
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.end.poll_read(cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.finish();
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write_all(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Dropped, its direction is over.
#[derive(Debug)]
struct SimWriting {
    end: Arc<Held>,
}

impl Drop for SimWriting {
    fn drop(&mut self) {
        self.end.finish();
    }
}

impl AsyncWrite for SimWriting {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.finish();
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.end.poll_write_all(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct SimListener {
    host: HostNet,
    port: u16,
    number: u64,
}

impl Listener for SimListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async {
            let (net, place) = (&self.host.net, (self.host.host, self.port, self.number));
            let accepted = poll_fn(|cx| {
                let taken = net.with(|fabric| fabric.accept(place, cx.waker()));
                taken.map_or(Poll::Pending, Poll::Ready)
            });
            let (id, remote) = accepted.await;
            let end = Arc::new(Held { net: net.clone(), id, side: Side::Listener });
            Ok((Box::new(SimStream { end }) as Box<dyn Stream>, remote))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::new(self.host.ip, self.port))
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let HostNet { net, host, .. } = &self.host;
        net.with(|fabric| fabric.stop_listening(*host, self.port, self.number));
    }
}
