//! What the faults before a place in a scenario have done, and what cannot be done or checked there.

use super::{
    conditions::{Conditions, Selectors},
    file::GroupFile,
    step::CheckFile,
    step::FaultFile,
};
use crate::{
    document::Problems,
    fault::{Condition, Course, FaultKind},
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) after_a_heal: bool,
    /// Whom the last one hit.
    pub(super) hit: Option<Vec<String>>,
    pub(super) hit_here: bool,
    pub(super) conditions: Conditions,
    /// What faults that heal by themselves have done to nodes, as long as later ones go with them.
    overlapping: Vec<(String, Condition)>,
    /// Those of them that answer nothing for certain.
    away: Vec<(String, Condition)>,
    /// How many storms there were.
    pub(super) storms: u64,
}

impl Before {
    pub(super) fn anything(groups: &[GroupFile], selectors: &Selectors) -> Self {
        let later = groups.iter().filter(|group| group.later && group.hostile.is_none());
        let names = later.filter_map(|group| group.name.as_ref());
        let nodes = names.filter_map(|name| selectors.get(&name.value)).flatten().cloned();
        Self { conditions: Conditions::at_start(nodes), ..Self::default() }
    }

    /// Says what a fault cannot do to nodes in their condition.
    pub(super) fn fault(
        &mut self,
        fault: &FaultFile,
        selectors: &Selectors,
        problems: &mut Problems,
    ) {
        self.hit_here = true;
        let Some(own) = &fault.own else {
            self.after_a_heal = true;
            return;
        };
        let named = |name: &str| selectors.get(name).cloned().unwrap_or_default();
        own.validate(&named, problems);
        let kind = own.resolve(&named);
        let nodes = hit(fault, &kind, selectors, &self.conditions);
        if fault.with_previous.is_none() {
            self.overlapping.clear();
            self.away.clear();
        }
        if !adversaries(fault, &kind, selectors, problems) {
            self.refuse(fault, &kind, &nodes, problems);
            cuts_nothing(fault, &kind, (&nodes, selectors), problems);
        }
        self.conditions.after(&kind, &nodes);
        if let Course::Heals(_) = kind.course() {
            let hit = |node: &String| (node.clone(), kind.condition());
            self.overlapping.extend(nodes.iter().map(hit));
            // Who does not get its port may go on without.
            if !kind.condition().answers() && !matches!(kind, FaultKind::OccupyPort(_)) {
                self.away.extend(nodes.iter().map(hit));
            }
        }
        self.after_a_heal |= kind.course() != Course::Stays;
        self.hit = Some(nodes);
    }

    fn refuse(
        &self,
        fault: &FaultFile,
        kind: &FaultKind,
        nodes: &[String],
        problems: &mut Problems,
    ) {
        let span = fault.nodes.as_ref().map_or(&fault.span, |nodes| &nodes.span).clone();
        let name = kind.name();
        if kind.course() == Course::Ends {
            let ends = |node: &&String| {
                !self.conditions.of(node).any(|condition| kind.ends().contains(&condition))
            };
            let what = kind.ends().first().copied().unwrap_or(Condition::Up);
            if nodes.is_empty() {
                let why = format!("`{name}`, and nobody is {}", what.words());
                problems.error_hint(span, why, what.begins());
            } else if let Some(node) = nodes.iter().find(ends) {
                let why =
                    format!("`{node}` is not {}, so `{name}` has nothing to end", what.words());
                problems.error_hint(span, why, what.begins());
            }
            return;
        }
        for node in nodes {
            let meanwhile = self
                .overlapping
                .iter()
                .find(|(hit, condition)| hit == node && !condition.answers());
            if let Some((_, condition)) = meanwhile {
                let why = format!(
                    "`{node}` is {} while this fault lasts, by the one that it is with",
                    condition.words()
                );
                problems.error_hint(span, why, "name other nodes, or leave out `with`");
                return;
            }
            // Two of one kind that both stay: what ends them could not say which it ends.
            let same = kind.condition();
            let twice = self.conditions.of(node).find(|condition| *condition == same);
            if let Some(condition) = self.conditions.silent(node).or(twice) {
                problems.error_hint(span, condition.of(node), condition.remedy());
                return;
            }
        }
    }

    /// A check during a fault of a node that the fault keeps from answering could only fail: the fault
    /// lasts until it is decided.
    pub(super) fn is_away_meanwhile(
        &self,
        check: &CheckFile,
        selectors: &Selectors,
        problems: &mut Problems,
    ) {
        let Some(nodes) = check.nodes.as_ref().filter(|_| check.is_during()) else { return };
        let named = selectors.get(&nodes.value).map_or(&[][..], Vec::as_slice);
        let away = self.away.iter().find(|(node, _)| named.contains(node));
        if let Some((node, condition)) = away
            && check.wants_answers(*condition, selectors)
        {
            problems.warning(
                nodes.span.clone(),
                format!("cannot pass: `{node}` is {} while the fault lasts", condition.words()),
            );
        }
    }

    /// A check of a node that does not answer then could only fail.
    pub(super) fn is_silent(
        &self,
        check: &CheckFile,
        selectors: &Selectors,
        problems: &mut Problems,
    ) {
        let named = check.nodes.as_ref().map(|nodes| (&nodes.span, selectors.get(&nodes.value)));
        let named = named.and_then(|(span, nodes)| Some((span, nodes?.as_slice())));
        let others = check.others(selectors);
        let silent = |node: &String| Some((node.clone(), self.conditions.silent(node)?));
        for (span, nodes) in named.into_iter().chain([(&check.span, others.as_slice())]) {
            if let Some((node, condition)) = nodes.iter().find_map(silent) {
                let why = format!("{}: this cannot pass", condition.of(&node));
                let remedy = condition.remedy();
                problems.error_hint(span.clone(), why, format!("{remedy}, or name other nodes"));
            }
        }
    }
}

/// A fault of lines to all others, done to so many that nobody is left.
fn cuts_nothing(
    fault: &FaultFile,
    kind: &FaultKind,
    (nodes, selectors): (&[String], &Selectors),
    problems: &mut Problems,
) {
    let network = selectors.get("*").map_or(&[][..], Vec::as_slice);
    let is_of_lines = matches!(kind.condition(), Condition::Isolated | Condition::Parted);
    if let Some(named) = &fault.nodes
        && is_of_lines
        && !nodes.is_empty()
        && kind.lines(nodes, network).ways().next().is_none()
    {
        problems.error_hint(
            named.span.clone(),
            format!(
                "`{}` of every node: there is nobody else whom they had a line to",
                kind.name()
            ),
            "name some of them",
        );
    }
}

/// Says what is wrong if a fault is done to adversaries that is for nodes, or the other way round.
fn adversaries(
    fault: &FaultFile,
    kind: &FaultKind,
    selectors: &Selectors,
    problems: &mut Problems,
) -> bool {
    let starts = matches!(kind, FaultKind::Hostile(_));
    let named = |name: &str| selectors.get(name).into_iter().flatten();
    for name in fault.names() {
        let nodes: Vec<&String> = named(&name.value).collect();
        let later = |node: &&&String| selectors.hostile.get(**node);
        if starts && let Some(node) = nodes.iter().find(|node| later(node) != Some(&true)) {
            problems.error_hint(
                name.span.clone(),
                format!("`hostile` starts adversaries, and `{node}` is none that starts later"),
                "name a group with `kind = \"hostile\"` and `start = \"later\"`",
            );
            return true;
        }
        if !starts && let Some(node) = nodes.iter().find(|node| later(node).is_some()) {
            problems.error_hint(
                name.span.clone(),
                format!("`{}` of the adversary `{node}`", kind.name()),
                "of the faults only `hostile` is for adversaries",
            );
            return true;
        }
    }
    false
}

/// Whom a fault hits: whom it names or, if it names nobody, everybody whose condition it ends. In the
/// order of the file, each once.
pub(super) fn hit(
    fault: &FaultFile,
    kind: &FaultKind,
    selectors: &Selectors,
    conditions: &Conditions,
) -> Vec<String> {
    let names: Vec<&str> = fault.names().map(|name| name.value.as_str()).collect();
    let hit: Vec<String> = if names.is_empty() {
        conditions.nodes_in(kind.ends())
    } else {
        names.iter().filter_map(|name| selectors.get(*name)).flatten().cloned().collect()
    };
    let all = selectors.get("*").map_or(&[][..], Vec::as_slice);
    let all = all.iter().chain(selectors.hostile.keys());
    all.filter(|node| hit.contains(node)).cloned().collect()
}
