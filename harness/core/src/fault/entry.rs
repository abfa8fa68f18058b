//! What there is to know of a kind of fault beside its proofs, in one place: how it is written, how
//! it runs its course, what it needs of a provider, what people read, and its negative controls.

use std::{fmt, time::Duration};

use crate::{
    control::Controls,
    document::{At, Given, Key, Takes},
    event::Moment,
    history::History,
};

/// A kind of fault.
pub struct FaultEntry {
    /// As scenarios write it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it names.
    pub targets: Targets,
    /// Its own keys, beside those of its targets.
    pub keys: &'static [Key],
    /// What a provider must be able to do for it.
    pub needs: &'static [Capability],
    /// What proves that it took effect and holds.
    pub effect: &'static str,
    /// What proves that it has healed.
    pub healed: &'static str,
    /// As a scenario has it.
    pub example: &'static str,
    /// What it must notice.
    pub controls: Controls,
}

/// What a fault names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// Nodes, with the key `nodes`.
    Nodes,
    /// Something of its own (groups, pairs), by its own keys.
    Own,
}

/// What a provider must be able to do. One that cannot says so, and the scenario is refused before
/// anything starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// End a node by asking it, and start the same again.
    Restart,
    /// End a node without asking it.
    Kill,
    /// Freeze a node, and thaw it.
    Pause,
    /// Cut lines between nodes, and try them from inside.
    Lines,
    /// Delay, lose and limit what passes a line.
    BadLines,
    /// Reach files of a node that is down.
    State,
    /// Start a node again as another image or binary, or with other variables.
    Changes,
    /// Limit a running node's memory.
    LimitMemory,
    /// Limit a running node's processor time.
    LimitCpu,
    /// Limit a running node's descriptors.
    LimitFiles,
    /// Listen on a port of a node that is down.
    Occupy,
    /// Give the name of a seed another address.
    Names,
}

impl Capability {
    /// In words, after "cannot".
    pub fn words(self) -> &'static str {
        match self {
            Self::Restart => "stop a node and start it again",
            Self::Kill => "kill a node",
            Self::Pause => "freeze a node",
            Self::Lines => "cut lines between nodes",
            Self::BadLines => "make lines between nodes bad",
            Self::State => "reach the files of a node that is down",
            Self::Changes => "start a node again as another one on the same state",
            Self::LimitMemory => "limit a running node's memory",
            Self::LimitCpu => "limit a running node's processor time",
            Self::LimitFiles => "limit a running node's descriptors",
            Self::Occupy => "take a port of a node that is down",
            Self::Names => "give the name of a seed another address",
        }
    }
}

/// How a fault goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It takes effect, lasts at least so long and until its `during` checks are decided, and
    /// heals.
    Heals(Duration),
    /// It takes effect and stays, over phases, until another fault ends it.
    Stays,
    /// It ends what an earlier fault did: its only step is a heal.
    Ends,
}

/// The keys that every fault takes.
pub const COMMON: &[Key] =
    &[Key { name: "fault", takes: Takes::Text, given: Given::Always, about: "the fault" }];

/// The key of one that names nodes.
pub const NODES: &[Key] = &[Key {
    name: "nodes",
    takes: Takes::Text,
    given: Given::Always,
    about: "whom it hits: a node (`node-1`), a group (`node`) or `*`",
}];

impl FaultEntry {
    /// The keys that are not its own.
    pub fn common(&self) -> Vec<Key> {
        let targets = match self.targets {
            Targets::Nodes => NODES,
            Targets::Own => &[],
        };
        COMMON.iter().chain(targets).copied().collect()
    }
}

impl fmt::Debug for FaultEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FaultEntry").field(&self.name).finish()
    }
}

/// A fault: its course and its proofs. Both are functions of what was recorded, so what proved it
/// while it was done proves it again when its bundle is verified.
pub(super) trait Fault: fmt::Debug {
    /// What else there is to know of it.
    fn entry(&self) -> &'static FaultEntry;

    /// How it goes.
    fn course(&self) -> Course;

    /// Everything that shows that it took effect is recorded.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn took_effect(&self, record: &Record<'_>) -> Result<(), String>;

    /// Nothing recorded since it took effect shows that it did not hold. Asked when a phase ends
    /// while it stays.
    ///
    /// # Errors
    ///
    /// What shows it.
    fn still_holds(&self, record: &Record<'_>) -> Result<(), String>;

    /// Everything that shows that it held until it was undone, and is undone, is recorded.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn has_healed(&self, record: &Record<'_>) -> Result<(), String>;
}

/// What is recorded of one fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Everything observed by `to`.
    pub(crate) history: &'a History,
    /// Whom it is asked about, and since when each is hit: by this fault or, if this one ends an
    /// earlier one, by that.
    pub(crate) hit: &'a [(String, Moment)],
    /// When it was begun.
    pub(crate) asked: Moment,
    /// Now.
    pub(crate) to: Moment,
}

/// A fault's own keys as written.
pub(super) trait Written: fmt::Debug {
    /// What it means.
    type Fault;

    /// The nodes and groups that it names by keys of its own.
    fn names(&self) -> Vec<&At<String>> {
        Vec::new()
    }

    /// What it means; `nodes` gives the nodes behind a name.
    fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> Self::Fault;
}
