//! One connection, from TCP to an established session, with a deadline on every step.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use hegemon_discovery::DialError;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::codec::Framed;

use crate::transport::{
    frame::{Frame, FrameCodec, FrameError},
    handshake::{self, Established, ExpectInitHello, HandshakeError},
    identity::Identity,
};

/// A dead address costs a dial no more than this.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The whole handshake, either role. Three messages and a millisecond of computation; the rest is
/// for slow lines.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Unacknowledged data for so long: the other host is gone.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// An authenticated connection.
pub struct Connection {
    /// The socket, still with the handshake's codec; bytes that were read past `Finish` are in its
    /// buffer.
    pub framed: Framed<TcpStream, FrameCodec>,
    /// Keys, and who is at the other end.
    pub established: Established,
    /// The other end of the socket.
    pub remote: SocketAddr,
}

/// Why a connection did not come to be.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not in time.
    #[error("timed out")]
    Timeout,
    /// The other side hung up in the middle.
    #[error("closed by the other side during the handshake")]
    HungUp,
    /// What it said.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// Nobody's fault: the other side has our own identity, and both sides know it now.
    #[error("the other side is this node itself, or has its identity")]
    Itself,
    /// Its frames or the socket.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// No connection at all.
    #[error(transparent)]
    Connect(io::Error),
}

impl ConnectError {
    /// What a failed dial says about the address.
    #[must_use]
    pub fn blame(&self) -> DialError {
        match self {
            Self::Timeout => DialError::Unreachable,
            Self::Connect(error) if error.kind() == ErrorKind::ConnectionRefused => {
                DialError::Refused
            }
            Self::Connect(error) if is_local(error) => DialError::LocalNetwork,
            Self::Connect(_) => DialError::Unreachable,
            Self::Itself => DialError::Itself,
            Self::HungUp | Self::Handshake(_) | Self::Frame(_) => DialError::Handshake,
        }
    }
}

/// No network here, or out of addresses or descriptors: ours, whoever was dialled.
fn is_local(error: &io::Error) -> bool {
    const NETWORK: [ErrorKind; 4] = [
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::AddrNotAvailable,
        ErrorKind::PermissionDenied,
    ];
    /// ENFILE, EMFILE and ENOBUFS of Linux, which std has no names for.
    const RESOURCES: [i32; 3] = [23, 24, 105];
    NETWORK.contains(&error.kind())
        || error.raw_os_error().is_some_and(|code| RESOURCES.contains(&code))
}

/// Connects and shakes hands as the dialer.
///
/// # Errors
///
/// [`ConnectError`].
pub async fn dial(addr: SocketAddr, identity: Arc<Identity>) -> Result<Connection, ConnectError> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(addr))
        .await
        .map_err(|_| ConnectError::Timeout)?
        .map_err(ConnectError::Connect)?;
    tune(&stream);
    let mut framed = Framed::new(stream, FrameCodec::handshake());
    let established = timeout(HANDSHAKE_TIMEOUT, shake_as_dialer(&mut framed, identity))
        .await
        .map_err(|_| ConnectError::Timeout)??;
    Ok(Connection { framed, established, remote: addr })
}

/// Shakes hands as the listener.
///
/// # Errors
///
/// [`ConnectError`].
pub async fn accept(
    stream: TcpStream,
    remote: SocketAddr,
    identity: Arc<Identity>,
) -> Result<Connection, ConnectError> {
    tune(&stream);
    let mut framed = Framed::new(stream, FrameCodec::handshake());
    let established = timeout(HANDSHAKE_TIMEOUT, shake_as_listener(&mut framed, identity))
        .await
        .map_err(|_| ConnectError::Timeout)??;
    Ok(Connection { framed, established, remote })
}

async fn shake_as_dialer(
    framed: &mut Framed<TcpStream, FrameCodec>,
    identity: Arc<Identity>,
) -> Result<Established, ConnectError> {
    let own = identity.peer_id();
    let (state, init_hello) = handshake::start(identity)?;
    framed.send(init_hello).await?;
    let (established, finish) = state.receive(&next_frame(framed).await?)?;
    framed.send(finish).await?;
    if established.peer == own { Err(ConnectError::Itself) } else { Ok(established) }
}

async fn shake_as_listener(
    framed: &mut Framed<TcpStream, FrameCodec>,
    identity: Arc<Identity>,
) -> Result<Established, ConnectError> {
    let state = ExpectInitHello::new(identity);
    let (state, resp_hello) = state.receive(&next_frame(framed).await?)?;
    framed.send(resp_hello).await?;
    Ok(state.receive(&next_frame(framed).await?)?)
}

async fn next_frame(framed: &mut Framed<TcpStream, FrameCodec>) -> Result<Frame, ConnectError> {
    Ok(framed.next().await.ok_or(ConnectError::HungUp)??)
}

/// Best effort: a socket without these options still works, only later in noticing that nobody is
/// there.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(TCP_USER_TIMEOUT));
}
