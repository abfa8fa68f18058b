//! What a page shows of a run, collected from its events in their order and in bounded room.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::series::Series;
use crate::{
    event::{CheckId, Event, EventKind, FaultId, Moment, Sample, SessionList},
    node::NodeState,
    scenario::Plan,
    text::{ending, short},
};

/// Buckets of a series that are kept: wider pictures than this nobody looks at.
const WIDEST: usize = 1200;

/// Dots of blocks on their way that are kept; then every other one goes.
const DOTS: usize = 4000;

/// Heights that are remembered as seen, for the way of their blocks.
const HEIGHTS: usize = 4096;

/// Pictures of who talks to whom: more than these nobody compares.
const PICTURES: usize = 24;

/// Heights with different hashes that are shown.
const FORKS: usize = 100;

/// Notes beside the lanes.
const NOTES: usize = 200;

/// A node over the run.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) peers: Series,
    pub(super) height: Series,
    pub(super) memory: Series,
    /// Processor time by millisecond: cores in use.
    pub(super) cores: Series,
    /// When it did not run, or was frozen.
    pub(super) away: Vec<Away>,
    tip: Option<u64>,
    cpu: Option<(Moment, u64)>,
    /// Peer IDs that it has named.
    sessions: Option<Vec<String>>,
}

/// A time in which a node could do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) from: Moment,
    pub(super) to: Option<Moment>,
    pub(super) frozen: bool,
}

/// From when to when; open while it lasts.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) from: Option<Moment>,
    /// In effect, or held, since.
    pub(super) since: Option<Moment>,
    pub(super) to: Option<Moment>,
}

/// A block at a node after it was first seen anywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dot {
    pub(super) first: Moment,
    pub(super) after_ms: u64,
    pub(super) node: usize,
    pub(super) height: u64,
}

/// Who talked to whom at a moment.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) at: Moment,
    pub(super) what: String,
    /// By node's number, the lower one first; whether both say so.
    pub(super) pairs: BTreeMap<(usize, usize), bool>,
    /// Who had said at all with whom it talks.
    pub(super) heard: BTreeSet<usize>,
}

/// The hashes of one height, when they last differed.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    pub(super) at: Moment,
    pub(super) by_hash: BTreeMap<String, Vec<String>>,
}

/// Everything that a page shows.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) lanes: Vec<Lane>,
    pub(super) phases: Vec<Span>,
    pub(super) faults: BTreeMap<FaultId, Span>,
    pub(super) checks: BTreeMap<CheckId, Span>,
    pub(super) dots: Vec<Dot>,
    /// One of so many is kept.
    pub(super) each_dot: u64,
    pub(super) pictures: Vec<Picture>,
    pub(super) forks: BTreeMap<u64, Fork>,
    pub(super) notes: Vec<(Moment, String)>,
    pub(super) end: Moment,
    pub(super) started: String,
    names: BTreeMap<String, usize>,
    ids: BTreeMap<String, usize>,
    first_seen: BTreeMap<u64, Moment>,
    seen_dots: u64,
    fault_words: BTreeMap<FaultId, String>,
}

impl Story {
    /// Before the first event.
    pub(super) fn new(plan: &Plan) -> Self {
        let lanes: Vec<Lane> = plan.nodes.iter().map(|node| Lane::new(&node.name)).collect();
        let names = lanes.iter().enumerate().map(|(at, lane)| (lane.name.clone(), at)).collect();
        let words = plan.phases.iter().enumerate().flat_map(|(phase, it)| {
            it.faults.iter().enumerate().map(move |(fault, it)| {
                (FaultId { phase, fault }, fault_words(it.kind.name(), &it.selector, &it.nodes))
            })
        });
        Self {
            lanes,
            phases: vec![Span::default(); plan.phases.len()],
            faults: BTreeMap::new(),
            checks: BTreeMap::new(),
            dots: Vec::new(),
            each_dot: 1,
            pictures: Vec::new(),
            forks: BTreeMap::new(),
            notes: Vec::new(),
            end: Moment(0),
            started: String::new(),
            names,
            ids: BTreeMap::new(),
            first_seen: BTreeMap::new(),
            seen_dots: 0,
            fault_words: words.collect(),
        }
    }

    /// Takes in one event; in order.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is no observation is of the run's course"
    )]
    pub(super) fn record(&mut self, event: &Event) {
        let at = event.at_ms;
        self.end = self.end.max(at);
        match &event.what {
            EventKind::RunStarted { .. } => self.started.clone_from(&event.wall),
            EventKind::Sample(sample) => self.sample(sample),
            EventKind::Resources(sample) => {
                if let (Some(lane), Some(used)) = (self.lane(&sample.node), sample.used) {
                    lane.uses(sample.answered, used.memory_bytes, used.cpu_ms);
                }
            }
            EventKind::Sessions(list) => {
                let peers = list.sessions.value().map(|sessions| {
                    sessions.iter().take(SessionList::MOST).map(|it| it.peer.clone()).collect()
                });
                if let Some(lane) = self.lane(&list.node) {
                    lane.sessions = peers;
                }
            }
            EventKind::Methods { node, peer_id: Some(id), .. } => {
                if let Some(number) = self.names.get(node) {
                    self.ids.insert(id.clone(), *number);
                }
            }
            EventKind::State { node, state } => {
                if let Some(lane) = self.lane(node) {
                    lane.state(at, state);
                }
            }
            EventKind::NodeStarted { node, .. } => {
                if let Some(lane) = self.lane(node) {
                    lane.back(at);
                    lane.cpu = None;
                }
            }
            EventKind::Hashes(round) => {
                let mut by_hash: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (node, hash) in &round.hashes {
                    if let Some(hash) = hash.value() {
                        by_hash.entry(hash.clone()).or_default().push(node.clone());
                    }
                }
                if by_hash.len() > 1 {
                    self.forks.insert(round.height, Fork { at: round.answered, by_hash });
                    while self.forks.len() > FORKS {
                        self.forks.pop_first();
                    }
                }
            }
            _ => self.course(event),
        }
    }

    /// What the harness did and decided.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a page shows what it knows of; the evidence has all"
    )]
    fn course(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.what {
            EventKind::PhaseStarted { phase } => {
                if let Some(span) = self.phases.get_mut(*phase) {
                    span.from = Some(at);
                }
            }
            EventKind::PhaseEnded { phase } => {
                if let Some(span) = self.phases.get_mut(*phase) {
                    span.to = Some(at);
                }
                self.picture(at, format!("end of phase {}", phase.saturating_add(1)));
            }
            EventKind::FaultStarted { fault } => {
                self.faults.entry(*fault).or_default().from = Some(at);
                self.picture(at, format!("before {}", self.words_of(*fault)));
            }
            EventKind::FaultEffective { fault, since, .. } => {
                self.faults.entry(*fault).or_default().since = Some(*since);
            }
            EventKind::FaultHealed { fault, .. } => {
                self.faults.entry(*fault).or_default().to = Some(at);
            }
            EventKind::FaultUnproven { fault, .. } => {
                self.faults.entry(*fault).or_default().to = Some(at);
                self.note(at, format!("{}: not proven", self.words_of(*fault)));
            }
            EventKind::CheckStarted { check } => {
                self.checks.entry(*check).or_default().from = Some(at);
            }
            EventKind::CheckSettled { check, finding } => {
                let during = self.faults.iter().any(|(id, span)| {
                    id.phase == check.phase && span.since.is_some() && span.to.is_none()
                });
                let span = self.checks.entry(*check).or_default();
                (span.since, span.to) = (finding.held_since, Some(at));
                if during {
                    self.picture(
                        at,
                        format!("during a fault, phase {}", check.phase.saturating_add(1)),
                    );
                }
            }
            EventKind::TeardownStarted => self.picture(at, "the end".to_owned()),
            _ => {
                if let Some(what) = out_of_course(&event.what) {
                    self.note(at, what);
                }
            }
        }
    }

    /// What a fault is called on the page.
    pub(super) fn words_of(&self, fault: FaultId) -> String {
        self.fault_words.get(&fault).cloned().unwrap_or_else(|| "a fault".to_owned())
    }

    fn lane(&mut self, node: &str) -> Option<&mut Lane> {
        self.lanes.get_mut(*self.names.get(node)?)
    }

    fn note(&mut self, at: Moment, what: String) {
        if self.notes.len() < NOTES {
            self.notes.push((at, what));
        }
    }

    fn sample(&mut self, sample: &Sample) {
        let Some(&number) = self.names.get(&sample.node) else { return };
        let at = sample.answered;
        let lane = &mut self.lanes[number];
        if let Some(peers) = sample.peers.value() {
            lane.peers.push(at.0, *peers as f64);
        }
        if let Some(height) = sample.height.value() {
            lane.height.push(at.0, *height as f64);
            self.block(number, *height, at);
        }
    }

    /// Every height that a node shows for the first time, after others have. A jump of many is catching up,
    /// and no way of a block.
    fn block(&mut self, node: usize, height: u64, at: Moment) {
        const JUMP: u64 = 8;
        let Some(tip) = self.lanes[node].tip.replace(height) else { return };
        if height <= tip || height - tip > JUMP {
            return;
        }
        for height in tip + 1..=height {
            match self.first_seen.get(&height) {
                None => {
                    self.first_seen.insert(height, at);
                    if self.first_seen.len() > HEIGHTS {
                        self.first_seen.pop_first();
                    }
                }
                // What it could not have seen was not on its way to it.
                Some(&first) if self.lanes[node].was_away(first) => {}
                Some(&first) => {
                    self.dot(Dot { first, after_ms: at.0.saturating_sub(first.0), node, height })
                }
            }
        }
    }

    fn dot(&mut self, dot: Dot) {
        self.seen_dots += 1;
        if !self.seen_dots.is_multiple_of(self.each_dot) {
            return;
        }
        self.dots.push(dot);
        if self.dots.len() > DOTS {
            let mut odd = false;
            self.dots.retain(|_| {
                odd = !odd;
                odd
            });
            self.each_dot = self.each_dot.saturating_mul(2);
        }
    }

    fn picture(&mut self, at: Moment, what: String) {
        let mut said = BTreeSet::new();
        let mut heard = BTreeSet::new();
        for (number, lane) in self.lanes.iter().enumerate() {
            let Some(sessions) = &lane.sessions else { continue };
            heard.insert(number);
            let peers = sessions.iter().filter_map(|id| self.ids.get(id).copied());
            said.extend(peers.filter(|peer| *peer != number).map(|peer| (number, peer)));
        }
        let pair = |(one, other): &(usize, usize)| {
            ((*one.min(other), *one.max(other)), said.contains(&(*other, *one)))
        };
        let pairs: BTreeMap<(usize, usize), bool> = said.iter().map(pair).collect();
        let same = |last: &Picture| last.pairs == pairs && last.heard == heard && last.at == at;
        if heard.is_empty()
            || self.pictures.len() >= PICTURES
            || self.pictures.last().is_some_and(same)
        {
            return;
        }
        self.pictures.push(Picture { at, what, pairs, heard });
    }
}

impl Lane {
    fn new(name: &str) -> Self {
        let series = || Series::new(WIDEST);
        Self {
            name: name.to_owned(),
            peers: series(),
            height: series(),
            memory: series(),
            cores: series(),
            away: Vec::new(),
            tip: None,
            cpu: None,
            sessions: None,
        }
    }

    fn uses(&mut self, at: Moment, memory: u64, cpu: u64) {
        self.memory.push(at.0, memory as f64);
        if let Some((before, used)) = self.cpu.replace((at, cpu))
            && at > before
            && cpu >= used
        {
            self.cores.push(at.0, (cpu - used) as f64 / (at.0 - before.0) as f64);
        }
    }

    fn state(&mut self, at: Moment, state: &NodeState) {
        let frozen = match state {
            NodeState::Running(_) => return self.back(at),
            NodeState::Frozen(_) => true,
            NodeState::Exited { .. } => false,
        };
        match self.away.last() {
            Some(last) if last.to.is_none() && last.frozen == frozen => {}
            _ => {
                self.back(at);
                self.sessions = None;
                for series in [&mut self.peers, &mut self.height, &mut self.memory, &mut self.cores]
                {
                    series.interrupt();
                }
                self.away.push(Away { from: at, to: None, frozen });
            }
        }
    }

    fn was_away(&self, at: Moment) -> bool {
        let in_it = |away: &Away| away.from <= at && away.to.is_none_or(|to| at <= to);
        self.away.iter().any(in_it)
    }

    fn back(&mut self, at: Moment) {
        if let Some(last) = self.away.last_mut() {
            last.to.get_or_insert(at);
        }
    }
}

/// What should not have happened, in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is as it should be")]
fn out_of_course(what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::NodeExited { node, code, signal, .. } => {
            format!("{node} ended by itself ({})", ending(*code, *signal))
        }
        EventKind::NodeBroken { node, reason, .. } => format!("{node} {reason}"),
        EventKind::NodeUnseen { node } => format!("{node} was not seen often enough"),
        EventKind::ClockJumped { ms } => {
            format!("this machine slept for {}", short(Duration::from_millis(*ms)))
        }
        EventKind::TimedOut { .. } => "the scenario's time was over".to_owned(),
        EventKind::EnvironmentFailed { reason, .. } | EventKind::HarnessBroken { reason } => {
            reason.clone()
        }
        EventKind::Interrupted { signal, .. } => signal.clone(),
        _ => return None,
    })
}

fn fault_words(kind: &str, selector: &str, nodes: &[String]) -> String {
    match (selector, nodes) {
        ("", []) => kind.to_owned(),
        ("", nodes) => format!("{kind} of {}", nodes.join(", ")),
        (selector, _) => format!("{kind} of {selector}"),
    }
}

#[cfg(test)]
mod tests;
