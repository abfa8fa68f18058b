//! Who can be written to now. Queues are bounded by bytes; a full one ends its own session and no
//! other, and nobody ever waits for a peer's socket here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
};

use hegemon_discovery::SessionId;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    net::{
        handle::{ChainNetwork, ChainProtocol},
        tally::{Tally, Traffic},
    },
    transport::envelope::{self, Protocol},
};

/// Bytes that may wait for one peer's socket: an honest peer asks for one answer of a kind at a
/// time, and ours have 1 MiB at the most. A single longer frame may pass if nothing waits.
pub const QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// Frames that may wait for one peer's socket: bounds what many empty ones cost.
pub const QUEUE_FRAMES: usize = 1_024;
/// Bytes that may wait for all peers' sockets together. Beyond it the session with the longest
/// queue ends: many peers that ask and never read must not add up.
pub const QUEUES_BYTES: usize = 2 * QUEUE_BYTES;
/// Bytes that may still wait for a visitor's socket when its visit is over: a greeting and a list of
/// eight addresses are a few hundred. Visits follow each other without end and [`QUEUES_BYTES`] knows
/// of none that is over, so whoever has let more than that pile up is not waited for.
pub const FAREWELL_BYTES: usize = 16 * 1024;
/// Frames that may: an empty one costs memory as well.
pub const FAREWELL_FRAMES: usize = 128;

const _: () = assert!(FAREWELL_BYTES < QUEUE_BYTES && FAREWELL_FRAMES < QUEUE_FRAMES);

/// The writing end of a session.
#[derive(Debug)]
pub struct Outlet {
    frames: mpsc::Sender<Queued>,
    waiting: Arc<AtomicUsize>,
    /// Points for misdeeds on the chain protocols that the engine does not know of yet.
    misdeeds: AtomicU32,
    /// The handshake's: names the session, the same at both ends.
    pub transcript: [u8; 32],
    /// Counts for RPC.
    pub traffic: Traffic,
    /// Counts of all sessions.
    pub tally: Arc<Tally>,
    /// Ends both tasks of the session.
    pub cancel: CancellationToken,
    /// Ends them when what waits is written, or soon after: see [`Registry::dismiss`].
    pub dismissed: CancellationToken,
}

/// A plaintext that waits for its peer's socket, and counts until it is dropped.
#[derive(Debug)]
pub struct Queued {
    /// What to seal and send.
    pub plaintext: Vec<u8>,
    /// Counts that it is part of, and for how many bytes.
    counted: ([Arc<AtomicUsize>; 2], usize),
}

impl Drop for Queued {
    fn drop(&mut self) {
        let (counts, len) = &self.counted;
        for count in counts {
            count.fetch_sub(*len, Relaxed);
        }
    }
}

impl Outlet {
    /// A frame of so many bytes came.
    pub fn received(&self, bytes: usize) {
        for traffic in [&self.traffic, &self.tally.traffic] {
            traffic.received.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// A frame of so many bytes goes out.
    pub fn sent(&self, bytes: usize) {
        for traffic in [&self.traffic, &self.tally.traffic] {
            traffic.sent.fetch_add(bytes as u64, Relaxed);
        }
    }

    fn new(transcript: [u8; 32], tally: Arc<Tally>) -> (Arc<Self>, mpsc::Receiver<Queued>) {
        let (frames, queue) = mpsc::channel(QUEUE_FRAMES);
        let outlet = Self {
            frames,
            waiting: Arc::default(),
            misdeeds: AtomicU32::new(0),
            transcript,
            traffic: Traffic::default(),
            tally,
            cancel: CancellationToken::new(),
            dismissed: CancellationToken::new(),
        };
        (Arc::new(outlet), queue)
    }

    /// Ends the session: when what waits is written if that is no more than a farewell, else now.
    fn dismiss(&self) {
        let frames = self.frames.max_capacity() - self.frames.capacity();
        if frames <= FAREWELL_FRAMES && self.waiting.load(Relaxed) <= FAREWELL_BYTES {
            self.dismissed.cancel();
        } else {
            self.cancel.cancel();
        }
    }

    /// Queues a plaintext, or ends the session.
    fn send(&self, plaintext: Vec<u8>, all: &Arc<AtomicUsize>) {
        if self.cancel.is_cancelled() || self.dismissed.is_cancelled() {
            return;
        }
        let len = plaintext.len();
        let waiting = self.waiting.fetch_add(len, Relaxed);
        all.fetch_add(len, Relaxed);
        let queued = Queued { plaintext, counted: ([self.waiting.clone(), all.clone()], len) };
        let full = waiting > 0 && waiting + len > QUEUE_BYTES;
        if full || self.frames.try_send(queued).is_err() {
            self.tally.drops.session.add();
            self.cancel.cancel();
        }
    }
}

/// All outlets, by session.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    outlets: Arc<Mutex<BTreeMap<SessionId, Arc<Outlet>>>>,
    /// Bytes that wait for all sockets.
    waiting: Arc<AtomicUsize>,
    /// Some outlet has misdeeds.
    misdeeds: Arc<Notify>,
    tally: Arc<Tally>,
}

impl Registry {
    /// Adds a session; the second value is what its writer reads from.
    #[must_use]
    pub fn open(
        &self,
        session: SessionId,
        transcript: [u8; 32],
    ) -> (Arc<Outlet>, mpsc::Receiver<Queued>) {
        let (outlet, queue) = Outlet::new(transcript, self.tally.clone());
        self.lock().insert(session, outlet.clone());
        (outlet, queue)
    }

    /// Takes a session out and ends it.
    pub fn remove(&self, session: SessionId) {
        if let Some(outlet) = self.lock().remove(&session) {
            outlet.cancel.cancel();
        }
    }

    /// Takes a session out; it ends when what waits for its socket is written, or at once if that is
    /// more than [`FAREWELL_BYTES`]. For visitors of a full node, whose answer may have been queued a
    /// moment ago.
    pub fn dismiss(&self, session: SessionId) {
        if let Some(outlet) = self.lock().remove(&session) {
            outlet.dismiss();
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

    /// All of them.
    #[must_use]
    pub fn outlets(&self) -> BTreeMap<SessionId, Arc<Outlet>> {
        self.lock().clone()
    }

    /// Bytes that wait for all sockets.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// What is counted over all sessions.
    #[must_use]
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Waits until a peer has misbehaved on a chain protocol.
    pub async fn misdeeds(&self) {
        self.misdeeds.notified().await;
    }

    /// The points of each session since the last call.
    #[must_use]
    pub fn take_misdeeds(&self) -> Vec<(SessionId, u32)> {
        let points = |(id, outlet): (&SessionId, &Arc<Outlet>)| {
            Some((*id, outlet.misdeeds.swap(0, Relaxed))).filter(|(_, points)| *points > 0)
        };
        self.lock().iter().filter_map(points).collect()
    }

    fn send_raw(&self, session: SessionId, plaintext: Vec<u8>) {
        let Some(outlet) = self.outlet(session) else { return };
        outlet.send(plaintext, &self.waiting);
        if self.waiting.load(Relaxed) > QUEUES_BYTES {
            self.relieve();
        }
    }

    /// Ends the sessions with the longest queues until the rest fits. What ended ones still hold
    /// goes with their tasks.
    fn relieve(&self) {
        let outlets = self.lock();
        let mut living: Vec<(usize, &Arc<Outlet>)> = outlets
            .values()
            .filter(|outlet| !outlet.cancel.is_cancelled())
            .map(|outlet| (outlet.waiting.load(Relaxed), outlet))
            .collect();
        living.sort_by_key(|(waiting, _)| *waiting);
        let mut together: usize = living.iter().map(|(waiting, _)| waiting).sum();
        while together > QUEUES_BYTES
            && let Some((waiting, longest)) = living.pop()
        {
            self.tally.drops.sessions.add();
            longest.cancel.cancel();
            together -= waiting;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Outlet>>> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner)
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
        tracing::debug!(?session, reason, points, "peer misbehaves");
        // A number for each session, however much the hub is behind.
        let sum = |before: u32| Some(before.saturating_add(points));
        let _ = outlet.misdeeds.fetch_update(Relaxed, Relaxed, sum);
        self.misdeeds.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 512 * 1024;

    fn fill(registry: &Registry, session: SessionId, bytes: usize) {
        for _ in 0..bytes / FRAME {
            registry.send_raw(session, vec![0; FRAME]);
        }
    }

    #[test]
    fn a_full_queue_ends_its_own_session_and_no_other() {
        let registry = Registry::default();
        let ((full, queue), (other, _other_queue)) =
            (registry.open(SessionId(0), [0; 32]), registry.open(SessionId(1), [1; 32]));
        fill(&registry, SessionId(0), QUEUE_BYTES);
        assert!(!full.cancel.is_cancelled());
        registry.keep_alive(SessionId(1));
        registry.send_raw(SessionId(0), vec![0; FRAME]);
        assert!(full.cancel.is_cancelled() && !other.cancel.is_cancelled());
        registry.send_raw(SessionId(0), vec![0; FRAME]);
        assert_eq!(
            registry.waiting.load(Relaxed),
            QUEUE_BYTES,
            "one that has ended takes nothing more"
        );
        drop(queue);
        assert_eq!(registry.waiting.load(Relaxed), 0, "what waited goes with its writer");
    }

    #[test]
    fn a_frame_longer_than_a_queue_passes_if_nothing_waits() {
        let registry = Registry::default();
        let (outlet, mut queue) = registry.open(SessionId(0), [0; 32]);
        registry.send_raw(SessionId(0), vec![0; QUEUE_BYTES + 1]);
        assert!(!outlet.cancel.is_cancelled());
        drop(queue.try_recv().unwrap());
        assert_eq!(registry.waiting.load(Relaxed), 0);
    }

    #[test]
    fn queues_that_add_up_end_the_longest() {
        let registry = Registry::default();
        let sessions: Vec<_> =
            (0..5).map(|number| registry.open(SessionId(number), [0; 32])).collect();
        let longest = 3;
        for number in 0..5 {
            fill(
                &registry,
                SessionId(number),
                QUEUES_BYTES / 5 + if number == longest { 2 * FRAME } else { 0 },
            );
        }
        fill(&registry, SessionId(0), 2 * FRAME);
        let ended: Vec<bool> =
            sessions.iter().map(|(outlet, _)| outlet.cancel.is_cancelled()).collect();
        assert_eq!(ended, [false, false, false, true, false]);
    }

    #[test]
    fn a_visitor_that_did_not_read_holds_nothing_once_its_visit_is_over() {
        let (registry, session) = (Registry::default(), SessionId(0));
        let ends_at_once = |frames: usize, bytes: usize| {
            let (outlet, _queue) = registry.open(session, [0; 32]);
            (0..frames).for_each(|_| registry.send_raw(session, vec![0; bytes]));
            registry.dismiss(session);
            assert_ne!(outlet.cancel.is_cancelled(), outlet.dismissed.is_cancelled());
            outlet.send(vec![0; FRAME], &registry.waiting);
            assert_eq!(outlet.waiting.load(Relaxed), frames * bytes, "nothing more is queued");
            outlet.cancel.is_cancelled()
        };
        assert!(!ends_at_once(0, 0) && !ends_at_once(2, FAREWELL_BYTES / 2));
        assert!(ends_at_once(1, FAREWELL_BYTES + 1) && ends_at_once(8, FRAME));
        assert!(!ends_at_once(FAREWELL_FRAMES, 0) && ends_at_once(FAREWELL_FRAMES + 1, 0));
        assert_eq!(registry.waiting.load(Relaxed), 0, "it went with the writers");
    }

    #[tokio::test]
    async fn misdeeds_add_up_until_somebody_asks_and_are_not_lost_before_he_waits() {
        let registry = Registry::default();
        let _queues = [0, 1].map(|number| registry.open(SessionId(number), [0; 32]));
        registry.punish(SessionId(1), "for a test", 10);
        registry.punish(SessionId(1), "for a test", 50);
        registry.punish(SessionId(7), "nobody", 50);
        registry.misdeeds().await;
        assert_eq!(registry.take_misdeeds(), [(SessionId(1), 60)]);
        assert_eq!(registry.take_misdeeds(), []);
        registry.punish(SessionId(0), "for a test", u32::MAX);
        registry.punish(SessionId(0), "for a test", u32::MAX);
        assert_eq!(registry.take_misdeeds(), [(SessionId(0), u32::MAX)]);
    }
}
