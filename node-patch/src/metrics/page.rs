//! What is shown, and where each value comes from.

use std::{fmt, sync::Arc};

use hegemon_discovery::{Alarm, Direction, Status, policy::Refusal};
use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, encoding::text, registry::Registry,
    registry::Unit,
};
use tokio::sync::watch;

use super::families::{Families, words};
use crate::{
    chain::Chain,
    miner::Miner,
    net::{tally::Tally, view::SharedView},
    node_status::{alarm_name, reason_name},
    rpc::{NodeInfo, NodeStatus},
    sync::{DEPTHS, Imports, SyncStatus},
};

/// Every name begins with it.
const PREFIX: &str = "hegemon";

/// Where values are read at a scrape.
pub struct Sources {
    /// What does not change.
    pub info: NodeInfo,
    /// The chain.
    pub chain: Arc<Chain>,
    /// The miner.
    pub miner: Arc<Miner>,
    /// Peers, as RPC counts them.
    pub node: Arc<dyn NodeStatus>,
    /// The hub's view.
    pub view: SharedView,
    /// What only the network's tasks know.
    pub tally: Arc<Tally>,
    /// How far along the sync driver is.
    pub sync: watch::Receiver<SyncStatus>,
    /// What became of blocks.
    pub imports: Arc<Imports>,
}

/// The page with its registry.
#[derive(Debug)]
pub(super) struct Page(Registry);

impl Page {
    pub(super) fn new(sources: Sources) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(sources));
        Self(registry)
    }

    /// The values of now, as OpenMetrics text.
    pub(super) fn render(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.0).expect("a string takes everything");
        page
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Families(encoder);
        let version = [("name", self.info.name.as_str()), ("version", &self.info.version)];
        page.info(&words("node", "The implementation"), &version)?;
        let view = self.view.read();
        self.peers(&mut page, view.rivalries)?;
        self.chain(&mut page)?;
        book(&mut page, &view.discovery)?;
        efforts(&mut page, &view.discovery)?;
        outcomes(&mut page, &view.discovery)?;
        self.network(&mut page)?;
        self.mining(&mut page)
    }
}

impl Sources {
    fn peers(&self, page: &mut Families<'_>, rivalries: u64) -> fmt::Result {
        let peers = self.node.peers();
        let of = |direction| peers.iter().filter(|peer| peer.direction == direction).count();
        page.gauges(
            &words("peers", "Peers as system_health counts them, by who dialled"),
            (
                "direction",
                &[("inbound", of(Direction::Inbound)), ("outbound", of(Direction::Outbound))],
            ),
        )?;
        let sessions = &self.tally.sessions;
        page.counters(
            &words("sessions", "Sessions established, by who dialled"),
            (
                "direction",
                &[("inbound", sessions.inbound.get()), ("outbound", sessions.outbound.get())],
            ),
        )?;
        page.counter(
            &words(
                "session_rivalries",
                "Times that two sessions with one peer stood against each other",
            ),
            rivalries,
        )
    }

    fn chain(&self, page: &mut Families<'_>) -> fmt::Result {
        let best = self.chain.best();
        let sync = self.sync.borrow().clone();
        let height = u64::from(best.number);
        page.gauge(&words("chain_height", "Height of the best block"), height)?;
        page.gauge(
            &words(
                "chain_highest_known",
                "The highest block that we have, or that a peer claims who gave us some",
            ),
            sync.highest.max(height),
        )?;
        page.gauge(
            &words("chain_syncing", "1 while the node catches up"),
            u64::from(sync.is_syncing),
        )?;
        // A genesis block has neither; a database that fails ends the node by another way.
        if let Some(claim) =
            self.chain.header(&best.hash).ok().flatten().and_then(|header| header.pow_claim())
        {
            page.gauge(
                &words(
                    "chain_best_block_timestamp",
                    "When the best block was mined, by its miner's clock, since 1970",
                )
                .of(Unit::Seconds),
                claim.timestamp_ms as f64 / 1000.0,
            )?;
            page.gauge(
                &words("chain_difficulty", "Hashes that the best block is expected to have taken"),
                claim.difficulty as f64,
            )?;
        }
        let counts = self.imports.counts();
        page.counters(
            &words("chain_blocks", "Blocks that went through the import, by what became of them"),
            (
                "outcome",
                &[("best", counts.best), ("side", counts.side), ("refused", counts.refused)],
            ),
        )?;
        let bound = |depth: u32| if depth == u32::MAX { f64::INFINITY } else { depth.into() };
        let buckets: Vec<_> = DEPTHS.map(bound).into_iter().zip(counts.reorganisations).collect();
        page.histogram(
            &words(
                "chain_reorganisation_depth",
                "Reorganisations, by how many blocks left the best chain",
            )
            .of(Unit::Other("blocks".to_owned())),
            counts.undone,
            &buckets,
        )?;
        page.gauge(&words("orphans", "Blocks that wait for their parent"), sync.orphans)?;
        page.gauge(
            &words("orphans_size", "Size of the blocks that wait for their parent").of(Unit::Bytes),
            sync.orphan_bytes,
        )
    }

    fn network(&self, page: &mut Families<'_>) -> fmt::Result {
        let Tally { traffic, handshakes, drops, .. } = &*self.tally;
        page.counters(
            &words(
                "inbound_handshakes",
                "Handshakes of those who dialled us, by outcome; turned_away were too many at once",
            ),
            (
                "outcome",
                &[
                    ("completed", handshakes.completed.get()),
                    ("timed_out", handshakes.timed_out.get()),
                    ("hung_up", handshakes.hung_up.get()),
                    ("invalid", handshakes.invalid.get()),
                    ("turned_away", handshakes.turned_away.get()),
                ],
            ),
        )?;
        let (received, sent) = traffic.bytes();
        page.counter(
            &words("network_received", "Frames received on all sessions").of(Unit::Bytes),
            received,
        )?;
        page.counter(&words("network_sent", "Frames sent on all sessions").of(Unit::Bytes), sent)?;
        page.counters(
            &words("queue_drops", "What full queues cost: a session that ended (session: its own queue, sessions: all together), a frame that was dropped (chain: events, chain_bytes: memory)"),
            (
                "queue",
                &[
                    ("session", drops.session.get()),
                    ("sessions", drops.sessions.get()),
                    ("chain", drops.chain.get()),
                    ("chain_bytes", drops.chain_bytes.get()),
                ],
            ),
        )
    }

    fn mining(&self, page: &mut Families<'_>) -> fmt::Result {
        let status = self.miner.status();
        page.gauge(
            &words("mining_threads", "Threads that mine; 0 if it is stopped"),
            status.threads,
        )?;
        page.gauge(
            &words(
                "mining_rate",
                "Hashes a second of all threads together since they were started",
            )
            .of(Unit::Other("hashes_per_second".to_owned())),
            status.hash_rate,
        )?;
        page.counter(
            &words("mining_blocks_found", "Blocks that this node found"),
            status.blocks_found,
        )
    }
}

/// What is known of addresses.
fn book(page: &mut Families<'_>, status: &Status) -> fmt::Result {
    page.gauges(
        &words(
            "discovery_addresses",
            "Addresses in the book by state; one can be in several, and known are all",
        ),
        (
            "state",
            &[
                ("known", status.known),
                ("tried", status.tried),
                ("verified", status.verified),
                ("announced", status.announced),
                ("failing", status.failing),
            ],
        ),
    )?;
    page.gauges(
        &words(
            "discovery_groups",
            "Distinct network groups, of the addresses in the book and of outbound peers",
        ),
        ("of", &[("book", status.groups), ("outbound", status.outbound_groups)]),
    )?;
    // All reasons, so that each is on the page before it first happens.
    let refused = |reason| {
        (reason_name(reason), status.counters.refused.get(&reason).map_or(0, |count| *count))
    };
    page.counters(
        &words(
            "discovery_addresses_refused",
            "Addresses that did not get into the book, by reason",
        ),
        ("reason", &Refusal::ALL.map(refused)),
    )?;
    page.gauge(
        &words("discovery_discouraged_ips", "IPs left alone for misbehaviour"),
        status.discouraged,
    )
}

/// What it does about peers.
fn efforts(page: &mut Families<'_>, status: &Status) -> fmt::Result {
    page.gauges(
        &words("discovery_targets", "Peers: outbound ones below which it is urgent, outbound ones to fill up to, inbound ones that may stay"),
        (
            "limit",
            &[
                ("min_outbound", status.min_peers),
                ("target_outbound", status.target_outbound),
                ("max_inbound", status.max_inbound),
            ],
        ),
    )?;
    page.gauges(
        &words("discovery_dialling", "Dials under way, by purpose"),
        (
            "purpose",
            &[("peer", status.dialling.saturating_sub(status.feelers)), ("feeler", status.feelers)],
        ),
    )?;
    page.gauge(
        &words("discovery_saturated", "1 if no address is left to dial"),
        u64::from(status.saturated),
    )?;
    page.gauge(
        &words("discovery_seeds_connected", "Seeds with a session"),
        status.seeds_connected,
    )?;
    page.gauge(
        &words(
            "discovery_cut_off",
            "For how long this host has seemed to be without a network; 0 if it does not",
        )
        .of(Unit::Seconds),
        status.cut_off.map_or(0.0, |time| time.as_secs_f64()),
    )?;
    if let Some(age) = status.last_refresh {
        page.gauge(
            &words(
                "discovery_refresh_age",
                "Time since the last addresses that we asked for; not there before the first",
            )
            .of(Unit::Seconds),
            age.as_secs_f64(),
        )?;
    }
    let alarm = |alarm| (alarm_name(alarm), u64::from(status.alarms.contains(&alarm)));
    page.gauges(
        &words("discovery_alarm", "1 while the alarm stands"),
        ("alarm", &Alarm::ALL.map(alarm)),
    )
}

/// What came of it.
fn outcomes(page: &mut Families<'_>, status: &Status) -> fmt::Result {
    let counters = &status.counters;
    let dials = &counters.dials;
    page.counters(
        &words("dials", "Dials that ended, by outcome"),
        (
            "outcome",
            &[
                ("succeeded", dials.succeeded),
                ("refused", dials.refused),
                ("unreachable", dials.unreachable),
                ("handshake", dials.handshake),
                ("local_network", dials.local_network),
                ("no_slot", dials.no_slot),
                ("itself", dials.itself),
                ("duplicate", dials.duplicate),
            ],
        ),
    )?;
    page.counter(
        &words("peers_misbehaved", "Sessions closed for misbehaviour"),
        counters.misbehaved,
    )?;
    page.counter(
        &words("peers_evicted", "Inbound peers that made room for a newcomer"),
        counters.evicted,
    )?;
    page.counter(
        &words("discovery_rate_limited", "Questions for addresses that came too soon"),
        counters.rate_limited,
    )
}
