//! What the faults up to a place have left of a network there: who is in what, and whom no miner's blocks
//! reach. A smaller scenario that has left more would fail by that alone.

use std::collections::{BTreeMap, BTreeSet};

use super::reason::Place;
use crate::{
    check::When,
    fault::{Condition, Course, FaultKind, lines::Lines},
    line::Line,
    scenario::{FaultPlan, NodePlan, Plan},
};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    /// Nodes, lines and names that are not as at first, each with how.
    odd: BTreeSet<String>,
    /// Whom it looks at, and nobody mines where they are.
    dry: BTreeSet<String>,
}

impl Left {
    /// As it is while the check at this place looks; if a node ended, after the faults of its phase.
    pub(super) fn at(plan: &Plan, place: Place) -> Self {
        let phase = plan.phases.get(place.phase);
        let check = phase.and_then(|phase| phase.checks.get(place.check));
        let during = check.is_some_and(|check| check.when == When::DuringFault);
        let followed = Followed::to(plan, place.phase, during);
        let lines = followed.lines(plan);
        let reached = followed.reached_by_miners(plan, &lines);
        let looked_at = check.map_or_else(|| plan.network(), |check| check.nodes.clone());
        let dry = looked_at.into_iter().filter(|node| !reached.contains(node.as_str())).collect();
        Self { odd: followed.odd(&lines), dry }
    }

    /// Nothing is left of it that is not left of that.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.odd.is_subset(&other.odd) && self.dry.is_subset(&other.dry)
    }
}

/// A node in what a fault left it in, or in what it began in.
struct Hit<'a> {
    node: &'a str,
    condition: Condition,
    by: Option<&'a FaultPlan>,
}

/// Faults, followed from the first on.
#[derive(Default)]
struct Followed<'a> {
    hits: Vec<Hit<'a>>,
    /// What stays of a fault that ends nothing and is ended by nothing: by whom or what, and in which respect.
    changed: BTreeMap<(&'a str, &'static str), String>,
}

impl<'a> Followed<'a> {
    /// Up to the end of a phase or, `during`, until the last of its faults that go together are in effect.
    fn to(plan: &'a Plan, last: usize, during: bool) -> Self {
        let later = plan.nodes.iter().filter(|node| node.later && node.hostile.is_none());
        let absent =
            |node: &'a NodePlan| Hit { node: &node.name, condition: Condition::Absent, by: None };
        let mut followed = Self { hits: later.map(absent).collect(), ..Self::default() };
        for (at, phase) in plan.phases.iter().enumerate().take(last + 1) {
            let together = phase.faults.iter().rposition(|fault| !fault.with_previous).unwrap_or(0);
            for (number, fault) in phase.faults.iter().enumerate() {
                followed.after(fault, during && at == last && number >= together);
            }
        }
        followed
    }

    /// After a fault; `lasts`: one that heals by itself has not healed yet.
    fn after(&mut self, fault: &'a FaultPlan, lasts: bool) {
        let hit =
            |node: &'a String| Hit { node, condition: fault.kind.condition(), by: Some(fault) };
        let hits = match fault.kind.course() {
            Course::Stays => true,
            Course::Heals(_) => lasts,
            Course::Once => false,
            Course::Ends => {
                let ended = |hit: &Hit<'_>| {
                    let named = fault.nodes.iter().any(|node| node == hit.node);
                    named && fault.kind.ends().contains(&hit.condition)
                };
                self.hits.retain(|hit| !ended(hit));
                false
            }
        };
        if hits {
            self.hits.extend(fault.nodes.iter().map(hit));
        }
        self.change(fault, hits);
    }

    /// The last of a kind counts: a clock is put right by another `clock`.
    fn change(&mut self, fault: &'a FaultPlan, hits: bool) {
        let mut of_all = |what: &'static str, how: &dyn ToString| {
            for node in &fault.nodes {
                self.changed.insert((node, what), how.to_string());
            }
        };
        if let Some(source) = fault.kind.upgrade() {
            of_all("program", &format!("{source:?}"));
        }
        if let FaultKind::Limit(limit) = &fault.kind
            && hits
        {
            let to = &limit.to;
            to.memory.iter().for_each(|most| of_all("memory", most));
            to.cpu.iter().for_each(|most| of_all("cpu", most));
            to.open_files.iter().for_each(|most| of_all("open files", most));
        }
        if let FaultKind::Clock(clock) = &fault.kind {
            of_all("clock", &clock.by_ms);
            self.changed.retain(|(_, what), how| *what != "clock" || how != "0");
        }
        if let FaultKind::Rename(rename) = &fault.kind {
            self.changed.insert((&rename.seed, "name"), rename.to.clone());
            self.changed.retain(|(node, what), how| *what != "name" || how != node);
        }
    }

    /// Every line that is not open.
    fn lines(&self, plan: &Plan) -> Lines {
        let (mut lines, network) = (Lines::default(), plan.network());
        for fault in plan.phases.iter().flat_map(|phase| &phase.faults) {
            let by = |hit: &&Hit<'_>| hit.by.is_some_and(|by| std::ptr::eq(by, fault));
            let nodes = self.hits.iter().filter(by).map(|hit| hit.node.to_owned());
            let nodes: Vec<String> = nodes.collect();
            if !nodes.is_empty() {
                lines.join(fault.kind.lines(&nodes, &network));
            }
        }
        lines
    }

    fn odd(&self, lines: &Lines) -> BTreeSet<String> {
        let hits = self.hits.iter().filter(|hit| hit.condition != Condition::Up);
        let hits = hits.map(|hit| format!("{} is {}", hit.node, hit.condition.words()));
        let changed = self.changed.iter();
        let changed = changed.map(|((whose, what), how)| format!("{what} of {whose}: {how}"));
        let mut odd: BTreeSet<String> = hits.chain(changed).collect();
        for way in lines.ways() {
            let mut add = |how: String| odd.insert(format!("{} to {}: {how}", way.0, way.1));
            match lines.line(way) {
                Line::Open => {}
                Line::Cut => drop(add("cut".to_owned())),
                // Each by itself: one of them fewer is less.
                Line::Bad(bad) => {
                    add(format!("delay {:?}", bad.delay));
                    add(format!("jitter {:?}", bad.jitter));
                    add(format!("loss {}", bad.loss));
                }
            }
        }
        odd
    }

    /// Who runs, and has a way to a miner that runs, through whoever runs.
    fn reached_by_miners(&self, plan: &'a Plan, lines: &Lines) -> BTreeSet<&'a str> {
        let runs = |node: &&NodePlan| {
            let silent = |hit: &Hit<'_>| hit.node == node.name && !hit.condition.answers();
            node.hostile.is_none() && !self.hits.iter().any(silent)
        };
        let is_cut = |from: &NodePlan, to: &NodePlan| {
            *lines.line(&(from.name.clone(), to.name.clone())) == Line::Cut
        };
        // A session needs packets both ways, and one end that can be dialled.
        let meet = |one: &NodePlan, other: &NodePlan| {
            let can_dial = !one.hidden || !other.hidden;
            can_dial && !is_cut(one, other) && !is_cut(other, one)
        };
        let running: Vec<&NodePlan> = plan.nodes.iter().filter(runs).collect();
        let (mut reached, mut rest): (Vec<&NodePlan>, Vec<&NodePlan>) =
            running.into_iter().partition(|node| node.mine);
        loop {
            let (more, others): (Vec<&NodePlan>, _) =
                rest.into_iter().partition(|node| reached.iter().any(|other| meet(node, other)));
            if more.is_empty() {
                return reached.into_iter().map(|node| node.name.as_str()).collect();
            }
            reached.extend(more);
            rest = others;
        }
    }
}
