//! One connection, from TCP to an established session, with a deadline on every step.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use hegemon_discovery::DialError;
use tokio::time::{sleep, timeout};
use tokio_util::codec::Framed;

use crate::{
    host::net::{Net, Stream},
    net::peering::Attempts,
    transport::{
        frame::{Frame, FrameCodec, FrameError},
        handshake::{self, Established, ExpectInitHello, HandshakeError},
        identity::Identity,
    },
};

/// A dead address costs a dial no more than this.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The second attempt of a dial begins so long after the first. A packet that is lost at the start is
/// repeated by the kernel after a second; who waits longer than this for an answer waits for that.
pub const SECOND_ATTEMPT: Duration = Duration::from_millis(250);
/// The whole handshake, either role. Three messages and a millisecond of computation; the rest is
/// for slow lines.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// An authenticated connection.
pub struct Connection {
    /// The socket, still with the handshake's codec; bytes that were read past `Finish` are in its
    /// buffer.
    pub framed: Framed<Box<dyn Stream>, FrameCodec>,
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
pub async fn dial(
    net: &dyn Net,
    addr: SocketAddr,
    attempts: Attempts,
    identity: Arc<Identity>,
) -> Result<Connection, ConnectError> {
    let attempt = || net.dial(addr);
    let connected = async {
        match attempts {
            Attempts::One => attempt().await,
            Attempts::Two => first_of_two(attempt, sleep(SECOND_ATTEMPT)).await,
        }
    };
    let stream = timeout(CONNECT_TIMEOUT, connected)
        .await
        .map_err(|_| ConnectError::Timeout)?
        .map_err(ConnectError::Connect)?;
    stream.tune();
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
    stream: Box<dyn Stream>,
    remote: SocketAddr,
    identity: Arc<Identity>,
) -> Result<Connection, ConnectError> {
    stream.tune();
    let mut framed = Framed::new(stream, FrameCodec::handshake());
    let established = timeout(HANDSHAKE_TIMEOUT, shake_as_listener(&mut framed, identity))
        .await
        .map_err(|_| ConnectError::Timeout)??;
    Ok(Connection { framed, established, remote })
}

/// The attempt that succeeds first, of one now and one after `pause`; the other one's socket is closed
/// before a word is said over it. What the first fails with is what both fail with.
async fn first_of_two<T, F>(
    attempt: impl Fn() -> F,
    pause: impl Future<Output = ()>,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let first = attempt();
    tokio::pin!(first);
    tokio::select! {
        biased;
        outcome = &mut first => return outcome,
        () = pause => {}
    }
    tokio::select! {
        biased;
        outcome = &mut first => outcome,
        Ok(second) = attempt() => Ok(second),
    }
}

async fn shake_as_dialer(
    framed: &mut Framed<Box<dyn Stream>, FrameCodec>,
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
    framed: &mut Framed<Box<dyn Stream>, FrameCodec>,
    identity: Arc<Identity>,
) -> Result<Established, ConnectError> {
    let state = ExpectInitHello::new(identity);
    let (state, resp_hello) = state.receive(&next_frame(framed).await?)?;
    framed.send(resp_hello).await?;
    Ok(state.receive(&next_frame(framed).await?)?)
}

async fn next_frame(
    framed: &mut Framed<Box<dyn Stream>, FrameCodec>,
) -> Result<Frame, ConnectError> {
    Ok(framed.next().await.ok_or(ConnectError::HungUp)??)
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
    };

    use tokio::task::yield_now;

    use super::*;

    /// What becomes of an attempt.
    #[derive(Clone, Copy)]
    enum Fate {
        /// Lost on the way.
        Silence,
        /// Refused at once.
        Refused,
        /// Connected, after others had their turn.
        Connected,
    }

    /// Which of two attempts with these fates connected, and how many were made.
    async fn run(
        fates: [Fate; 2],
        pause: impl Future<Output = ()>,
    ) -> (Result<usize, ErrorKind>, usize) {
        let made = Cell::new(0);
        let attempt = || {
            let number = made.replace(made.get() + 1);
            async move {
                match fates[number] {
                    Fate::Silence => pending().await,
                    Fate::Refused => Err(io::Error::from(ErrorKind::ConnectionRefused)),
                    Fate::Connected => {
                        for _ in 0..5 {
                            yield_now().await;
                        }
                        Ok(number)
                    }
                }
            }
        };
        let outcome = first_of_two(attempt, pause).await.map_err(|error| error.kind());
        (outcome, made.get())
    }

    #[tokio::test]
    async fn of_two_attempts_the_first_to_connect_is_taken() {
        use Fate::{Connected, Silence};
        assert_eq!(run([Silence, Connected], ready(())).await, (Ok(1), 2));
        assert_eq!(run([Connected, Silence], ready(())).await, (Ok(0), 2));
        assert_eq!(run([Connected, Silence], pending()).await, (Ok(0), 1), "there was no need");
    }

    #[tokio::test]
    async fn a_refusal_is_believed_at_once_and_a_second_attempt_that_fails_says_nothing() {
        use Fate::{Connected, Refused};
        let refused = Err(ErrorKind::ConnectionRefused);
        assert_eq!(run([Refused, Connected], pending()).await, (refused, 1));
        assert_eq!(run([Connected, Refused], ready(())).await, (Ok(0), 2));
    }
}
