//! Lines that are not open: what faults of the network make of them, and what a probe must see of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::line::{BadLine, Connect, Line, LineChange, PathSeen};

/// A way: from this node to that one.
pub type Way = (String, String);

/// Every line of a network that is not open, by its way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lines(BTreeMap<Way, Line>);

impl Lines {
    /// What becomes of packets on a way.
    pub fn line(&self, way: &Way) -> &Line {
        self.0.get(way).unwrap_or(&Line::Open)
    }

    /// Cuts a way.
    pub(super) fn cut(&mut self, from: &str, to: &str) {
        self.add((from.to_owned(), to.to_owned()), Line::Cut);
    }

    /// Makes a way bad.
    pub(super) fn spoil(&mut self, from: &str, to: &str, how: BadLine) {
        self.add((from.to_owned(), to.to_owned()), Line::Bad(how));
    }

    /// Two faults on one line: the worse one is seen.
    pub fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(way, line)| self.add(way, line));
    }

    /// What must be done for these lines to become those.
    pub fn changes_to(&self, other: &Self) -> Vec<LineChange> {
        let ways: BTreeSet<&Way> = self.0.keys().chain(other.0.keys()).collect();
        let changed = ways.into_iter().filter(|way| self.line(way) != other.line(way));
        changed
            .map(|way| LineChange {
                from: way.0.clone(),
                to: way.1.clone(),
                line: other.line(way).clone(),
            })
            .collect()
    }

    /// The ways that are not open.
    pub fn ways(&self) -> impl Iterator<Item = &Way> {
        self.0.keys()
    }

    fn add(&mut self, way: Way, line: Line) {
        if way.0 != way.1 && self.0.get(&way) != Some(&Line::Cut) {
            self.0.insert(way, line);
        }
    }

    fn is_cut(&self, from: &str, to: &str) -> bool {
        *self.line(&(from.to_owned(), to.to_owned())) == Line::Cut
    }

    /// What a path shows that is not as these lines are.
    pub fn contradiction(&self, path: &PathSeen) -> Option<String> {
        self.leak(path).or_else(|| self.loss(path))
    }

    /// What a path shows that came through although these lines cut it.
    pub(super) fn leak(&self, path: &PathSeen) -> Option<String> {
        let (from, to) = (path.from.as_str(), path.to.as_str());
        let there = self.is_cut(from, to);
        if path.connect.passes() && (there || self.is_cut(to, from)) {
            Some(format!(
                "a TCP connect from {from} to {to} came through although a line between them is cut"
            ))
        } else if there && path.arrived > 0 {
            Some(format!("datagrams from {from} to {to} arrived although that line is cut"))
        } else {
            None
        }
    }

    /// What a path shows that was lost although these lines let it through. A bad line may lose a
    /// connect, so only its datagrams are counted.
    fn loss(&self, path: &PathSeen) -> Option<String> {
        let (from, to) = (path.from.as_str(), path.to.as_str());
        let way = |from: &str, to: &str| self.line(&(from.to_owned(), to.to_owned())).clone();
        let (there, back) = (way(from, to), way(to, from));
        if there != Line::Cut && path.arrived == 0 {
            return Some(format!(
                "no datagram from {from} arrived at {to} although nothing cuts that line"
            ));
        }
        match &path.connect {
            Connect::Failed(why) => {
                Some(format!("a TCP connect from {from} to {to} failed at once: {why}"))
            }
            Connect::Silent if (there, back) == (Line::Open, Line::Open) => Some(format!(
                "a TCP connect from {from} to {to} got no answer although nothing cuts their lines"
            )),
            Connect::Silent | Connect::Accepted | Connect::Refused => None,
        }
    }
}

/// Every ordered pair of different nodes of which one is in `these`.
pub(super) fn ways_of(these: &[String], network: &[String]) -> Vec<Way> {
    let pairs = network.iter().flat_map(|from| network.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| from != to && (these.contains(from) || these.contains(to)))
        .map(|(from, to)| (from.clone(), to.clone()))
        .collect()
}
