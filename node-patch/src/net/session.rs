//! The two tasks of a session. The reader decrypts, sorts and passes on; the writer encrypts what
//! its queue holds and keeps the line alive.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use hegemon_discovery::{
    Bucket, Direction, Message, SessionId,
    limits::{FAREWELL, FIRST_WORD},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::codec::Decoder;

use crate::{
    clock::Clock,
    host::{
        Tasks,
        net::{Reading, Writing},
    },
    net::{
        event::{FRAME_TIMEOUT, FRAMES_PER_SECOND, FRAMES_SAVED, HubEvent, Inbound, SessionEnd},
        handle::ChainProtocol,
        registry::{Outlet, Queued},
        socket::Connection,
    },
    transport::{
        envelope::{self, Protocol},
        frame::{self, Frame, FrameCodec, FrameError, MAX_SESSION_FRAME},
        pool::FramePool,
        record::{Opener, RecordError, Sealer},
    },
};

/// An empty frame goes out after so long without another.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What the socket is read into. Frames gather elsewhere, so it never grows.
const READ_BUFFER: usize = 4 * 1024;

/// What the readers of all sessions share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The node's clock.
    pub clock: Clock,
    /// Who runs the sessions' tasks.
    pub tasks: Tasks,
    /// Where everything goes.
    pub hub: mpsc::Sender<HubEvent>,
    /// What long frames may hold of memory.
    pub pool: FramePool,
    /// What short chain frames may hold of it on their way to the chain.
    pub chain_bytes: Arc<Semaphore>,
}

/// Starts both tasks. The reader reports every frame and, as the last thing of the session, its
/// end.
pub fn spawn(
    session: SessionId,
    direction: Direction,
    connection: Connection,
    (outlet, queue): (Arc<Outlet>, mpsc::Receiver<Queued>),
    shared: Shared,
) {
    let parts = connection.framed.into_parts();
    let (reading, writing) = parts.io.split();
    let heard = Arc::new(Notify::new());
    let writer = Writer {
        socket: writing,
        sealer: connection.established.sealer,
        queue,
        outlet: outlet.clone(),
    };
    let tasks = shared.tasks.clone();
    let reader = Reader {
        session,
        socket: reading,
        buffer: parts.read_buf,
        codec: FrameCodec::session(Some(shared.pool.of(outlet.cancel.clone()))),
        opener: connection.established.opener,
        outlet: outlet.clone(),
        heard: heard.clone(),
        allowance: Bucket::full(FRAMES_SAVED, FRAMES_PER_SECOND, shared.clock.now().mono),
        shared,
    };
    let writing = async move {
        tokio::select! {
            biased;
            () = outlet.cancel.cancelled() => {}
            () = async { outlet.dismissed.cancelled().await; sleep(FAREWELL).await } => {}
            why = writer.run(direction, &heard) => tracing::debug!(?session, %why, "writing ended"),
        }
        // Whoever ends first takes the other along.
        outlet.cancel.cancel();
    };
    tasks.spawn(writing).detach();
    tasks.spawn(reader.run()).detach();
}

struct Reader {
    session: SessionId,
    socket: Reading,
    /// What was read and is not yet part of a frame; at first what came with `Finish`.
    buffer: BytesMut,
    codec: FrameCodec,
    opener: Opener,
    outlet: Arc<Outlet>,
    heard: Arc<Notify>,
    shared: Shared,
    /// What exceeds it ends the session: reading never stops, and dropping would only hide the
    /// flood.
    allowance: Bucket,
}

impl Reader {
    async fn run(mut self) {
        let (cancel, hub, session) =
            (self.outlet.cancel.clone(), self.shared.hub.clone(), self.session);
        let why = tokio::select! {
            biased;
            () = cancel.cancelled() => SessionEnd::ByUs,
            why = self.read() => why,
        };
        cancel.cancel();
        // Its buffers go before it waits for the hub.
        drop(self);
        let _ = hub.send(HubEvent::Ended { session, why }).await;
    }

    /// Reads until the session ends; says why.
    async fn read(&mut self) -> SessionEnd {
        loop {
            let mut frame = match self.frame().await {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            self.outlet.received(frame.len());
            match self.opener.open(&mut frame) {
                Ok(len) => frame.truncate(len),
                Err(error) => return error.into(),
            }
            self.heard.notify_one();
            if !self.allowance.take(self.shared.clock.now().mono) {
                return SessionEnd::Flood;
            }
            let event = HubEvent::Frame { session: self.session, inbound: self.sort(frame) };
            if self.shared.hub.send(event).await.is_err() {
                return SessionEnd::Stopping;
            }
        }
    }

    /// The next frame, once all of it is here.
    async fn frame(&mut self) -> Result<Frame, SessionEnd> {
        let mut begun = None;
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer)? {
                return Ok(frame);
            }
            if self.codec.is_gathering() || !self.buffer.is_empty() {
                begun.get_or_insert_with(Instant::now);
            }
            self.buffer.reserve(READ_BUFFER);
            let read = self.socket.read_buf(&mut self.buffer);
            let read = match begun {
                Some(begun) => timeout_at(begun + FRAME_TIMEOUT, read)
                    .await
                    .map_err(|_| SessionEnd::Stalled)?,
                None => read.await,
            };
            if read.map_err(FrameError::from)? == 0 {
                return Err(SessionEnd::ByPeer);
            }
        }
    }

    /// Discovery messages are decoded here, where a long one delays its sender and nobody else.
    /// Chain frames are passed on undecoded, as slices without a copy; when the chain is so far
    /// behind that its share of memory is used up they are dropped, as a network may: reading never
    /// stops.
    fn sort(&self, plaintext: Frame) -> Inbound {
        if plaintext.is_empty() {
            return Inbound::Empty;
        }
        let Some((protocol, data)) = envelope::decode(&plaintext) else { return Inbound::Other };
        let start = data.as_ptr().addr() - plaintext.as_ptr().addr();
        let range = start..start + data.len();
        let protocol = match protocol {
            Protocol::Discovery => return Inbound::Discovery(Message::decode(data)),
            Protocol::BlockAnnounces => ChainProtocol::BlockAnnounces,
            Protocol::Sync => ChainProtocol::Sync,
        };
        let share = if plaintext.is_pooled() {
            Ok(None)
        } else {
            self.chain_share(plaintext.len()).map(Some)
        };
        match share {
            Ok(share) => Inbound::Chain(
                protocol,
                Bytes::from_owner(Accounted { plaintext, _share: share }).slice(range),
            ),
            Err(_) => {
                self.outlet.tally.drops.chain_bytes.add();
                tracing::debug!(session = ?self.session, "the chain is behind: a frame is dropped");
                Inbound::Other
            }
        }
    }

    fn chain_share(&self, len: usize) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let len = u32::try_from(len).expect("a frame without a share of the pool is short");
        self.shared.chain_bytes.clone().try_acquire_many_owned(len)
    }
}

/// A chain frame that gives its share of the memory back when the chain has dealt with it. A long
/// one has that share in itself.
struct Accounted {
    plaintext: Frame,
    _share: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Accounted {
    fn as_ref(&self) -> &[u8] {
        &self.plaintext
    }
}

struct Writer {
    socket: Writing,
    sealer: Sealer,
    queue: mpsc::Receiver<Queued>,
    outlet: Arc<Outlet>,
}

/// Why a session's writer ended.
#[derive(Debug, thiserror::Error)]
enum WriteEnd {
    #[error("the session was dropped")]
    Dropped,
    #[error("a visit was over")]
    Dismissed,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("a frame did not leave for {} s", FRAME_TIMEOUT.as_secs())]
    Stalled,
}

impl Writer {
    /// Writes until the session ends; says why.
    async fn run(mut self, direction: Direction, heard: &Notify) -> WriteEnd {
        if direction == Direction::Outbound {
            let _ = timeout(FIRST_WORD, heard.notified()).await;
        }
        loop {
            let keep_alive = Instant::now() + KEEP_ALIVE;
            let written = tokio::select! {
                // What waits goes first, also when the visit is over.
                biased;
                queued = self.queue.recv() => match queued {
                    // It counts until it has left.
                    Some(mut queued) => self.write(&mut queued.plaintext).await,
                    None => return WriteEnd::Dropped,
                },
                () = self.outlet.dismissed.cancelled() => return WriteEnd::Dismissed,
                () = sleep_until(keep_alive) => self.write(&mut Vec::new()).await,
            };
            if let Err(end) = written {
                return end;
            }
        }
    }

    /// Seals in place and writes prefix and frame as they lie, without a buffer in between that
    /// would stay as large as the longest frame.
    async fn write(&mut self, frame: &mut Vec<u8>) -> Result<(), WriteEnd> {
        self.sealer.seal(frame)?;
        let prefix = frame::prefix(frame.len(), MAX_SESSION_FRAME)?;
        self.outlet.sent(frame.len());
        let mut bytes = Buf::chain(prefix.as_slice(), frame.as_slice());
        let written = timeout(FRAME_TIMEOUT, self.socket.write_all_buf(&mut bytes))
            .await
            .map_err(|_| WriteEnd::Stalled)?;
        Ok(written.map_err(FrameError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::{net::registry::Registry, transport::record::TAG_LEN};

    #[tokio::test]
    async fn what_a_visitor_was_answered_leaves_before_its_visit_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut visitor = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_reading, socket) = listener.accept().await.unwrap().0.into_split();
        let (registry, session, frames) = (Registry::default(), SessionId(0), 100);
        let (outlet, queue) = registry.open(session, [0; 32]);
        (0..frames).for_each(|_| registry.keep_alive(session));
        registry.dismiss(session);
        assert!(registry.outlet(session).is_none() && !outlet.cancel.is_cancelled());
        let socket = Box::new(socket);
        let writer = Writer { socket, sealer: Sealer::new(&[1; 32], &[2; 32]), queue, outlet };
        let why = writer.run(Direction::Inbound, &Notify::new()).await;
        assert!(matches!(why, WriteEnd::Dismissed), "{why}");
        let mut received = Vec::new();
        visitor.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), frames * (4 + TAG_LEN));
    }
}
