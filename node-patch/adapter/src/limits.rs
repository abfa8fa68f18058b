//! Every number of the adapter, once, with the reason for it. The engine's are in
//! [`hegemon_discovery::limits`], and with them those of sessions, which the node of this repository
//! has as well.
//!
//! The network's own limit of sessions has to be [`OVERFLOW_SLOTS`] higher than that in
//! [`Limits`](hegemon_discovery::Limits), or it turns newcomers away before they are served.

use std::time::Duration;

use hegemon_discovery::limits::{ADDRS_PER_ANSWER, DIALS_IN_FLIGHT_LONELY, SERVE_INTERVAL};
pub use hegemon_discovery::limits::{
    FAREWELL, FIRST_WORD, OVERFLOW_SLOTS, OVERFLOW_TIME, PROBE_INTERVAL, PROBES, PROVE,
    PROVE_AFTER, SETTLED_AFTER, SILENT,
};

/// Events that may wait for the driver. Its work per event is microseconds; what fills this is a
/// flood, and then whoever tells of it waits. The largest, a full list of addresses, has 32 KiB.
pub const QUEUE: usize = 256;

/// Messages to one peer that may wait for the network. Discovery says a handful in a minute; a peer
/// that takes none of so many is lost.
pub const OUTBOX: usize = 32;

/// The network has so long to take one message. Old ones hold a lock while they wait for a socket.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// A dial that is not answered in this time has failed. Five seconds for TCP and ten for the
/// handshake are usual; a network that has deadlines of its own answers sooner, and truly.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// So long after the network said that a dial succeeded, its `PeerConnected` is no longer waited
/// for: the peer is taken for connected, and has to prove it.
pub const CONNECTED_WITHIN: Duration = Duration::from_secs(2);

/// A disconnection that is not done in this time is not waited for.
pub const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Disconnections under way at once, and as many again that wait.
pub const DISCONNECTING: usize = 64;

/// Of these, visitors that still have what they were told to take in, for [`FAREWELL`]. Further ones
/// are disconnected without: those that do not read must not hold up the disconnection of others.
pub const FAREWELLS: usize = DISCONNECTING / 2;

/// For so long after a duplicate, or after we disconnected a peer, an old network may report the end
/// of a connection that is no longer the peer's.
pub const UNSURE: Duration = Duration::from_secs(10);

/// A peer that was asked answers a further question only after [`SERVE_INTERVAL`]: until then it
/// gives a sign of life that old networks do not pass on. Questions that have to be answered keep
/// this distance, in which a dialler's first word may have waited too.
pub const ASK_INTERVAL: Duration = Duration::from_secs(12);

/// A peer that never says anything about discovery may be one that knows nothing of it. After so
/// many sessions that ended for its silence it may be silent.
pub const CUTS: u32 = 2;

/// Such peers remembered, and for how long.
pub const MUTE: usize = 64;

/// See [`MUTE`].
pub const MUTE_AGE: Duration = Duration::from_secs(60 * 60);

/// Peers remembered as disconnected by us: all that there can be, and those turned away meanwhile.
/// What is forgotten too soon is believed too soon.
pub const PARTED: usize = 256;

/// Peers whose messages came before they were connected, by two queues of which one was faster …
pub const EARLY: usize = 64;

/// … messages of each, which are a greeting and a question …
pub const EARLY_MESSAGES: usize = 4;

/// … and how much earlier they may come.
pub const EARLY_BY: Duration = Duration::from_secs(2);

/// Discovery messages that a peer may send in one second, and saved up. An honest one sends two at
/// first and some each minute; more is a flood, and misbehaviour.
pub const MESSAGES_PER_SECOND: f64 = 20.0;

/// See [`MESSAGES_PER_SECOND`].
pub const MESSAGES_SAVED: f64 = 200.0;

/// The numbers that walk over the whole book are counted at most once in this time.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(1);

const _: () = assert!(
    ASK_INTERVAL.as_millis() > SERVE_INTERVAL.as_millis() + FIRST_WORD.as_millis(),
    "a probe has to come when the peer answers again"
);
const _: () = assert!(PROVE_AFTER.as_millis() <= ASK_INTERVAL.as_millis());
const _: () = assert!(
    QUEUE > DIALS_IN_FLIGHT_LONELY,
    "the outcomes of all dials have room, or a flood would hold them up"
);
const _: () = assert!(MESSAGES_SAVED >= ADDRS_PER_ANSWER as f64);
