//! Every number of the engine, once, with the reason for it. What an operator would turn is in [`crate::config`]; these are its defaults and the rest.

use std::time::Duration;

/// Addresses that we ask for, and that one answer is used for at most. 64 × 29 bytes fit one TCP segment or two; a new node needs eight.
pub const ADDRS_PER_ANSWER: usize = 64;

/// A declared list longer than this is an attack on memory, not a generous answer: refused before allocation, and the session is closed. Bitcoin's bound for `addr`.
pub const ADDRS_DECODED: usize = 1_000;

/// An unsolicited list up to this length is news worth passing on; a longer one is a table dump.
pub const ADDRS_RELAYED: usize = 10;

/// Peers that one piece of news is told. Three make an epidemic that reaches everybody in log₃(n) steps with a bounded number of messages per node.
pub const RELAY_FANOUT: usize = 3;

/// One batch of news per second and node, so that the cost does not grow with the network.
pub const RELAY_INTERVAL: Duration = Duration::from_secs(1);

/// News that waits for the next batch. What exceeds it is dropped: it is in the book and travels with answers.
pub const RELAY_QUEUE: usize = 64;

/// A newcomer of whom we hear by news is probably dialling us already: wait this long, jittered, before we dial it.
pub const RELAY_DIAL_DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(300));

/// Dials that news alone may cause: one per second.
pub const RELAY_DIAL_INTERVAL: Duration = Duration::from_secs(1);

/// Dials that one answer may cause at once.
pub const DIALS_PER_ANSWER: usize = 4;

/// Dials in flight while we have company.
pub const DIALS_IN_FLIGHT: usize = 8;

/// Dials in flight while we have fewer than [`LONELY`] live peers: most of an old store may be black holes of five seconds each.
pub const DIALS_IN_FLIGHT_LONELY: usize = 32;

/// Fewer live peers than this is being alone.
pub const LONELY: usize = 2;

/// `GetAddrs` is answered once per session in this time. More often would map our book; what comes sooner gets an empty frame as a sign of life.
pub const SERVE_INTERVAL: Duration = Duration::from_secs(10);

/// An `Addrs` counts as the answer to our `GetAddrs` for this long.
pub const ANSWER_WINDOW: Duration = Duration::from_secs(30);

/// Tokens that a session gains per second for addresses that nobody asked for.
pub const TOKENS_PER_SECOND: f64 = 0.1;

/// Tokens that a session holds at most: one full list.
pub const TOKENS_MAX: f64 = ADDRS_DECODED as f64;

/// Misbehaviour points at which a session is closed.
pub const SCORE_CLOSE: u32 = 100;

/// Points for a list of 65 to 1,000 addresses: ten of them are no accident.
pub const SCORE_LONG_LIST: u32 = 10;

/// Points for discovery data that does not decode.
pub const SCORE_UNDECODABLE: u32 = 20;

/// Records in the flat book. At about 150 bytes each this is 600 KiB; a hundred times what [`ADDRS_PER_ANSWER`] brings.
pub const BOOK_CAPACITY: usize = 4_096;

/// An address that failed so often since we last reached it is not passed on any more, and makes room for others when the book is full. Three failures are 30 s, 1 and 2 min.
pub const FAILURES_DOUBTED: u32 = 3;

/// Ports kept per host: nodes behind one NAT, not a port scan by proxy.
pub const PORTS_PER_HOST: usize = 4;

/// Ports below this belong to services that are no node; a list of them would make us somebody's scanner. Configured seeds may have them.
pub const FIRST_LEARNED_PORT: u16 = 1_024;

/// First and longest wait after a failed dial, shared by all ports of a host; it doubles in between.
pub const HOST_BACKOFF: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15 * 60));

/// First wait after a session that ended before [`LASTING_SESSION`]: the peer is there but turned us away.
pub const TURNED_AWAY_BACKOFF: Duration = Duration::from_secs(2);

/// A session that lived this long clears the backoff of its address or seed.
pub const LASTING_SESSION: Duration = Duration::from_secs(30);

/// Waits after a failed attempt at a seed: quick ones for a network that starts at once, then doubling from one second to thirty.
pub const SEED_QUICK: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)];

/// First and longest of the doubling waits after [`SEED_QUICK`].
pub const SEED_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A node that has its target and is turned away by a seed leaves it to those who need it for so long.
pub const SEED_TURNED_AWAY: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(15 * 60));

/// Addresses used of one seed's name.
pub const SEED_ADDRESSES: usize = 16;

/// An address that turned out to be our own is left alone for so long. Not for ever: addresses move.
pub const OWN_ADDRESS_QUIET: Duration = Duration::from_secs(60 * 60);

/// Own addresses remembered; a host has a handful.
pub const OWN_ADDRESSES: usize = 64;

/// A dial that did not leave this host is tried again after so long while nothing says that we have a network: it is down, not the peers.
pub const OUTAGE_PROBE: Duration = Duration::from_secs(2);

/// An answer of anybody this recent says that we have a network, and that an address out of reach is to blame itself.
pub const NETWORK_SEEN: Duration = Duration::from_secs(10);

/// Two nodes lose a session in the same moment: each waits so long, jittered, before it dials the other again.
pub const REDIAL_DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(300));

/// Addresses that one living peer may claim by `Hello`, over all its sessions. Those that we reached it at are not counted: each cost us a dial.
pub const CLAIMS_PER_PEER: usize = 4;

/// An address that nobody vouched for in this time is forgotten.
pub const HORIZON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The store is written at most once in this time, and at exit.
pub const PERSIST_INTERVAL: Duration = Duration::from_secs(10);

/// A burst of changes is gathered this long before the first write.
pub const PERSIST_DELAY: Duration = Duration::from_secs(1);

const _: () = assert!(ADDRS_PER_ANSWER <= ADDRS_DECODED);
const _: () = assert!(ADDRS_RELAYED <= ADDRS_PER_ANSWER && ADDRS_RELAYED <= RELAY_QUEUE);
const _: () = assert!(DIALS_PER_ANSWER <= DIALS_IN_FLIGHT && DIALS_IN_FLIGHT <= DIALS_IN_FLIGHT_LONELY);
const _: () = assert!(PERSIST_DELAY.as_millis() < PERSIST_INTERVAL.as_millis());
