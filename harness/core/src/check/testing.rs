//! Synthetic histories for the checks' tests.

use std::time::{Duration, SystemTime};

use super::{CheckKind, FRESH, Judgement, View};
use crate::{
    event::{
        Asked, AskedFor, CheckId, CheckVerdict, Direction, Event, EventKind, Finding, HashRound,
        LogSeen, Look, LookedAt, Miss, Moment, Part, Reading, ResourceSample, Sample, Session,
        SessionList,
    },
    history::{FaultSpan, History},
    node::{Incarnation, NodeState, Resources},
};

/// The check whose own questions are recorded.
pub(crate) const ASKING: CheckId = CheckId { phase: 0, check: 0 };

/// A network of three, and what was seen of it.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) history: History,
    pub(crate) fault: Option<FaultSpan>,
    pub(crate) next: u64,
}

pub(crate) fn sample(node: &str, at: u64) -> Sample {
    Sample {
        node: node.to_owned(),
        start: 0,
        sent: Moment(at),
        answered: Moment(at + 5),
        peers: Reading::Value(2),
        distinct: Some(Reading::Value(2)),
        height: Reading::Value(10),
        syncing: None,
    }
}

pub(crate) fn unreachable() -> Reading<u64> {
    Reading::Missing(Miss::Unreachable("connection refused".to_owned()))
}

/// Of a process that was started with the machine's clock at its beginning.
pub(crate) fn incarnation(pid: i64) -> Incarnation {
    Incarnation { pid, started: SystemTime::UNIX_EPOCH, id: String::new() }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Seen {
    fn record(&mut self, at: Moment, what: EventKind) {
        self.history.record(&Event { seq: self.next, at_ms: at, wall: String::new(), what });
        self.next += 1;
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.record(sample.answered, EventKind::Sample(sample));
    }

    pub(crate) fn state(&mut self, node: &str, at: u64, running: bool) {
        let state = if running {
            NodeState::Running(incarnation(1))
        } else {
            NodeState::Exited { code: Some(0), signal: None }
        };
        self.said(node, at, state);
    }

    /// The engine's word.
    pub(crate) fn said(&mut self, node: &str, at: u64, state: NodeState) {
        self.record(Moment(at), EventKind::State { node: node.to_owned(), state });
    }

    pub(crate) fn all_started(&mut self, at: u64) {
        self.record(Moment(at), EventKind::AllStarted);
    }

    pub(crate) fn started(&mut self, node: &str, at: u64, start: u32, incarnation: Incarnation) {
        let rpc = ([127, 0, 0, 1], 1).into();
        self.record(
            Moment(at),
            EventKind::NodeStarted { node: node.to_owned(), start, incarnation, rpc },
        );
    }

    /// The node says that its peer ID is `id-<node>`.
    pub(crate) fn identity(&mut self, node: &str) {
        self.says(node, 0, 0, &format!("id-{node}"));
    }

    /// The node says its peer ID.
    pub(crate) fn says(&mut self, node: &str, at: u64, start: u32, id: &str) {
        self.record(
            Moment(at),
            EventKind::Methods {
                node: node.to_owned(),
                start,
                system_peers: true,
                peer_id: Some(id.to_owned()),
            },
        );
    }

    /// A list of sessions; `<node` is an inbound one.
    pub(crate) fn sessions(&mut self, node: &str, start: u32, at: u64, sessions: Reading<&[&str]>) {
        let session = |text: &&str| match text.strip_prefix('<') {
            Some(node) => Session { peer: format!("id-{node}"), direction: Direction::Inbound },
            None => Session { peer: format!("id-{text}"), direction: Direction::Outbound },
        };
        let sessions = match sessions {
            Reading::Value(list) => Reading::Value(list.iter().map(session).collect()),
            Reading::Missing(miss) => Reading::Missing(miss),
        };
        self.record(
            Moment(at + 5),
            EventKind::Sessions(SessionList {
                node: node.to_owned(),
                start,
                sent: Moment(at),
                answered: Moment(at + 5),
                sessions,
            }),
        );
    }

    pub(crate) fn resources(&mut self, node: &str, start: u32, at: u64, used: Option<Resources>) {
        self.record(
            Moment(at + 5),
            EventKind::Resources(ResourceSample {
                node: node.to_owned(),
                start,
                sent: Moment(at),
                answered: Moment(at + 5),
                used,
            }),
        );
    }

    /// A line of its log that a check looks for, or another one.
    pub(crate) fn logged(&mut self, node: &str, at: u64, line: Option<&str>) {
        let (node, line) = (node.to_owned(), line.map(str::to_owned));
        self.record(Moment(at), EventKind::Log(LogSeen { node, lines: self.next, line }));
    }

    /// A look at something of a node that only a fault is about.
    pub(crate) fn look(&mut self, node: &str, at: u64, seen: LookedAt) {
        let (sent, answered) = (Moment(at), Moment(at));
        let look = Look { node: node.to_owned(), sent, answered, seen };
        self.record(answered, EventKind::Look(look));
    }

    /// Four samples a second, each changed by `change(milliseconds, sample)`.
    pub(crate) fn poll(
        mut self,
        node: &str,
        from: u64,
        to: u64,
        change: impl Fn(u64, &mut Sample),
    ) -> Self {
        for at in (from..to).step_by(250) {
            let mut sample = sample(node, at);
            change(at, &mut sample);
            self.add(sample);
        }
        self
    }

    /// A look of the check's own.
    pub(crate) fn asked(&mut self, at: u64, took: u64, seen: AskedFor) {
        let (sent, answered) = (Moment(at), Moment(at + took));
        self.record(answered, EventKind::Asked(Asked { check: ASKING, sent, answered, seen }));
    }

    /// A round of a check's own question.
    pub(crate) fn answers(mut self, at: u64, took: u64, answers: &[(&str, Part)]) -> Self {
        let answers = answers.iter().map(|(node, part)| ((*node).to_owned(), part.clone()));
        self.asked(at, took, AskedFor::Answers(answers.collect()));
        self
    }

    pub(crate) fn hashes(self, at: u64, height: u64, hashes: &[(&str, &str)]) -> Self {
        self.slow_hashes(at, 5, height, hashes)
    }

    pub(crate) fn slow_hashes(
        mut self,
        at: u64,
        took: u64,
        height: u64,
        hashes: &[(&str, &str)],
    ) -> Self {
        let hashes = hashes
            .iter()
            .map(|(node, hash)| {
                let reading = if hash.is_empty() {
                    Reading::Missing(Miss::Null)
                } else {
                    Reading::Value((*hash).to_owned())
                };
                ((*node).to_owned(), reading)
            })
            .collect();
        self.record(
            Moment(at + took),
            EventKind::Hashes(HashRound {
                height,
                sent: Moment(at),
                answered: Moment(at + took),
                hashes,
            }),
        );
        self
    }

    /// What the check says at `now`, started at `start` with 10 s to go, for 2 s.
    pub(crate) fn judge(
        &self,
        check: &CheckKind,
        nodes: &[&str],
        start: u64,
        now: u64,
    ) -> Judgement {
        self.judge_within(check, nodes, start, now, 10_000)
    }

    fn judge_within(
        &self,
        check: &CheckKind,
        nodes: &[&str],
        start: u64,
        now: u64,
        within: u64,
    ) -> Judgement {
        let (nodes, network) = (names(nodes), names(&["seed", "node-1", "node-2"]));
        check.judge(&View {
            id: ASKING,
            history: &self.history,
            nodes: &nodes,
            network: &network,
            strangers: 0,
            start: Moment(start),
            deadline: Moment(start + within),
            hold: Duration::from_secs(2),
            fresh: FRESH,
            now: Moment(now.min(start + within)),
            fault: self.fault.as_ref(),
        })
    }

    /// What it says at its deadline, or whenever it was first decided before.
    pub(crate) fn verdict(&self, check: &CheckKind, nodes: &[&str], start: u64) -> Finding {
        self.verdict_within(check, nodes, start, 10_000)
    }

    /// The same with another time to go.
    pub(crate) fn verdict_within(
        &self,
        check: &CheckKind,
        nodes: &[&str],
        start: u64,
        within: u64,
    ) -> Finding {
        for now in (start..=start + within).step_by(50) {
            if let Judgement::Settled(finding) = self.judge_within(check, nodes, start, now, within)
            {
                // Samples that are not there yet at `now` must not have helped.
                assert!(
                    finding.verdict != CheckVerdict::Pass
                        || finding.held_since.is_some_and(|since| since <= Moment(now))
                );
                return finding;
            }
        }
        unreachable!("at the deadline every check is decided")
    }
}
