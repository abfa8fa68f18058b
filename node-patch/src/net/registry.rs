//! Who can be written to now. Queues are bounded by bytes; a full one ends its own session and no other, and nobody ever waits for a peer's socket here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use hegemon_discovery::SessionId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    net::handle::{ChainNetwork, ChainProtocol},
    transport::envelope::{self, Protocol},
};

/// Bytes that may wait for one peer's socket. Half a session's longest frame, so that a served block list fits several times; a single longer frame may pass if nothing waits.
pub const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Frames that may wait for one peer's socket: bounds what many empty ones cost.
pub const QUEUE_FRAMES: usize = 4_096;
/// Misbehaviour points on the chain protocols at which a session is closed.
pub const SCORE_CLOSE: u32 = 100;

/// The writing end of a session.
#[derive(Debug)]
pub struct Outlet {
    frames: mpsc::Sender<Vec<u8>>,
    waiting: AtomicUsize,
    score: AtomicU32,
    /// Counts for RPC.
    pub traffic: Traffic,
    /// Ends both tasks of the session.
    pub cancel: CancellationToken,
}

/// Frame bytes in either direction, length prefixes not counted.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Received.
    pub received: AtomicU64,
    /// Sent.
    pub sent: AtomicU64,
}

impl Outlet {
    /// A session's outlet, and what its writer reads from.
    #[must_use]
    pub fn new() -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (frames, queue) = mpsc::channel(QUEUE_FRAMES);
        let outlet = Self { frames, waiting: AtomicUsize::new(0), score: AtomicU32::new(0), traffic: Traffic::default(), cancel: CancellationToken::new() };
        (Arc::new(outlet), queue)
    }

    /// Queues a plaintext, or ends the session.
    pub fn send(&self, plaintext: Vec<u8>) {
        let len = plaintext.len();
        let waiting = self.waiting.fetch_add(len, Relaxed);
        let full = waiting > 0 && waiting + len > QUEUE_BYTES;
        if full || self.frames.try_send(plaintext).is_err() {
            self.cancel.cancel();
        }
    }

    /// The writer took a plaintext of this length.
    pub fn taken(&self, len: usize) {
        self.waiting.fetch_sub(len, Relaxed);
    }
}

/// All outlets, by session.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<SessionId, Arc<Outlet>>>>);

impl Registry {
    /// Adds a session.
    pub fn insert(&self, session: SessionId, outlet: Arc<Outlet>) {
        self.lock().insert(session, outlet);
    }

    /// Takes a session out and ends it.
    pub fn remove(&self, session: SessionId) {
        if let Some(outlet) = self.lock().remove(&session) {
            outlet.cancel.cancel();
        }
    }

    /// Queues a frame of a known protocol.
    pub fn send(&self, session: SessionId, protocol: Protocol, data: &[u8]) {
        self.send_raw(session, envelope::encode(protocol, data));
    }

    /// Queues an empty frame.
    pub fn keep_alive(&self, session: SessionId) {
        self.send_raw(session, Vec::new());
    }

    /// A session's outlet.
    #[must_use]
    pub fn outlet(&self, session: SessionId) -> Option<Arc<Outlet>> {
        self.lock().get(&session).cloned()
    }

    fn send_raw(&self, session: SessionId, plaintext: Vec<u8>) {
        if let Some(outlet) = self.outlet(session) {
            outlet.send(plaintext);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, Arc<Outlet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChainNetwork for Registry {
    fn send(&self, session: SessionId, protocol: ChainProtocol, data: Vec<u8>) {
        let protocol = match protocol {
            ChainProtocol::BlockAnnounces => Protocol::BlockAnnounces,
            ChainProtocol::Sync => Protocol::Sync,
        };
        Registry::send(self, session, protocol, &data);
    }

    fn punish(&self, session: SessionId, reason: &'static str, points: u32) {
        let Some(outlet) = self.outlet(session) else { return };
        let before = outlet.score.fetch_add(points, Relaxed);
        tracing::debug!(?session, reason, points, "peer misbehaves");
        if before.saturating_add(points) >= SCORE_CLOSE {
            tracing::info!(?session, reason, "closing a session for misbehaviour");
            outlet.cancel.cancel();
        }
    }
}
