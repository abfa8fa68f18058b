//! What there is to know of a kind of fault beside its proofs, in one place: how it is written, how
//! it runs its course, what it needs of a provider, what people read, and its negative controls.

use std::{fmt, path::Path, time::Duration};

use super::lines::{Lines, Way};
use crate::{
    control::Controls,
    document::{At, Given, Key, Problems, Takes},
    event::Moment,
    history::History,
    line::Datagrams,
    node::NodeSource,
    profile::NodeProfile,
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
    /// Count what a node tries to dial.
    Dials,
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
            Self::Dials => "count what a node dials",
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
    /// It takes effect, and that is all: nothing of it lasts that could be looked at again.
    Once,
}

/// What a fault leaves its nodes in, as far as that decides what can be done to them next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Ended, until `start`.
    Down,
    /// Ended for good.
    Gone,
    /// Not started yet, until `join`.
    Absent,
    /// Frozen, until `resume`.
    Frozen,
    /// Cut off from everybody else, until `rejoin`.
    Isolated,
    /// Some of its lines are cut or bad, until `heal`.
    Parted,
    /// An adversary that runs.
    Attacking,
    /// It runs and can be reached.
    Up,
}

impl Condition {
    /// In words, after "is".
    pub fn words(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Gone => "gone for good",
            Self::Absent => "not started yet",
            Self::Frozen => "frozen",
            Self::Isolated => "isolated",
            Self::Parted => "cut off from some",
            Self::Attacking => "attacking",
            Self::Up => "up",
        }
    }

    /// What is said of a node that an earlier fault left in it.
    pub fn of(self, node: &str) -> String {
        if self == Self::Absent {
            format!("`{node}` is not started yet (`start = \"later\"`)")
        } else {
            format!("`{node}` is {} then, by an earlier fault that stays", self.words())
        }
    }

    /// What ends it, as a hint.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Down => "`start` it before",
            Self::Gone => "use `stop` instead of `leave`",
            Self::Absent => "`join` it before",
            Self::Frozen => "`resume` it before",
            Self::Isolated => "`rejoin` it before",
            Self::Parted => "`heal` before",
            Self::Attacking => "give the `hostile` before it a `downtime`",
            Self::Up => "nothing to do",
        }
    }

    /// What brings a node into it, as a hint.
    pub fn begins(self) -> &'static str {
        match self {
            Self::Down => "`stop` it, or `kill` it without `downtime`, before",
            Self::Gone => "`leave` is for good",
            Self::Absent => "write `start = \"later\"` in its group, and `join` it once",
            Self::Frozen => "`pause` it without `downtime` before",
            Self::Isolated => "`isolate` it without `downtime` before",
            Self::Attacking => "use `hostile` before",
            Self::Parted => "use `partition`, `one-way` or `degrade` without `downtime` before",
            Self::Up => "nothing to do",
        }
    }

    /// A node in it runs, and answers.
    pub fn answers(self) -> bool {
        match self {
            Self::Isolated | Self::Parted | Self::Attacking | Self::Up => true,
            Self::Down | Self::Gone | Self::Absent | Self::Frozen => false,
        }
    }
}

/// The keys that every fault takes.
pub const COMMON: &[Key] = &[
    Key { name: "fault", takes: Takes::Text, given: Given::Always, about: "the fault" },
    Key {
        name: "with",
        takes: Takes::Word(&["previous"]),
        given: Given::Else("it begins when the fault before it is over"),
        about: "`\"previous\"`: it begins when the fault before it is in effect, and is over before that is",
    },
];

/// The key of a fault that may stay.
pub(super) const DOWNTIME: Key = Key {
    name: "downtime",
    takes: Takes::Duration,
    given: Given::Else("it stays until another fault ends it"),
    about: "how long it lasts, at least",
};

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
///
/// What a fault does not say, it cannot prove: without a proof of its own every step is refused.
pub(super) trait Fault: fmt::Debug {
    /// What else there is to know of it.
    fn entry(&self) -> &'static FaultEntry;

    /// How it goes.
    fn course(&self) -> Course;

    /// As a storm draws it, if one can.
    fn in_a_storm(downtime: Duration) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = downtime;
        None
    }

    /// What it leaves its nodes in while it lasts.
    fn condition(&self) -> Condition {
        Condition::Up
    }

    /// What it ends, if it ends what earlier faults did.
    fn ends(&self) -> &'static [Condition] {
        &[]
    }

    /// The lines that are not open while it hits these nodes of a network.
    fn lines(&self, nodes: &[String], network: &[String]) -> Lines {
        let _ = (nodes, network);
        Lines::default()
    }

    /// The ways that a probe must try to see it, and how thoroughly.
    fn ways(&self, nodes: &[String], network: &[String]) -> (Vec<Way>, Datagrams) {
        let _ = (nodes, network);
        (Vec::new(), Datagrams::Few)
    }

    /// Files that it names are relative to this folder.
    fn beside(&mut self, folder: &Path) {
        let _ = folder;
    }

    /// What a provider must be able to do for it, beside what every fault of its kind needs.
    fn also_needs(&self) -> Vec<Capability> {
        Vec::new()
    }

    /// What is not known of a kind of node without which it cannot be done to one.
    fn lacks(&self, profile: &NodeProfile) -> Option<&'static str> {
        let _ = profile;
        None
    }

    /// What its nodes are started as, which must be made ready before anything starts.
    fn upgrade(&self) -> Option<&NodeSource> {
        None
    }

    /// Everything that shows that it took effect is recorded.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        let _ = record;
        Err("it takes no effect but to end another fault".to_owned())
    }

    /// Nothing recorded since it took effect shows that it did not hold. Asked when a phase ends
    /// while it stays.
    ///
    /// # Errors
    ///
    /// What shows it.
    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        let _ = record;
        Err("it does not stay".to_owned())
    }

    /// Nothing recorded between its effect and `until`, when it was undone, shows that it did not hold,
    /// as far as [`Self::has_healed`] does not say so.
    ///
    /// # Errors
    ///
    /// What shows it.
    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        let _ = record;
        Ok(())
    }

    /// Everything that shows that it is undone, whoever ends it, as far as [`Self::has_healed`] of that
    /// fault does not show it.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn undone(&self, record: &Record<'_>) -> Result<(), String> {
        let _ = record;
        Ok(())
    }

    /// Everything that shows that it held until it was undone, and is undone, is recorded.
    ///
    /// # Errors
    ///
    /// What is missing.
    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        let _ = record;
        Err("it does not heal by itself".to_owned())
    }
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
    /// Every line that is not open when this step is done.
    pub(crate) lines: &'a Lines,
    /// All nodes.
    pub(crate) network: &'a [String],
    /// When it was undone, if that is what is asked about; else now.
    pub(crate) until: Moment,
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

    /// What else is wrong with it, once it is known what it means.
    fn validate(&self, nodes: &dyn Fn(&str) -> Vec<String>, problems: &mut Problems) {
        let _ = (nodes, problems);
    }
}

/// Most faults mean what is written, whoever is in the network.
impl<F: Fault + Clone> Written for F {
    type Fault = F;

    fn resolve(&self, _: &dyn Fn(&str) -> Vec<String>) -> F {
        self.clone()
    }
}
