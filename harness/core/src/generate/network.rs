//! The network of a generated scenario: groups of nodes, and who knows whom at the start.
//!
//! Whatever its shape, the lists of seeds make one connected graph, and a node that cannot be dialled is in
//! nobody's list: so there is a way to everybody, and all that is found by it.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::dice::Dice;
use crate::script::table;

/// Peers that a node looks for, by the node contract; inbound ones come on top.
const TARGET: usize = 8;

/// Who knows whom at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    OneSeed,
    SeveralSeeds,
    MutualSeeds,
    Chain,
    Bridge,
    Unreachable,
}

impl Shape {
    pub(super) const ALL: [Self; 6] = [
        Self::OneSeed,
        Self::SeveralSeeds,
        Self::MutualSeeds,
        Self::Chain,
        Self::Bridge,
        Self::Unreachable,
    ];

    /// As the description has it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::OneSeed => "one seed",
            Self::SeveralSeeds => "several seeds",
            Self::MutualSeeds => "mutual seeds",
            Self::Chain => "a chain of seeds",
            Self::Bridge => "two halves and a bridge",
            Self::Unreachable => "nodes that cannot be dialled",
        }
    }

    /// Nodes that it takes at least.
    fn least(self) -> u32 {
        match self {
            Self::OneSeed => 2,
            Self::SeveralSeeds | Self::MutualSeeds | Self::Chain | Self::Unreachable => 3,
            Self::Bridge => 4,
        }
    }
}

/// A group of nodes.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: &'static str,
    count: Option<u32>,
    seed: bool,
    seeds: Vec<String>,
    pub(super) mine: bool,
    pub(super) hidden: bool,
    pub(super) later: bool,
}

impl Group {
    fn new(name: &'static str, count: u32) -> Self {
        Self {
            name,
            count: (count > 1).then_some(count),
            seed: false,
            seeds: Vec::new(),
            mine: false,
            hidden: false,
            later: false,
        }
    }

    fn seed(self) -> Self {
        Self { seed: true, ..self }
    }

    fn knows(self, seeds: &[&str]) -> Self {
        Self { seeds: seeds.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    pub(super) fn nodes(&self) -> Vec<String> {
        match self.count {
            None => vec![self.name.to_owned()],
            Some(count) => (1..=count).map(|number| format!("{}-{number}", self.name)).collect(),
        }
    }

    fn table(&self) -> Table {
        let mut table = table([("name", self.name.into())]);
        let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
        if let Some(count) = self.count {
            set("count", i64::from(count).into());
        }
        for (key, flag) in [("seed", self.seed), ("mine", self.mine)] {
            if flag {
                set(key, true.into());
            }
        }
        if !self.seeds.is_empty() {
            set("seeds", self.seeds.clone().into());
        }
        if self.hidden {
            set("reachable", false.into());
        }
        if self.later {
            set("start", "later".into());
        }
        table
    }
}

/// A set of nodes, by name.
pub(super) type Nodes = BTreeSet<String>;

/// A network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) shape: Shape,
    pub(super) groups: Vec<Group>,
    /// Mean seconds between two blocks.
    pub(super) block_time: u32,
    /// Lists of seeds have names.
    pub(super) by_name: bool,
}

impl Network {
    /// Of at most so many nodes.
    pub(super) fn draw(dice: &mut Dice, most: u32, names: bool) -> Self {
        let all = dice.between(super::asked::FEWEST_NODES, most);
        let late = if all > 3 && dice.one_in(3) { dice.between(1, 2.min(all - 3)) } else { 0 };
        let fits: Vec<Shape> =
            Shape::ALL.into_iter().filter(|shape| shape.least() <= all - late).collect();
        let shape = *dice.pick(&fits).unwrap_or(&Shape::OneSeed);
        let mut groups = at_start(shape, all - late, dice);
        miners(&mut groups, dice);
        if late > 0 {
            groups.push(newcomers(&groups, late, dice));
        }
        let block_time = dice.between(1, 3);
        Self { shape, groups, block_time, by_name: names && dice.one_in(3) }
    }

    /// All nodes.
    pub(super) fn all(&self) -> Nodes {
        self.groups.iter().flat_map(Group::nodes).collect()
    }

    pub(super) fn hidden(&self) -> Nodes {
        self.nodes_of(|group| group.hidden)
    }

    pub(super) fn miners(&self) -> Nodes {
        self.nodes_of(|group| group.mine)
    }

    pub(super) fn late(&self) -> Nodes {
        self.nodes_of(|group| group.later)
    }

    fn nodes_of(&self, is: impl Fn(&Group) -> bool) -> Nodes {
        self.groups.iter().filter(|group| is(group)).flat_map(Group::nodes).collect()
    }

    /// Nodes that are alone in somebody's list of seeds, or in the common one.
    pub(super) fn named_seeds(&self) -> Vec<String> {
        let seeds = self.groups.iter().filter(|group| group.seed && group.count.is_none());
        seeds.map(|group| group.name.to_owned()).collect()
    }

    /// As few names as possible for exactly these nodes.
    pub(super) fn selectors(&self, nodes: &Nodes) -> Vec<String> {
        if *nodes == self.all() {
            return vec!["*".to_owned()];
        }
        self.by_group(nodes)
    }

    /// The same, without `*`.
    pub(super) fn by_group(&self, nodes: &Nodes) -> Vec<String> {
        let of = |group: &Group| {
            let members = group.nodes();
            if members.iter().all(|node| nodes.contains(node)) {
                vec![group.name.to_owned()]
            } else {
                members.into_iter().filter(|node| nodes.contains(node)).collect()
            }
        };
        self.groups.iter().flat_map(of).collect()
    }

    /// The nodes behind a name.
    pub(super) fn named(&self, selector: &str) -> Nodes {
        if selector == "*" {
            return self.all();
        }
        let group = self.groups.iter().find(|group| group.name == selector);
        group.map_or_else(
            || Nodes::from([selector.to_owned()]),
            |group| group.nodes().into_iter().collect(),
        )
    }

    /// Peers that a node finds for certain among those that are up: everybody whom it can dial or who dials
    /// it, up to what a node looks for.
    pub(super) fn peers(&self, node: &str, up: &Nodes) -> usize {
        let hidden = self.hidden();
        let open = up.iter().filter(|other| !hidden.contains(*other)).count();
        let unseen = up.len() - open;
        let possible = if hidden.contains(node) {
            open
        } else if open <= TARGET {
            // Whoever cannot be dialled dials all of them.
            open - 1 + unseen
        } else {
            open - 1
        };
        possible.min(TARGET)
    }

    /// Tables of the groups.
    pub(super) fn tables(&self) -> Vec<Table> {
        self.groups.iter().map(Group::table).collect()
    }
}

fn at_start(shape: Shape, all: u32, dice: &mut Dice) -> Vec<Group> {
    let new = Group::new;
    match shape {
        Shape::OneSeed => vec![new("seed", 1).seed(), new("node", all - 1)],
        Shape::SeveralSeeds => {
            let seeds = dice.between(2, 3.min(all - 1));
            vec![new("seed", seeds).seed(), new("node", all - seeds)]
        }
        Shape::MutualSeeds => vec![
            new("seed", 1).seed().knows(&["other"]),
            new("other", 1).seed().knows(&["seed"]),
            new("node", all - 2).knows(&["seed"]),
        ],
        Shape::Chain => {
            let names = ["first", "second", "third", "fourth"];
            let links = dice.between(3, 4.min(all)) as usize;
            let mut groups = vec![new("first", 1).seed()];
            groups.extend((1..links).map(|at| new(names[at], 1).knows(&[names[at - 1]])));
            let rest = all - u32::try_from(links).unwrap_or(all);
            if rest > 0 {
                groups.push(new("node", rest).knows(&[names[links - 1]]));
            }
            groups
        }
        Shape::Bridge => {
            let left = dice.between(1, all - 3);
            let mut groups = vec![
                new("seed", 1).seed().knows(&["seed"]),
                new("other", 1).seed().knows(&["other"]),
                new("left", left).knows(&["seed"]),
            ];
            if all - 3 > left {
                groups.push(new("right", all - 3 - left).knows(&["other"]));
            }
            groups.push(new("bridge", 1).knows(&["seed", "other"]));
            groups
        }
        Shape::Unreachable => {
            let hidden = dice.between(1, all - 2);
            let unseen = Group { hidden: true, ..new("hidden", hidden) };
            vec![new("open", all - hidden).seed(), unseen]
        }
    }
}

/// At least one group of them mines; now and then it is one node alone.
fn miners(groups: &mut [Group], dice: &mut Dice) {
    let one: Vec<usize> = (0..groups.len()).filter(|at| groups[*at].count.is_none()).collect();
    if let Some(alone) = dice.pick(&one).copied().filter(|_| dice.one_in(4)) {
        groups[alone].mine = true;
        return;
    }
    for group in groups.iter_mut() {
        group.mine = !dice.one_in(4);
    }
    if !groups.iter().any(|group| group.mine) {
        groups[0].mine = true;
    }
}

/// They know all seeds, or one node that can be dialled.
fn newcomers(groups: &[Group], count: u32, dice: &mut Dice) -> Group {
    let open: Vec<String> =
        groups.iter().filter(|group| !group.hidden).flat_map(Group::nodes).collect();
    let known = dice.pick(&open).cloned().filter(|_| dice.one_in(2));
    Group {
        seeds: known.into_iter().collect(),
        mine: dice.one_in(2),
        later: true,
        ..Group::new("late", count)
    }
}
