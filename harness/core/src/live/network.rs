//! What is known of a network's nodes now.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::{Event, EventKind, Moment, ResourceSample, Sample},
    node::NodeState,
    text::ending,
};

/// What a node is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It was not started yet.
    Waiting,
    /// It runs, and answers or was not asked yet.
    Running,
    /// It runs, and nothing came back from it.
    Silent,
    /// None of its threads gets any time.
    Frozen,
    /// Somebody stopped it.
    Down,
    /// It ended although nobody asked it to, or broke: how.
    Broken(String),
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub condition: Condition,
    /// As it last said; nothing if it does not answer.
    pub peers: Option<u64>,
    /// The same.
    pub height: Option<u64>,
    /// When its height was seen to change.
    pub block: Option<Moment>,
    /// Resident memory.
    pub memory: Option<u64>,
    /// Cores in use, between the last two looks.
    pub cores: Option<f64>,
    /// Its process, by the engine's or the kernel's word.
    pub pid: Option<i64>,
    /// With whom it talks, as far as it says so and they are of this network.
    pub talks: BTreeSet<String>,
    cpu: Option<(Moment, u64)>,
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Network {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    /// Node by its own peer ID.
    ids: BTreeMap<String, String>,
}

impl Network {
    /// Nothing is known of them yet.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let nodes: Vec<Node> = names.into_iter().map(Node::new).collect();
        let names = nodes.iter().enumerate().map(|(at, node)| (node.name.clone(), at)).collect();
        Self { nodes, names, ids: BTreeMap::new() }
    }

    /// In the order of the plan.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Takes in what an event says of them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is of no node is of the run's course")]
    pub fn record(&mut self, event: &Event) {
        match &event.what {
            EventKind::NodeStarted { node, incarnation, .. } => {
                self.with(node, |it| it.starts(incarnation.pid))
            }
            EventKind::Sample(sample) => self.with(&sample.node, |it| it.answers(sample)),
            EventKind::Resources(sample) => self.with(&sample.node, |it| it.uses(sample)),
            EventKind::State { node, state } => self.with(node, |it| it.is(state)),
            EventKind::NodeExited { node, code, signal, .. } => {
                let how = format!("ended, {}", ending(*code, *signal));
                self.with(node, |it| it.broke(how));
            }
            EventKind::NodeBroken { node, .. } => {
                self.with(node, |it| it.broke("broke".to_owned()));
            }
            EventKind::Methods { node, peer_id: Some(id), .. } => {
                self.ids.insert(id.clone(), node.clone());
            }
            EventKind::Sessions(list) => {
                let sessions = list.sessions.value().map_or(&[][..], Vec::as_slice);
                let talks = sessions.iter().filter_map(|it| self.ids.get(&it.peer).cloned());
                let talks = talks.collect();
                self.with(&list.node, |it| it.talks = talks);
            }
            _ => {}
        }
    }

    fn with(&mut self, node: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.names.get(node).and_then(|at| self.nodes.get_mut(*at)) {
            change(node);
        }
    }
}

impl Node {
    fn new(name: String) -> Self {
        Self {
            name,
            condition: Condition::Waiting,
            peers: None,
            height: None,
            block: None,
            memory: None,
            cores: None,
            pid: None,
            talks: BTreeSet::new(),
            cpu: None,
        }
    }

    /// It deserves a look: it is not simply running.
    pub fn is_troubled(&self) -> bool {
        self.condition != Condition::Running
    }

    fn starts(&mut self, pid: i64) {
        let name = std::mem::take(&mut self.name);
        let (height, block) = (self.height, self.block);
        *self = Self {
            condition: Condition::Running,
            pid: Some(pid),
            height,
            block,
            ..Self::new(name)
        };
    }

    fn answers(&mut self, sample: &Sample) {
        if sample.is_refused() {
            return;
        }
        let silent = sample.peers.is_silent() && sample.height.is_silent();
        match self.condition {
            // An answer that was under way when it was stopped.
            Condition::Down | Condition::Broken(_) => return,
            // Whoever does not run cannot be asked.
            Condition::Waiting | Condition::Running | Condition::Silent if silent => {
                self.condition = Condition::Silent;
            }
            Condition::Waiting | Condition::Running | Condition::Silent => {
                self.condition = Condition::Running;
            }
            Condition::Frozen => {}
        }
        self.peers = sample.peers.value().copied();
        let height = sample.height.value().copied();
        // What it had at the first look may be old.
        if self.height.is_some() && self.height < height {
            self.block = Some(sample.answered);
        }
        self.height = height;
    }

    fn uses(&mut self, sample: &ResourceSample) {
        let Some(used) = sample.used else { return };
        self.memory = Some(used.memory_bytes);
        let before = self.cpu.replace((sample.answered, used.cpu_ms));
        let Some((at, ms)) = before else { return };
        let span = sample.answered.since(at).as_secs_f64() * 1000.0;
        self.cores = (span > 0.0).then(|| used.cpu_ms.saturating_sub(ms) as f64 / span);
    }

    fn is(&mut self, state: &NodeState) {
        if matches!(self.condition, Condition::Broken(_)) {
            return;
        }
        match state {
            NodeState::Running(_) if self.condition == Condition::Silent => {}
            NodeState::Running(incarnation) => {
                self.condition = Condition::Running;
                self.pid = Some(incarnation.pid);
            }
            NodeState::Frozen(incarnation) => {
                self.condition = Condition::Frozen;
                self.pid = Some(incarnation.pid);
            }
            NodeState::Exited { .. } => self.gone(Condition::Down),
        }
    }

    fn broke(&mut self, how: String) {
        self.gone(Condition::Broken(how));
    }

    fn gone(&mut self, condition: Condition) {
        let name = std::mem::take(&mut self.name);
        let (height, block) = (self.height, self.block);
        *self = Self { condition, height, block, ..Self::new(name) };
    }
}
