//! What a story keeps of a run, and how little room it takes.

use super::*;
use crate::{
    event::{Direction, HashRound, Reading, Session, SessionList},
    node::Incarnation,
    scenario::testing::plan as planned,
};

fn told(plan: &Plan, events: impl IntoIterator<Item = (u64, EventKind)>) -> Story {
    let mut story = Story::new(plan);
    for (seq, (at, what)) in (0..).zip(events) {
        story.record(&Event { seq, at_ms: Moment(at), wall: String::new(), what });
    }
    story
}

fn sample(node: &str, at: u64, peers: u64, height: u64) -> (u64, EventKind) {
    let what = EventKind::Sample(Sample {
        node: node.to_owned(),
        start: 0,
        sent: Moment(at),
        answered: Moment(at),
        peers: Reading::Value(peers),
        distinct: None,
        height: Reading::Value(height),
        syncing: None,
    });
    (at, what)
}

fn plan(nodes: u32) -> Plan {
    planned(&format!(
        "[scenario]\ntimeout = \"30s\"\n[[nodes]]\nname = \"seed\"\nseed = true\nmine = true\n[[nodes]]\nname = \"node\"\ncount = {nodes}\n[[phases]]\nname = \"a\"\nfaults = [{{ fault = \"restart\", nodes = \"seed\" }}]\nchecks = [{{ check = \"peers\", nodes = \"*\", at_least = 1, within = \"5s\" }}]\n"
    ))
}

#[test]
fn a_block_is_on_its_way_from_its_first_sight_to_those_who_were_there() {
    let gone = EventKind::State {
        node: "node-2".to_owned(),
        state: NodeState::Exited { code: Some(0), signal: None },
    };
    let back = EventKind::NodeStarted {
        node: "node-2".to_owned(),
        start: 1,
        incarnation: Incarnation {
            pid: 1,
            started: std::time::SystemTime::UNIX_EPOCH,
            id: String::new(),
        },
        rpc: ([127, 0, 0, 1], 1).into(),
    };
    let story = told(
        &plan(2),
        [
            sample("seed", 0, 1, 4),
            sample("node-1", 0, 1, 4),
            sample("node-2", 0, 1, 4),
            sample("seed", 100, 1, 5),
            sample("node-1", 130, 1, 5),
            (150, gone),
            sample("seed", 200, 1, 6),
            (300, back),
            sample("node-2", 400, 1, 6),
            // Too much at once for blocks on their way.
            sample("node-1", 500, 1, 900),
        ],
    );
    let dots: Vec<_> = story.dots.iter().map(|dot| (dot.height, dot.node, dot.after_ms)).collect();
    // Block 5 came to node-2 late, and it was there when the others had it.
    assert_eq!(dots, [(5, 1, 30), (5, 2, 300)]);
    let away = Away { from: Moment(150), to: Some(Moment(300)), frozen: false };
    assert_eq!(story.lanes[2].away, [away]);
    let heights: Vec<_> =
        story.lanes[2].height.buckets().iter().map(|b| (b.from, b.first)).collect();
    assert_eq!(heights, [(0, true), (400, true)], "no line over the time in which it was away");
}

#[test]
fn who_talks_to_whom_is_known_by_peer_ids_and_before_a_fault() {
    let says = |node: &str, id: &str| {
        let id = Some(id.to_owned());
        (
            1,
            EventKind::Methods {
                node: node.to_owned(),
                start: 0,
                system_peers: false,
                peer_id: id,
            },
        )
    };
    let session = |peer: &str| Session { peer: peer.to_owned(), direction: Direction::Inbound };
    let list = EventKind::Sessions(SessionList {
        node: "node-1".to_owned(),
        start: 0,
        sent: Moment(2),
        answered: Moment(2),
        sessions: Reading::Value(vec![session("aa"), session("nobody"), session("bb")]),
    });
    let fault = FaultId { phase: 0, fault: 0 };
    let story = told(
        &plan(2),
        [
            says("seed", "aa"),
            says("node-1", "bb"),
            (2, list),
            (3, EventKind::FaultStarted { fault }),
        ],
    );
    let picture = &story.pictures[0];
    assert_eq!(picture.what, "before restart of seed");
    assert_eq!(
        picture.pairs,
        BTreeMap::from([((0, 1), false)]),
        "itself and strangers are no pairs, and the seed said nothing"
    );
    assert_eq!(picture.heard, BTreeSet::from([1]));
}

#[test]
fn fifty_nodes_and_a_million_samples_stay_small() {
    let plan = plan(49);
    let mut story = Story::new(&plan);
    let names: Vec<String> = plan.network();
    for round in 0..20_000_u64 {
        for (number, node) in (0..).zip(&names) {
            let (at, what) = sample(node, round * 500 + number, 8 + round % 3, round / 4);
            story.record(&Event { seq: 0, at_ms: Moment(at), wall: String::new(), what });
        }
        let hashes = [("seed", format!("0x{round}")), ("node-1", "0xb".to_owned())];
        let hashes = hashes.map(|(node, hash)| (node.to_owned(), Reading::Value(hash)));
        let at = Moment(round * 500);
        let round = HashRound { height: round, sent: at, answered: at, hashes: hashes.into() };
        story.record(&Event {
            seq: 0,
            at_ms: at,
            wall: String::new(),
            what: EventKind::Hashes(round),
        });
    }
    assert!(story.dots.len() <= DOTS && story.each_dot > 1);
    assert_eq!(story.forks.len(), FORKS);
    assert!(story.forks.keys().max() == Some(&19_999), "the newest are kept");
    assert!(story.lanes.iter().all(|lane| lane.peers.buckets().len() <= WIDEST));
}
