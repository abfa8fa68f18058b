//! One run: the nodes of a schedule, what happens to them, and looks at them all the while.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use hegemon_discovery::Direction;
use hegemon_node::{chain::ChainParams, miner::Pace, rpc::Desk};
use serde_json::Value;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep_until},
};

use super::{
    computer::{Common, Computer, Node, PORT},
    disk::Loss,
    history::{Event, History, Look, Seen},
    life::as_host,
    net::{Counts, HostId, SimNet},
    properties::{self, ONE_CHAIN, PEERS_BACK, QUIET, Violation},
    schedule::{Act, Mode, Names, Schedule},
};
use crate::chance::fold;

/// Between two looks at a node.
const LOOK: u64 = 1_000;
/// Difficulty and pace are those of a dev chain, divided by two to the power of this.
const SCALE: u32 = 6;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it was seen to do.
    pub history: History,
    /// Properties that it did not have.
    pub violations: Vec<Violation>,
    /// What the network did.
    pub counts: Counts,
    /// Of every packet, every poll of a task and every look: equal for equal runs.
    pub digest: u64,
}

/// Runs a schedule, on this thread and to its end.
///
/// # Panics
///
/// If the operating system gives no runtime.
#[must_use]
pub fn run(schedule: &Schedule) -> Outcome {
    run_with(schedule, || ())
}

/// As [`run()`], with something that is there for as long as it lasts, such as a log.
///
/// # Panics
///
/// If the operating system gives no runtime.
pub fn run_with<T>(schedule: &Schedule, meanwhile: impl FnOnce() -> T) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing but memory");
    runtime.block_on(async {
        let kept = meanwhile();
        let mut town = Town::new(schedule);
        town.live().await;
        let outcome = town.outcome();
        drop(kept);
        outcome
    })
}

/// The nodes of a run.
struct Town<'a> {
    schedule: &'a Schedule,
    net: SimNet,
    began: Instant,
    computers: Vec<Computer>,
    history: History,
    digest: u64,
}

impl<'a> Town<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        let net = SimNet::new(schedule.seed, schedule.weather);
        tokio::spawn(net.clone().run());
        let seeds = (0..schedule.seeds).map(|seed| (address(schedule, seed), PORT).into());
        let common = Arc::new(Common {
            seed: schedule.seed,
            params: params(schedule.block_time),
            pace: pace(),
            yields: schedule.yields,
            seeds: seeds.collect(),
            groups: schedule.groups,
        });
        let computers = (0..schedule.nodes)
            .map(|node| Computer::new(&net, HostId(node), address(schedule, node), common.clone()));
        let computers = computers.collect();
        let calm = millis(schedule.calm);
        let (unmined, end) = match schedule.mode {
            Mode::Safety => (calm, calm),
            Mode::Liveness => (calm + PEERS_BACK, calm + PEERS_BACK + ONE_CHAIN + QUIET),
        };
        let history = History {
            mode: schedule.mode,
            nodes: schedule.nodes,
            gone: schedule.leaves.map(|_| 0).into_iter().chain(schedule.without.clone()).collect(),
            calm,
            unmined,
            end,
            looks: Vec::new(),
            events: Vec::new(),
            connections: BTreeMap::new(),
        };
        Self { schedule, net, began: Instant::now(), computers, history, digest: 0 }
    }

    async fn live(&mut self) {
        let mut acts = self.schedule.acts();
        acts.retain(|(at, _)| *at < self.history.calm);
        acts.reverse();
        let mut look = LOOK;
        loop {
            let next = acts.last().map_or(u64::MAX, |(at, _)| *at).min(look);
            sleep_until(self.began + Duration::from_millis(next)).await;
            self.reap(next);
            while let Some((at, act)) = acts.pop_if(|(at, _)| *at <= next) {
                self.act(at, act);
            }
            if next == look {
                self.look(next);
                if next >= self.history.end {
                    return;
                }
                self.turn(next);
                look += LOOK;
            }
        }
    }

    /// What the course of a run has beside its faults.
    fn turn(&mut self, at: u64) {
        if self.history.mode == Mode::Safety {
            return;
        }
        if at == self.history.calm {
            self.calm(at);
        }
        if at == self.history.unmined {
            for computer in &self.computers {
                if let Some(node) = computer.running.as_ref().filter(|node| node.answers()) {
                    as_host(computer.host, || node.desk.ask(&request(&["hegemon_stopMining"])));
                }
            }
        }
    }

    /// No fault is any more.
    fn calm(&mut self, at: u64) {
        let nodes = self.schedule.nodes;
        for (one, other) in (0..nodes).flat_map(|one| (0..nodes).map(move |other| (one, other))) {
            self.act(at, Act::Heal(one, other));
            self.act(at, Act::Release(one, other));
        }
        self.act(at, Act::Loss(None));
        self.act(at, Act::Names(Names::Found));
        for node in 0..nodes {
            self.act(at, Act::Thaw(node));
            self.act(at, Act::Clock(node, 0));
            if !self.history.gone.contains(&node) {
                self.act(at, Act::Start(node));
            }
        }
    }

    fn act(&mut self, at: u64, act: Act) {
        tracing::info!("{act}");
        let net = &self.net;
        match act {
            Act::Start(node) => self.start(at, node),
            Act::Stop(node) => self.computers[node].stop(),
            Act::End(node, loss) => self.computers[node].end(loss),
            Act::EndInWrite(node, loss, after) => self.computers[node].lose_disk_after(after, loss),
            Act::Fall(node) => self.computers[node].fall(),
            Act::Freeze(node) => self.computers[node].freeze(),
            Act::Thaw(node) => self.computers[node].thaw(),
            Act::Cut(from, to) => net.cut(HostId(from), HostId(to)),
            Act::Heal(from, to) => net.heal(HostId(from), HostId(to)),
            Act::Hold(from, to) => net.hold(HostId(from), HostId(to)),
            Act::Release(from, to) => net.release(HostId(from), HostId(to)),
            Act::Sever(one, other) => net.sever(HostId(one), HostId(other)),
            Act::Loss(loss) => net.set_loss(loss),
            Act::Names(Names::Found) => net.find_names(),
            Act::Names(Names::Lost) => net.lose_names(),
            Act::Clock(node, skew) => self.computers[node].set_skew(skew),
        }
    }

    fn start(&mut self, at: u64, node: usize) {
        let computer = &mut self.computers[node];
        computer.end_if_ending();
        if computer.running.is_some() {
            return;
        }
        let mines = node + self.schedule.miners >= self.schedule.nodes;
        let event = match computer.start(mines) {
            Ok(()) => {
                let best = computer.running.as_ref().map(|node| node.chain.best());
                best.map(Event::Started)
            }
            Err(why) => Some(Event::Unable(why)),
        };
        self.history.events.extend(event.map(|event| (at, node, event)));
    }

    /// Takes away what has ended by itself.
    fn reap(&mut self, at: u64) {
        for computer in &mut self.computers {
            if let Some(exit) = computer.reap() {
                self.history.events.push((at, computer.host.0, Event::Exited(exit)));
            }
        }
    }

    fn look(&mut self, at: u64) {
        let peers: BTreeMap<_, _> =
            self.computers.iter().map(|computer| (computer.peer_id(), computer.host.0)).collect();
        for computer in &self.computers {
            let Some(node) = computer.running.as_ref().filter(|node| node.answers()) else {
                continue;
            };
            let (host, life) = (computer.host, computer.lives);
            let look = as_host(host, || {
                let view = node.view.read();
                let sessions = view.sessions.iter().map(|session| Seen {
                    peer: peers.get(&session.known.peer).copied(),
                    name: session.outlet.transcript,
                    settled: session.settled,
                });
                let sessions = sessions.collect();
                let outbound = view.sessions.iter().map(|session| session.known.direction);
                let outbound = outbound.filter(|direction| *direction == Direction::Outbound);
                let known: BTreeSet<_> =
                    view.sessions.iter().map(|session| session.known.peer).collect();
                let claims = node.sync.borrow();
                let overdue =
                    claims.due.map_or(0, |due| node.clock.now().mono.since(due).as_millis());
                let Asked { dialling, dialled, syncing, amiss } = asked(node);
                Look {
                    at,
                    node: host.0,
                    life,
                    best: node.chain.best(),
                    sessions,
                    syncing,
                    outbound: outbound.count(),
                    dialling,
                    dialled,
                    ends: self.net.held(host),
                    strangers: claims.claims.keys().filter(|peer| !known.contains(peer)).count(),
                    overdue: u64::try_from(overdue).unwrap_or(u64::MAX),
                    tasks: node.tasks(),
                    waiting: node.registry.waiting(),
                    amiss,
                }
            });
            self.digest = fold(self.digest, number(&look.best.hash.0));
            self.digest = fold(self.digest, look.sessions.len() as u64);
            self.history.looks.push(look);
        }
    }

    fn outcome(mut self) -> Outcome {
        self.history.connections = self.net.open();
        let counts = self.net.counts();
        let polls = self.computers.iter().fold(0, |sum, one| fold(sum, one.digest()));
        let digest = fold(fold(self.digest, polls), self.net.digest());
        for computer in &mut self.computers {
            computer.end(Loss::Process);
        }
        let violations = properties::judge(&self.history);
        Outcome { history: self.history, violations, counts, digest }
    }
}

/// What a node says of its dials and of catching up, and what is amiss with what it says.
#[derive(Default)]
struct Asked {
    dialling: u64,
    dialled: u64,
    syncing: bool,
    amiss: Option<String>,
}

fn asked(node: &Node) -> Asked {
    let best = node.chain.best();
    let [consensus, discovery, peers] = match answers(&node.desk) {
        Ok(answers) => answers,
        Err(why) => return Asked { amiss: Some(why), ..Asked::default() },
    };
    let dialling = discovery["dialling"].as_u64();
    let dialled = discovery["dials"].as_object();
    let is_same = consensus["height"].as_u64() == Some(u64::from(best.number))
        && consensus["best_hash"].as_str() == Some(&best.hash.to_string());
    let amiss = if !is_same {
        Some(format!("its chain is at block {}, and RPC says {consensus}", best.number))
    } else if dialling.is_none() || dialled.is_none() || !peers.is_array() {
        Some(format!("{discovery} {peers}"))
    } else {
        None
    };
    Asked {
        dialling: dialling.unwrap_or(0),
        dialled: dialled
            .into_iter()
            .flat_map(|dials| dials.values())
            .filter_map(Value::as_u64)
            .sum(),
        syncing: consensus["syncing"].as_bool().unwrap_or(true),
        amiss,
    }
}

/// Asks for everything in one batch, through the node's own dispatch.
fn answers(desk: &Desk) -> Result<[Value; 3], String> {
    let methods = ["hegemon_consensusStatus", "hegemon_discoveryStatus", "hegemon_peerList"];
    let answer = desk.ask(&request(&methods)).ok_or("no answer")?;
    let answers: Vec<Value> =
        serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
    let results: Vec<Value> = answers
        .into_iter()
        .filter_map(|mut answer| answer.get_mut("result").map(Value::take))
        .collect();
    results.try_into().map_err(|_| format!("an answer is missing or an error: {answer}"))
}

fn request(methods: &[&str]) -> Vec<u8> {
    let calls = methods.iter().enumerate().map(|(id, method)| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[]}}"#)
    });
    let calls: Vec<_> = calls.collect();
    format!("[{}]", calls.join(",")).into_bytes()
}

fn params(block_time: u64) -> ChainParams {
    let params = ChainParams::dev_scaled(block_time, SCALE);
    params.expect("block times of schedules are within bounds")
}

fn pace() -> Pace {
    Pace::Steady(hegemon_node::chain::DEV_HASHES_PER_SECOND >> SCALE)
}

/// One /24 as on a Docker network, or a network for each.
fn address(schedule: &Schedule, node: usize) -> IpAddr {
    let number = u8::try_from(node).unwrap_or(u8::MAX);
    if schedule.groups { [20, number, 0, 2].into() } else { [172, 18, 0, number + 2].into() }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn number(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
