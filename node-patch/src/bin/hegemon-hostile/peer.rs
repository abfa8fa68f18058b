//! One connection to the target, every byte of it counted, and what is needed to shake hands on it.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use hegemon_discovery::Message;
use hegemon_node::transport::{
    envelope::{self, Protocol},
    frame::{self, Frame, FrameCodec, MAX_HANDSHAKE_FRAME, MAX_SESSION_FRAME},
    handshake::{self, Established},
    identity::Identity,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_util::codec::Decoder;

use crate::report::Tally;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes written and counted at once.
const PIECE: usize = 64 * 1024;

/// A connection.
pub(crate) struct Peer {
    stream: TcpStream,
    tally: Arc<Tally>,
    codec: FrameCodec,
    buffer: BytesMut,
}

impl Peer {
    pub(crate) async fn connect(
        target: SocketAddr,
        from: Option<IpAddr>,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = timeout(CONNECT_TIMEOUT, socket.connect(target)).await??;
        // Fails if the target has hung up already, which whoever writes or reads will hear of.
        let _ = stream.set_nodelay(true);
        tally.count(|counts| counts.connected += 1);
        Ok(Self { stream, tally, codec: FrameCodec::handshake(), buffer: BytesMut::new() })
    }

    /// For the options of its socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            self.stream.write_all(piece).await?;
            self.tally.count(|counts| counts.bytes_sent += piece.len() as u64);
        }
        Ok(())
    }

    /// The next frame; the end of the connection is an error.
    pub(crate) async fn frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer).map_err(io::Error::other)? {
                return Ok(frame);
            }
            self.read().await?;
        }
    }

    /// Reads and forgets until the target hangs up, which is an error.
    pub(crate) async fn until_closed(&mut self) -> io::Result<()> {
        loop {
            self.read().await?;
            self.buffer.clear();
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        self.tally.count(|counts| counts.bytes_received += read as u64);
        if read == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// An `InitHello` as it is on the wire, and who waits for its answer.
pub(crate) fn init_hello() -> io::Result<(handshake::ExpectRespHello, Vec<u8>)> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed)
        .map_err(|_| io::Error::other("this machine's random generator failed"))?;
    let (state, hello) = handshake::start(Arc::new(Identity::from_identity_seed(&seed)))
        .map_err(io::Error::other)?;
    Ok((state, framed(&hello, MAX_HANDSHAKE_FRAME)?))
}

fn framed(frame: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let prefix = frame::prefix(frame.len(), limit).map_err(io::Error::other)?;
    Ok([&prefix, frame].concat())
}

/// An established session.
pub(crate) struct Session {
    pub(crate) peer: Peer,
    established: Established,
}

impl Session {
    pub(crate) async fn open(peer: Peer) -> io::Result<Self> {
        let (mut session, finish) = Self::all_but_finish(peer).await?;
        session.peer.write(&finish).await?;
        Ok(session)
    }

    /// A session of which the target lacks only these last bytes.
    pub(crate) async fn all_but_finish(mut peer: Peer) -> io::Result<(Self, Vec<u8>)> {
        let (state, hello) = init_hello()?;
        peer.write(&hello).await?;
        let (established, finish) =
            state.receive(&peer.frame().await?).map_err(io::Error::other)?;
        peer.codec = FrameCodec::session(None);
        peer.tally.count(|counts| counts.sessions += 1);
        Ok((Self { peer, established }, framed(&finish, MAX_HANDSHAKE_FRAME)?))
    }

    /// The next frame of ours as it is on the wire.
    pub(crate) fn seal(&mut self, mut plaintext: Vec<u8>) -> io::Result<Vec<u8>> {
        self.established.sealer.seal(&mut plaintext).map_err(io::Error::other)?;
        framed(&plaintext, MAX_SESSION_FRAME)
    }

    pub(crate) async fn send(&mut self, plaintext: Vec<u8>) -> io::Result<()> {
        let frame = self.seal(plaintext)?;
        self.peer.write(&frame).await
    }

    /// Waits for the target's `Addrs`.
    pub(crate) async fn answer(&mut self) -> io::Result<()> {
        loop {
            let mut frame = self.peer.frame().await?;
            let len = self.established.opener.open(&mut frame).map_err(io::Error::other)?;
            if let Some((Protocol::Discovery, data)) = envelope::decode(&frame[..len])
                && let Ok(Message::Addrs { .. }) = Message::decode(data)
            {
                self.peer.tally.count(|counts| counts.answers += 1);
                return Ok(());
            }
        }
    }
}
