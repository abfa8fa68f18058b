//! One connection to the target, every byte of it counted, and what is needed to shake hands on it.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
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

use crate::front::Front;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes written and counted at once.
const PIECE: usize = 64 * 1024;

/// A connection.
pub(crate) struct Peer {
    stream: TcpStream,
    front: Arc<Front>,
    /// How many came before it, and itself.
    number: u32,
    codec: FrameCodec,
    buffer: BytesMut,
}

/// A socket that is connected with the target, counted nowhere.
pub(crate) async fn connect(front: &Front) -> io::Result<TcpStream> {
    let target = front.target;
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(from) = front.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = timeout(CONNECT_TIMEOUT, socket.connect(target)).await??;
    // Fails if the target has hung up already, which whoever writes or reads will hear of.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

impl Peer {
    pub(crate) async fn connect(front: Arc<Front>) -> io::Result<Self> {
        let stream = connect(&front).await?;
        let number = front.tally.count(|counts| {
            counts.connected += 1;
            counts.connected
        });
        let (codec, buffer) = (FrameCodec::handshake(), BytesMut::new());
        Ok(Self { stream, front, number, codec, buffer })
    }

    /// What it shares with the target's other peers.
    pub(crate) fn front(&self) -> Arc<Front> {
        self.front.clone()
    }

    /// From 1 on, in the order in which they connected.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// An `InitHello` as it is on the wire, and who waits for its answer.
    pub(crate) fn init_hello(&self) -> io::Result<(handshake::ExpectRespHello, Vec<u8>)> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_| io::Error::other("this machine's random generator failed"))?;
        let (state, hello) = handshake::start(Arc::new(Identity::from_identity_seed(&seed)))
            .map_err(io::Error::other)?;
        self.front.tally.count(|counts| counts.handshakes += 1);
        Ok((state, framed(&hello, MAX_HANDSHAKE_FRAME)?))
    }

    /// For the options of its socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            self.stream.write_all(piece).await?;
            self.front.tally.count(|counts| counts.bytes_sent += piece.len() as u64);
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
        self.front.tally.count(|counts| counts.bytes_received += read as u64);
        if read == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
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
        let (state, hello) = peer.init_hello()?;
        peer.write(&hello).await?;
        let (established, finish) =
            state.receive(&peer.frame().await?).map_err(io::Error::other)?;
        peer.codec = FrameCodec::session(None);
        peer.front.tally.count(|counts| counts.sessions += 1);
        Ok((Self { peer, established }, framed(&finish, MAX_HANDSHAKE_FRAME)?))
    }

    /// The next frame of ours as it is on the wire.
    pub(crate) fn seal(&mut self, mut plaintext: Vec<u8>) -> io::Result<Vec<u8>> {
        self.established.sealer.seal(&mut plaintext).map_err(io::Error::other)?;
        self.peer.front.tally.count(|counts| counts.messages_sent += 1);
        framed(&plaintext, MAX_SESSION_FRAME)
    }

    pub(crate) async fn send(&mut self, plaintext: Vec<u8>) -> io::Result<()> {
        let frame = self.seal(plaintext)?;
        self.peer.write(&frame).await
    }

    /// The next plaintext of the target.
    pub(crate) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut frame = self.peer.frame().await?;
        let len = self.established.opener.open(&mut frame).map_err(io::Error::other)?;
        Ok(frame[..len].to_vec())
    }

    /// Waits for the target's `Addrs`.
    pub(crate) async fn answer(&mut self) -> io::Result<()> {
        loop {
            if let Some((Protocol::Discovery, data)) = envelope::decode(&self.receive().await?)
                && let Ok(Message::Addrs { .. }) = Message::decode(data)
            {
                self.peer.front.tally.count(|counts| counts.answers += 1);
                return Ok(());
            }
        }
    }
}

/// A discovery message's plaintext.
pub(crate) fn discovery(message: &Message) -> Vec<u8> {
    envelope::encode(Protocol::Discovery, &message.encode())
}
