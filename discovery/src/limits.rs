//! Every number of the engine, once, with the reason for it. What an operator would turn is in
//! [`crate::config`]; these are its defaults and the rest.

use std::time::Duration;

/// Addresses that we ask for, and that one answer is used for at most. 64 × 29 bytes fit one TCP
/// segment or two; a new node needs eight.
pub const ADDRS_PER_ANSWER: usize = 64;

/// Addresses that a visitor gets of a node that is full, unasked and at once: as many as it has
/// slots. Fewer than an answer, so that those of a crowd that all come to one seed are not sent to
/// the same forty places, and that identities without end, of which each gets one such list, learn
/// less of the book by a visit than by a session.
pub const ADDRS_PER_VISIT: usize = 8;

/// A declared list longer than this is an attack on memory, not a generous answer: refused before
/// allocation, and the session is closed. Bitcoin's bound for `addr`.
pub const ADDRS_DECODED: usize = 1_000;

/// An unsolicited list up to this length is news worth passing on; a longer one is a table dump.
pub const ADDRS_RELAYED: usize = 10;

/// Peers that one piece of news is told at least. Three make an epidemic that reaches nearly
/// everybody in log₃(n) steps.
pub const RELAY_FANOUT: usize = 3;

/// One peer in so many is told. In a network that grew, early nodes have forty peers and late ones
/// nine, mostly early ones: were each early one to tell three of its forty, a third of the late
/// ones would never hear. The budget is bounded by the session limit, whatever the network's size.
pub const RELAY_SHARE: usize = 3;

/// One batch of news per second and node, so that the cost does not grow with the network.
pub const RELAY_INTERVAL: Duration = Duration::from_secs(1);

/// That many batches may follow each other so closely; then one goes out every [`RELAY_REFILL`] at
/// most. A joiner is one batch. Ten thousand nodes that start at once are news to each other for a
/// quarter of an hour: without this they would spend all of it at the budget's limit, and what they
/// would say travels with answers anyway.
pub const RELAY_BURST: u32 = 20;

/// See [`RELAY_BURST`]: six joiners a minute can be told without ever waiting.
pub const RELAY_REFILL: Duration = Duration::from_secs(10);

/// News that waits for the next batch. What exceeds it is dropped: it is in the book and travels
/// with answers.
pub const RELAY_QUEUE: usize = 64;

/// A newcomer of whom we hear by news is probably dialling us already: wait this long, jittered,
/// before we dial it.
pub const RELAY_DIAL_DELAY: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_millis(300));

/// Dials that news alone may cause: one per second.
pub const RELAY_DIAL_INTERVAL: Duration = Duration::from_secs(1);

/// Dials that one answer may cause at once; while we are all but alone, [`DIALS_IN_FLIGHT`].
pub const DIALS_PER_ANSWER: usize = 4;

/// Known addresses remembered as mentioned in answers of late: somebody vouches for them, so that
/// they are dialled among the fresh ones, however old our own record is.
pub const MENTIONED: usize = 4 * ADDRS_PER_ANSWER;

/// Dials in flight while we have company.
pub const DIALS_IN_FLIGHT: usize = 8;

/// Dials in flight while we have fewer than [`LONELY`] live peers: most of an old store may be
/// black holes of five seconds each.
pub const DIALS_IN_FLIGHT_LONELY: usize = 32;

/// How much one more outcome counts for the share of dials that succeed: about the last ten matter.
pub const YIELD_WEIGHT: f64 = 0.1;

/// With a smaller share than this more are dialled than there are free slots, and finding anybody
/// comes before finding somebody elsewhere.
pub const YIELD_LOW: f64 = 0.5;

/// Fewer live peers than this is being alone.
pub const LONELY: usize = 2;

/// `GetAddrs` is answered once per session in this time. More often would map our book; what comes
/// sooner gets an empty frame as a sign of life.
pub const SERVE_INTERVAL: Duration = Duration::from_secs(10);

/// An `Addrs` counts as the answer to our `GetAddrs` for this long.
pub const ANSWER_WINDOW: Duration = Duration::from_secs(30);

/// Tokens that a session gains per second for addresses that nobody asked for.
pub const TOKENS_PER_SECOND: f64 = 0.1;

/// Tokens that a session holds at most: one full list.
pub const TOKENS_MAX: f64 = ADDRS_DECODED as f64;

/// Misbehaviour points, of all protocols together, at which a session is closed and its IP left
/// alone for [`DISCOURAGED`].
pub const SCORE_CLOSE: u32 = 100;

/// Points for a list of 65 to 1,000 addresses: ten of them are no accident.
pub const SCORE_LONG_LIST: u32 = 10;

/// Points for discovery data that does not decode.
pub const SCORE_UNDECODABLE: u32 = 20;

// The address book.

/// Buckets for addresses that we have not yet dialled with success. With [`NEW_BUCKETS_PER_SOURCE`]
/// of them for each source group it takes sixteen networks to fill them.
pub const NEW_BUCKETS: u16 = 256;

/// Buckets of addresses that we dialled with success: four thousand, five hundred times what a node
/// needs to come back.
pub const TRIED_BUCKETS: u16 = 64;

/// Addresses in one bucket: what is looked at to find a place, at most.
pub const BUCKET_SIZE: usize = 64;

/// Buckets that one source group reaches: 6.25 % of the new ones, whatever and however much it
/// tells us.
pub const NEW_BUCKETS_PER_SOURCE: u16 = 16;

/// New addresses of one network group, through whatever sources they came: 6.25 % as well, or
/// somebody with one network and many sources elsewhere would have it all.
pub const NEW_PER_GROUP: usize = NEW_CAPACITY / 16;

/// Buckets of tried addresses that one network group reaches: 6.25 %.
pub const TRIED_BUCKETS_PER_GROUP: u16 = 4;

/// New addresses in all.
pub const NEW_CAPACITY: usize = NEW_BUCKETS as usize * BUCKET_SIZE;

/// Addresses in all. A full book takes 6.2 MB: `cargo bench -p hegemon-discovery` measures it.
pub const BOOK_CAPACITY: usize = NEW_CAPACITY + TRIED_BUCKETS as usize * BUCKET_SIZE;

/// Dials in a row after which an address that nobody ever answered at may make room, or one that
/// last answered before the [`HORIZON`]. Three failures are 30 s, 1 and 2 min.
pub const FAILURES_DOUBTED: u32 = 3;

/// Dials in a row after which an address that answered once may make room, if that is
/// [`LOST_AFTER`] ago.
pub const FAILURES_LOST: u32 = 10;

/// An address may be down for a week and come back.
pub const LOST_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What we reached is passed on for this long after its last sign of life. Longer, and a network
/// that turns over passes on mostly the dead.
pub const ALIVE_WITHIN: Duration = Duration::from_secs(3 * 60 * 60);

const _: () = assert!(
    BOOK_CAPACITY == 20_480 && NEW_PER_GROUP == NEW_BUCKETS_PER_SOURCE as usize * BUCKET_SIZE
);
const _: () = assert!(
    NEW_BUCKETS_PER_SOURCE * 16 == NEW_BUCKETS && TRIED_BUCKETS_PER_GROUP * 16 == TRIED_BUCKETS
);
const _: () = assert!(FAILURES_DOUBTED < FAILURES_LOST && LOST_AFTER.as_secs() < HORIZON.as_secs());

/// Ports kept per host: nodes behind one NAT, not a port scan by proxy.
pub const PORTS_PER_HOST: usize = 4;

/// Ports below this belong to services that are no node; a list of them would make us somebody's
/// scanner. Configured seeds may have them.
pub const FIRST_LEARNED_PORT: u16 = 1_024;

/// First and longest wait after a failed dial, shared by all ports of a host; it doubles in
/// between.
pub const HOST_BACKOFF: (Duration, Duration) =
    (Duration::from_secs(30), Duration::from_secs(15 * 60));

/// First wait after a session that ended before [`LASTING_SESSION`]: the peer is there but turned
/// us away.
pub const TURNED_AWAY_BACKOFF: Duration = Duration::from_secs(2);

/// A session that lived this long clears the backoff of its address or seed.
pub const LASTING_SESSION: Duration = Duration::from_secs(30);

/// Waits after a failed attempt at a seed: quick ones for a network that starts at once, then
/// doubling from one second to thirty.
pub const SEED_QUICK: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)];

/// First and longest of the doubling waits after [`SEED_QUICK`].
pub const SEED_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A node that has its target and is turned away by a seed leaves it to those who need it for so
/// long.
pub const SEED_TURNED_AWAY: (Duration, Duration) =
    (Duration::from_secs(5 * 60), Duration::from_secs(15 * 60));

/// Addresses used of one seed's name.
pub const SEED_ADDRESSES: usize = 16;

/// An address that turned out to be our own is left alone for so long. Not for ever: addresses
/// move.
pub const OWN_ADDRESS_QUIET: Duration = Duration::from_secs(60 * 60);

/// Own addresses remembered; a host has a handful.
pub const OWN_ADDRESSES: usize = 64;

/// While the whole host seems to be cut off, one dial in this time looks whether it still is.
/// Short, because nothing else can be done meanwhile, and cheap, because it is one.
pub const OUTAGE_PROBE: Duration = Duration::from_secs(2);

/// Dials that nobody answered are held against their addresses only if somebody was heard this
/// shortly before they began (a living session has a frame every 20 s) …
pub const HEARD_BEFORE: Duration = Duration::from_secs(25);

/// … and this shortly after they failed; a question goes out to make it so.
pub const HEARD_AFTER: Duration = Duration::from_secs(5);

/// A dial that nobody answered is its address's fault at once if somebody was heard this long after
/// it began: longer than a round trip to anywhere, so the network was up when the answer should
/// have come. Sooner, and the network may have gone away in between.
pub const HEARD_DURING: Duration = Duration::from_secs(1);

/// Failed dials whose judgement is open. More than are in flight at once; what exceeds it is
/// forgotten, which blames nobody.
pub const DOUBTS: usize = 2 * DIALS_IN_FLIGHT_LONELY;

/// Hosts that must be out of reach, with nobody heard meanwhile, before it is us. One or two may
/// well be dead.
pub const OUTAGE_HOSTS: usize = 3;

/// Dials in a second over a longer time, and in one burst. A list of addresses that refuse at once
/// must not make us somebody's scanner; a node with a store of dead addresses needs some fifty to
/// find a few living ones.
pub const DIALS_PER_SECOND: f64 = 16.0;

/// See [`DIALS_PER_SECOND`].
pub const DIALS_BURST: f64 = 64.0;

/// Between two feelers: so many milliseconds for each known address, within [`FEELER_INTERVAL`]. A
/// small book is seen through in minutes, a large one needs no more than a steady trickle.
pub const FEELER_MILLIS_PER_ADDRESS: u64 = 120;

/// Shortest and longest time between two feelers.
pub const FEELER_INTERVAL: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(120));

/// An old acquaintance that fell silent is felt for at most once in this time, whatever its
/// backoff: in a network that was cut in two, somebody notices soon that it is whole again.
pub const FEELER_RETRY: Duration = Duration::from_secs(2 * 60);

/// Outbound peers of before a restart that are dialled first. As many as the default target: all of
/// them may be needed at once.
pub const ANCHORS: usize = 8;

/// A host that answers again after having failed says that others which began to fail then, or so
/// shortly before, may do so too: they are tried at once. The time in which the ends of a cut
/// network notice it.
pub const THAW_SLACK: Duration = Duration::from_secs(3 * 60);

/// At most one such thaw in this time: who comes and goes on purpose must not make us dial.
pub const THAW_INTERVAL: Duration = Duration::from_secs(60);

/// An inbound peer makes room for a newcomer at most once in this time. Often enough that a full
/// network stays open, rarely enough that it stays calm.
pub const EVICTION_INTERVAL: Duration = Duration::from_secs(30);

/// Inbound peers that are never evicted for living longest, for having been useful last, and for
/// being alone in their network group: an attacker has to beat all three.
pub const EVICTION_PROTECTED: [usize; 3] = [8, 4, 4];

/// What one IP may tell us over all its sessions: a full list at first, then [`TOKENS_PER_SECOND`].
/// Reconnecting refills nothing.
pub const TOKENS_PER_SOURCE: f64 = TOKENS_MAX;

/// What one network group may tell us over all its sessions at first: its share of the new table,
/// four times.
pub const TOKENS_PER_GROUP: f64 = 4_096.0;

/// Tokens that a group gains in a second.
pub const GROUP_TOKENS_PER_SECOND: f64 = 1.0;

/// Sources and groups whose allowance is remembered. The fullest is forgotten first, which gives
/// away the least.
pub const SOURCES_REMEMBERED: usize = 4_096;

/// How long the IP of a peer that misbehaved is left alone. Short: behind a NAT there are others.
pub const DISCOURAGED: Duration = Duration::from_secs(10 * 60);

/// IPs discouraged at once.
pub const DISCOURAGED_MAX: usize = 1_024;

/// From so many addresses up answers are drawn from a sample that is kept for [`SAMPLE_TIME`]: many
/// questions then show no more of the book than one does.
pub const SAMPLED_FROM: usize = 1_000;

/// See [`SAMPLED_FROM`].
pub const SAMPLE_TIME: Duration = Duration::from_secs(10 * 60);

/// Addresses in that sample: four answers.
pub const SAMPLE: usize = 4 * ADDRS_PER_ANSWER;

/// Without any session for so long: the operator is told.
pub const ISOLATED_AFTER: Duration = Duration::from_secs(60);

/// Two nodes lose a session in the same moment: each waits so long, jittered, before it dials the
/// other again.
pub const REDIAL_DELAY: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_millis(300));

/// Addresses that one living peer may claim by `Hello`, over all its sessions. Those that we
/// reached it at are not counted: each cost us a dial.
pub const CLAIMS_PER_PEER: usize = 4;

/// An address of which we had no sign of life in this time may make room for another.
pub const HORIZON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The store is written at most once in this time, and at exit; but see [`PERSIST_EACH`].
pub const PERSIST_INTERVAL: Duration = Duration::from_secs(10);

/// A burst of changes is gathered this long before the first write.
pub const PERSIST_DELAY: Duration = Duration::from_secs(1);

/// While no more addresses than this are known, a new one is written after [`PERSIST_DELAY`], and
/// while no more are tried, one that becomes one of them. A node that knows few and is killed
/// before it wrote the next may come back without any that still lives: 10,000 simulated networks
/// of three to eight nodes had two of those.
pub const PERSIST_EACH: usize = 16;

// Sessions. The engine does not decide which of them may be; who does, shares these.

/// A dialler's first word waits for the listener's at most so long: an older listener loses what
/// comes with the last message of the handshake.
pub const FIRST_WORD: Duration = Duration::from_secs(1);

/// A session over which nothing came yet counts after so long: older nodes may have nothing to say.
pub const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// One that the other side may have forgotten is asked for a sign of life so long after the event
/// that put it in doubt. What arrives earlier may have been sent before, and proves nothing.
pub const PROVE_AFTER: Duration = Duration::from_secs(1);

/// A session in doubt has so long to show that it lives.
pub const PROVE: Duration = Duration::from_secs(5);

/// A session over which nothing came for so long is probed …
pub const SILENT: Duration = Duration::from_secs(60);

/// … as often as this, [`PROBES`] times.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(30);

/// See [`PROBE_INTERVAL`].
pub const PROBES: u32 = 2;

/// Inbound sessions beyond the limit: visits. A newcomer must find somebody even in a full network.
/// Everybody in a crowd has one, since the next one takes the oldest's place; with eight that is only
/// after [`OVERFLOW_TIME`] as long as thirty-two a second come.
pub const OVERFLOW_SLOTS: usize = 8;

/// How long a visit lasts at the most. The answer is out before anything else, so this is the way
/// there and back for most, in which the visitor says where it listens; longer, and it would take the
/// visit for a place of its own and look for no other.
pub const OVERFLOW_TIME: Duration = Duration::from_millis(250);

/// What a visitor was told and the network has not yet taken when the visit is over has so long to
/// leave: it is taken at once unless the visitor does not read.
pub const FAREWELL: Duration = Duration::from_secs(1);

const _: () = assert!(PROVE_AFTER.as_millis() < PROVE.as_millis());
const _: () = assert!(DISCOURAGED.as_secs() <= 60 * 60);
const _: () = assert!(HEARD_AFTER.as_millis() >= 2 * OUTAGE_PROBE.as_millis());
const _: () = assert!(ADDRS_PER_ANSWER <= ADDRS_DECODED);
const _: () = assert!(ADDRS_RELAYED <= ADDRS_PER_ANSWER && ADDRS_RELAYED <= RELAY_QUEUE);
const _: () =
    assert!(DIALS_PER_ANSWER <= DIALS_IN_FLIGHT && DIALS_IN_FLIGHT <= DIALS_IN_FLIGHT_LONELY);
const _: () = assert!(PERSIST_DELAY.as_millis() < PERSIST_INTERVAL.as_millis());
