//! What RPC asks the network, answered from the hub's view.

use std::{collections::BTreeMap, net::SocketAddr, sync::atomic::Ordering::Relaxed};

use hegemon_discovery::{Alarm, PeerId, policy::Refusal};
use serde_json::{Value, json};

use crate::{
    clock::Clock,
    host::Tasks,
    net::view::{SessionView, SharedView},
    rpc::{NodeStatus, PeerInfo},
};

/// See the module.
#[derive(Debug)]
pub struct Status {
    view: SharedView,
    clock: Clock,
    peer_id: PeerId,
    listen: SocketAddr,
    /// Of the sessions: RPC has its own.
    tasks: Tasks,
}

impl Status {
    /// The status of the node `peer_id` that listens on `listen`, whose sessions are run by `tasks`.
    #[must_use]
    pub fn new(
        view: SharedView,
        clock: Clock,
        tasks: Tasks,
        peer_id: PeerId,
        listen: SocketAddr,
    ) -> Self {
        Self { view, clock, tasks, peer_id, listen }
    }

    fn info(&self, session: &SessionView) -> PeerInfo {
        PeerInfo {
            peer_id: session.known.peer,
            address: session.known.remote,
            direction: session.known.direction,
            age_seconds: self.clock.now().mono.since(session.known.opened).as_secs(),
            bytes_in: session.outlet.traffic.received.load(Relaxed),
            bytes_out: session.outlet.traffic.sent.load(Relaxed),
            listen_address: session.known.listen,
        }
    }
}

impl NodeStatus for Status {
    fn peer_count(&self) -> usize {
        self.view.settled_peers()
    }

    /// One per peer: of two sessions the younger, as long as it is not clear which stays.
    fn peers(&self) -> Vec<PeerInfo> {
        let settled = self.view.read().sessions.into_iter().filter(|session| session.settled);
        let by_peer: BTreeMap<PeerId, SessionView> =
            settled.map(|session| (session.known.peer, session)).collect();
        by_peer.values().map(|session| self.info(session)).collect()
    }

    fn discovery(&self) -> Value {
        let view = self.view.read();
        let status = view.discovery;
        let counters = &status.counters;
        let refused: serde_json::Map<String, Value> = counters
            .refused
            .iter()
            .map(|(reason, count)| (reason_name(*reason).to_owned(), (*count).into()))
            .collect();
        json!({
            "book": {
                "known": status.known,
                "tried": status.tried,
                "verified": status.verified,
                "announced": status.announced,
                "failing": status.failing,
                "groups": status.groups,
            },
            "peers": status.peers,
            "live_tasks": self.tasks.alive(),
            "rivalries": view.rivalries,
            "outbound": status.outbound,
            "outbound_groups": status.outbound_groups,
            "inbound": status.inbound,
            "min_peers": status.min_peers,
            "target_outbound": status.target_outbound,
            "max_inbound": status.max_inbound,
            "dialling": status.dialling,
            "feelers": status.feelers,
            "saturated": status.saturated,
            "seeds_connected": status.seeds_connected,
            "dials": {
                "succeeded": counters.dials.succeeded,
                "refused": counters.dials.refused,
                "unreachable": counters.dials.unreachable,
                "handshake": counters.dials.handshake,
                "local_network": counters.dials.local_network,
                "no_slot": counters.dials.no_slot,
                "itself": counters.dials.itself,
                "duplicate": counters.dials.duplicate,
            },
            "refused": refused,
            "misbehaved": counters.misbehaved,
            "discouraged": status.discouraged,
            "evicted": counters.evicted,
            "rate_limited": counters.rate_limited,
            "cut_off_seconds": status.cut_off.map(|time| time.as_secs()),
            "alarms": status.alarms.iter().map(|alarm| alarm_name(*alarm)).collect::<Vec<_>>(),
            "last_refresh_seconds": status.last_refresh.map(|age| age.as_secs()),
        })
    }

    fn local_peer_id(&self) -> PeerId {
        self.peer_id
    }

    fn listen_addresses(&self) -> Vec<SocketAddr> {
        vec![self.listen]
    }
}

/// A refusal's name, for RPC and metrics.
#[must_use]
pub fn reason_name(reason: Refusal) -> &'static str {
    match reason {
        Refusal::NotDialable => "not_dialable",
        Refusal::Scope => "scope",
        Refusal::Port => "port",
        Refusal::Own => "own",
        Refusal::PortsPerHost => "ports_per_host",
        Refusal::RateLimit => "rate_limit",
        Refusal::BookFull => "book_full",
        Refusal::GroupShare => "group_share",
        Refusal::Discouraged => "discouraged",
    }
}

/// An alarm's name, for RPC and metrics.
#[must_use]
pub fn alarm_name(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::Isolated => "isolated",
        Alarm::Eclipse => "eclipse",
    }
}
