//! What of a bundle stands beside a verdict on a terminal: samples around the decision, and last lines of the nodes
//! concerned.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read},
    time::{Duration, SystemTime},
};

use super::{MOST_OF_A_LOG, events, logs};
use crate::{
    event::{CheckId, CheckVerdict, Event, EventKind, HashRound, Moment, Sample},
    record::PlanRecord,
    report::excerpt::{Excerpt, LogLine},
    scenario::Plan,
    text::short,
    verdict::{CheckResult, Verdict},
    verify::{Bundle, reading},
};

/// Before the decision; the last is it.
const BEFORE: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(5),
    Duration::from_secs(2),
    Duration::from_secs(1),
    Duration::ZERO,
];

/// Samples of a node that reach back so far: more than any node is asked for in ten seconds.
const SAMPLES: usize = 64;

/// Nodes whose logs are shown.
const NODES: usize = 4;

/// Lines of each.
const LINES: usize = 8;

/// A node may write down what happened a little later than it was decided.
const LATE: i64 = 500;

/// The excerpt for a verdict that is no pass; none where nothing in the events decided it.
///
/// # Errors
///
/// If plan or events cannot be read.
pub fn excerpt(bundle: &dyn Bundle, verdict: &Verdict) -> io::Result<Option<Excerpt>> {
    let record: PlanRecord = serde_json::from_slice(&reading::read(bundle, "plan.json")?)?;
    let Some(cause) = Cause::of(verdict, &record.plan) else { return Ok(None) };
    let mut seen = Seen::new(cause);
    for event in events(bundle)? {
        seen.record(&event?);
    }
    Ok(seen.excerpt(bundle))
}

/// What decided, and of whom it speaks.
enum Cause {
    Check(CheckId, Vec<String>),
    /// A node that ended or broke.
    Node(String),
    /// A fault without proof, of these.
    Fault(Vec<String>),
}

impl Cause {
    /// The first in the order of the report.
    fn of(verdict: &Verdict, plan: &Plan) -> Option<Self> {
        let checks = || {
            let phases = verdict.phases.iter().enumerate();
            phases.flat_map(|(phase, it)| {
                it.checks.iter().enumerate().map(move |(check, it)| (CheckId { phase, check }, it))
            })
        };
        let first = |wanted| checks().find(|(_, it)| it.verdict == wanted);
        let of_check = |(id, result): (CheckId, &CheckResult)| {
            // What is no check of the plan is the end of a node.
            let planned = plan.phases.get(id.phase).is_some_and(|it| it.checks.len() > id.check);
            match result.nodes.first() {
                Some(node) if !planned => Self::Node(node.clone()),
                Some(_) | None => Self::Check(id, result.nodes.clone()),
            }
        };
        let mut faults = verdict.phases.iter().flat_map(|it| &it.faults);
        let unproven = || {
            let fault = faults.find(|fault| fault.reason.is_some())?;
            Some(Self::Fault(fault.nodes.clone()))
        };
        first(CheckVerdict::Fail)
            .map(of_check)
            .or_else(unproven)
            .or_else(|| first(CheckVerdict::Inconclusive).map(of_check))
    }

    fn nodes(&self) -> Vec<String> {
        match self {
            Self::Check(_, nodes) | Self::Fault(nodes) => nodes.clone(),
            Self::Node(node) => vec![node.clone()],
        }
    }

    /// This event is the decision.
    fn is_decided_by(&self, what: &EventKind) -> bool {
        match (self, what) {
            (Self::Check(id, _), EventKind::CheckSettled { check, .. }) => id == check,
            (Self::Check(..), EventKind::TimedOut { .. }) => true,
            (Self::Node(name), EventKind::NodeExited { node, .. })
            | (Self::Node(name), EventKind::NodeBroken { node, .. }) => name == node,
            (Self::Fault(_), EventKind::FaultUnproven { .. }) => true,
            _ => false,
        }
    }
}

/// What came before the decision, in bounded room.
struct Seen {
    cause: Cause,
    samples: BTreeMap<String, VecDeque<Sample>>,
    fork: Option<HashRound>,
    began: Moment,
    decided: Option<Moment>,
    started: SystemTime,
}

impl Seen {
    fn new(cause: Cause) -> Self {
        let samples = cause.nodes().into_iter().map(|node| (node, VecDeque::new())).collect();
        Self {
            cause,
            samples,
            fork: None,
            began: Moment(0),
            decided: None,
            started: SystemTime::UNIX_EPOCH,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "an excerpt shows what nodes answered")]
    fn record(&mut self, event: &Event) {
        if self.decided.is_some() {
            return;
        }
        if self.cause.is_decided_by(&event.what) {
            self.decided = Some(event.at_ms);
        }
        match &event.what {
            EventKind::RunStarted { .. } => {
                self.started = humantime::parse_rfc3339(&event.wall).unwrap_or(self.started);
            }
            EventKind::CheckStarted { check } => {
                if matches!(&self.cause, Cause::Check(id, _) if id == check) {
                    self.began = event.at_ms;
                    // One of before has nothing to do with it.
                    self.fork = None;
                }
            }
            EventKind::Sample(sample) => {
                if let Some(of) = self.samples.get_mut(&sample.node) {
                    if of.len() == SAMPLES {
                        of.pop_front();
                    }
                    of.push_back(sample.clone());
                }
            }
            EventKind::Hashes(round) => {
                let mut hashes = round.hashes.values().filter_map(|it| it.value());
                let first = hashes.next();
                let differs = hashes.any(|it| Some(it) != first);
                self.fork =
                    (differs && matches!(self.cause, Cause::Check(..))).then(|| round.clone());
            }
            _ => {}
        }
    }

    fn excerpt(&self, bundle: &dyn Bundle) -> Option<Excerpt> {
        let decided = self.decided?;
        let mut moments: Vec<Moment> =
            BEFORE.iter().map(|ago| decided - *ago).filter(|at| *at >= self.began).collect();
        moments.dedup();
        let mut nodes: Vec<(Least, String)> = self
            .samples
            .iter()
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(node, samples)| (Least::of(at(samples, decided)), node.clone()))
            .collect();
        nodes.sort();
        let cells = |node: &String| {
            let samples = &self.samples[node];
            moments.iter().map(|moment| cell(at(samples, *moment))).collect()
        };
        let samples = nodes.iter().map(|(_, node)| (node.clone(), cells(node))).collect::<Vec<_>>();
        let mut concerned: Vec<String> = nodes.into_iter().map(|(_, node)| node).collect();
        concerned.extend(self.cause.nodes());
        let logs = self.logs(bundle, &concerned, decided);
        Some(Excerpt { decided, moments, samples, fork: self.fork.as_ref().map(in_words), logs })
    }

    /// The last lines before the decision, of the first few nodes.
    fn logs(&self, bundle: &dyn Bundle, nodes: &[String], decided: Moment) -> Vec<LogLine> {
        let until = i64::try_from(decided.0).unwrap_or(i64::MAX).saturating_add(LATE);
        let mut names: Vec<&String> = Vec::new();
        for node in nodes {
            if names.len() < NODES && !names.contains(&node) {
                names.push(node);
            }
        }
        let read = |(number, name): (usize, &&String)| {
            let file = bundle.open(&format!("logs/{name}.log")).ok()?;
            let file = file.take(MOST_OF_A_LOG);
            let mut log = logs::Log::read(file, number, names.len(), self.started).ok()?;
            log.lines.retain(|line| line.at.is_none_or(|at| at <= until));
            log.lines.drain(..log.lines.len().saturating_sub(LINES));
            Some(log)
        };
        let logs = names.iter().enumerate().filter_map(read).collect();
        let line = |line: logs::Line| LogLine {
            at: line.at,
            node: names[line.node].clone(),
            text: without_time(&line.text).to_owned(),
        };
        logs::merged(logs).into_iter().map(line).collect()
    }
}

/// Nodes are shown in this order: the silent, those with few peers, those that are behind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Least(Option<u64>, Option<u64>);

impl Least {
    fn of(sample: Option<&Sample>) -> Self {
        let value = |it: Option<&u64>| it.copied();
        sample
            .map_or(Self(None, None), |it| Self(value(it.peers.value()), value(it.height.value())))
    }
}

/// A node's last answer by then; one that is long ago is none.
fn at(samples: &VecDeque<Sample>, moment: Moment) -> Option<&Sample> {
    const STALE: Duration = Duration::from_secs(5);
    let last = samples.iter().rev().find(|sample| sample.answered <= moment)?;
    (moment.since(last.answered) <= STALE).then_some(last)
}

fn cell(sample: Option<&Sample>) -> String {
    let Some(sample) = sample else { return "–".to_owned() };
    match (sample.peers.value(), sample.height.value()) {
        (None, None) if sample.peers.is_silent() => "silent".to_owned(),
        (None, None) => "no value".to_owned(),
        (peers, height) => {
            let number = |it: Option<&u64>| it.map_or_else(|| "?".to_owned(), u64::to_string);
            format!("{}p #{}", number(peers), number(height))
        }
    }
}

/// A line without the time at its beginning, which stands before it anyway.
fn without_time(line: &str) -> &str {
    let first = line.split(' ').next().unwrap_or_default();
    let is_time = first.contains('T') && humantime::parse_rfc3339_weak(first).is_ok();
    if is_time { line[first.len()..].trim_start() } else { line }
}

fn in_words(round: &HashRound) -> String {
    const DIGITS: usize = 10;
    let mut by_hash: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (node, hash) in &round.hashes {
        if let Some(hash) = hash.value() {
            by_hash.entry(hash).or_default().push(node);
        }
    }
    let of = |(hash, nodes): (&&str, &Vec<&str>)| {
        let hash: String = hash.chars().take(DIGITS).collect();
        let more = nodes.len().saturating_sub(NODES);
        let named = nodes.iter().take(NODES).copied().collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{hash}… of {named}{more}")
    };
    let hashes: Vec<String> = by_hash.iter().map(of).collect();
    let at = short(round.answered.since(Moment(0)));
    format!("height {} at {at}: {}", round.height, hashes.join("; "))
}
