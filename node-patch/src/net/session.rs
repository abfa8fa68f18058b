//! The two tasks of a session. The reader decrypts, sorts and passes on; the writer encrypts what its queue holds and keeps the line alive.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hegemon_discovery::{Direction, Message, SessionId};
use tokio::{
    net::TcpStream,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::codec::Framed;

use crate::{
    net::{handle::ChainProtocol, hub::HubEvent, registry::Outlet, socket::Connection},
    transport::{
        envelope::{self, Protocol},
        frame::FrameCodec,
        record::{Opener, Sealer},
    },
};

/// Older listeners lose what arrives together with `Finish`: the dialer waits for the listener's first frame, or so long.
pub const FIRST_FRAME_WAIT: Duration = Duration::from_secs(1);
/// An empty frame goes out after so long without another.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// A frame that does not leave for so long ends the session.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Frames that a peer may send in one second, and saved up. Ours sends some ten a second at the most, and a few hundred at once while one side catches up.
pub const FRAMES_PER_SECOND: f64 = 200.0;
/// See [`FRAMES_PER_SECOND`].
pub const FRAMES_SAVED: f64 = 2_000.0;

/// A frame, as far as the hub needs to know.
#[derive(Debug)]
pub enum Inbound {
    /// A discovery message, or what was wrong with it.
    Discovery(Result<Message, hegemon_discovery::DecodeError>),
    /// Data of a chain protocol.
    Chain(ChainProtocol, Bytes),
    /// A keepalive, or a protocol that we do not know: a sign of life.
    Other,
}

/// Starts both tasks. The reader reports every frame and, as the last thing of the session, its end.
pub fn spawn(
    session: SessionId,
    direction: Direction,
    connection: Connection,
    (outlet, queue): (Arc<Outlet>, mpsc::Receiver<Vec<u8>>),
    hub: mpsc::Sender<HubEvent>,
    chain_bytes: Arc<Semaphore>,
) {
    let (sink, stream) = connection.framed.split();
    let heard = Arc::new(Notify::new());
    let writer = Writer { sink, sealer: connection.established.sealer, queue, outlet: outlet.clone() };
    let reader = Reader {
        session,
        stream,
        opener: connection.established.opener,
        outlet: outlet.clone(),
        heard: heard.clone(),
        hub,
        chain_bytes,
        allowance: Allowance::new(),
    };
    tokio::spawn(async move {
        tokio::select! {
            () = outlet.cancel.cancelled() => {}
            why = writer.run(direction, &heard) => tracing::debug!(?session, why, "writing ended"),
        }
        // Whoever ends first takes the other along.
        outlet.cancel.cancel();
    });
    tokio::spawn(reader.run());
}

struct Reader {
    session: SessionId,
    stream: SplitStream<Framed<TcpStream, FrameCodec>>,
    opener: Opener,
    outlet: Arc<Outlet>,
    heard: Arc<Notify>,
    hub: mpsc::Sender<HubEvent>,
    chain_bytes: Arc<Semaphore>,
    allowance: Allowance,
}

impl Reader {
    async fn run(mut self) {
        let cancel = self.outlet.cancel.clone();
        let why = tokio::select! {
            () = cancel.cancelled() => "closed by us".to_owned(),
            why = self.read() => why,
        };
        cancel.cancel();
        let _ = self.hub.send(HubEvent::Ended { session: self.session, why }).await;
    }

    /// Reads until the session ends; says why.
    async fn read(&mut self) -> String {
        loop {
            let mut frame = match self.stream.next().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return error.to_string(),
                None => return "closed by the peer".to_owned(),
            };
            self.outlet.traffic.received.fetch_add(frame.len() as u64, Relaxed);
            match self.opener.open(&mut frame) {
                Ok(len) => frame.truncate(len),
                Err(error) => return error.to_string(),
            }
            self.heard.notify_one();
            if !self.allowance.take() {
                return format!("more than {FRAMES_PER_SECOND} frames a second");
            }
            let event = HubEvent::Frame { session: self.session, inbound: self.sort(frame) };
            if self.hub.send(event).await.is_err() {
                return "the node stops".to_owned();
            }
        }
    }

    /// Discovery messages are decoded here, where a long one delays its sender and nobody else. Chain frames are passed on undecoded, as slices without a copy; when the chain is
    /// so far behind that its share of memory is used up they are dropped, as a network may: reading never stops.
    fn sort(&self, plaintext: BytesMut) -> Inbound {
        let Some((protocol, data)) = envelope::decode(&plaintext) else { return Inbound::Other };
        let start = data.as_ptr().addr() - plaintext.as_ptr().addr();
        let range = start..start + data.len();
        let protocol = match protocol {
            Protocol::Discovery => return Inbound::Discovery(Message::decode(data)),
            Protocol::BlockAnnounces => ChainProtocol::BlockAnnounces,
            Protocol::Sync => ChainProtocol::Sync,
        };
        let share = u32::try_from(plaintext.len()).ok().and_then(|len| self.chain_bytes.clone().try_acquire_many_owned(len).ok());
        let Some(share) = share else {
            tracing::debug!(session = ?self.session, "the chain is behind: a frame is dropped");
            return Inbound::Other;
        };
        Inbound::Chain(protocol, Bytes::from_owner(Accounted { plaintext, _share: share }).slice(range))
    }
}

/// A token bucket: what is over it ends the session, since reading never stops and dropping would only hide the flood.
struct Allowance {
    frames: f64,
    refilled: Instant,
}

impl Allowance {
    fn new() -> Self {
        Self { frames: FRAMES_SAVED, refilled: Instant::now() }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        let gained = now.duration_since(self.refilled).as_secs_f64() * FRAMES_PER_SECOND;
        self.frames = (self.frames + gained).min(FRAMES_SAVED) - 1.0;
        self.refilled = now;
        self.frames >= 0.0
    }
}

/// A chain frame that gives its share of the memory back when the chain has dealt with it.
struct Accounted {
    plaintext: BytesMut,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Accounted {
    fn as_ref(&self) -> &[u8] {
        &self.plaintext
    }
}

struct Writer {
    sink: SplitSink<Framed<TcpStream, FrameCodec>, Vec<u8>>,
    sealer: Sealer,
    queue: mpsc::Receiver<Vec<u8>>,
    outlet: Arc<Outlet>,
}

impl Writer {
    /// Writes until the session ends; says why.
    async fn run(mut self, direction: Direction, heard: &Notify) -> String {
        if direction == Direction::Outbound {
            let _ = timeout(FIRST_FRAME_WAIT, heard.notified()).await;
        }
        loop {
            let keep_alive = Instant::now() + KEEP_ALIVE;
            let plaintext = tokio::select! {
                plaintext = self.queue.recv() => plaintext,
                () = sleep_until(keep_alive) => Some(Vec::new()),
            };
            let Some(mut frame) = plaintext else { return "the session was dropped".to_owned() };
            let len = frame.len();
            if let Err(error) = self.sealer.seal(&mut frame) {
                return error.to_string();
            }
            self.outlet.traffic.sent.fetch_add(frame.len() as u64, Relaxed);
            match timeout(WRITE_TIMEOUT, self.sink.send(frame)).await {
                Ok(Ok(())) => self.outlet.taken(len),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return format!("a frame did not leave for {} s", WRITE_TIMEOUT.as_secs()),
            }
        }
    }
}
