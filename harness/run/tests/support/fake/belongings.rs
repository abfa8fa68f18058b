//! What belongs to the nodes of a fake beside their processes: files, limits, ports, names, and what they execute.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use harness_core::{
    node::NodeSource,
    state::{Damage, Executable, Limits, Port, StateChange, StateFile},
};
use harness_run::provider::Changes;

/// The variable that shifts a node's clock.
const CLOCK: &str = "HEGEMON_CLOCK_OFFSET_MS";

/// What every node has in its base path, and as much of it.
const FILES: [(&str, usize); 3] =
    [("pq-peers.bin", 300), ("chain.redb", 9000), ("pq-identity.seed", 32)];

/// Of all nodes.
#[derive(Default)]
pub(super) struct Belongings {
    /// In the order of their addresses.
    nodes: Vec<String>,
    args: BTreeMap<String, Vec<String>>,
    looks: BTreeMap<String, u32>,
    files: BTreeMap<String, BTreeMap<&'static str, Vec<u8>>>,
    limits: BTreeMap<String, Limits>,
    taken: Vec<(String, Port)>,
    names: BTreeMap<String, String>,
    builds: BTreeMap<String, NodeSource>,
    ahead_ms: BTreeMap<String, i64>,
}

impl Belongings {
    pub(super) fn names_are(&mut self, nodes: Vec<String>) {
        self.nodes = nodes;
    }

    /// Its place among the addresses, from 1.
    pub(super) fn number(&self, name: &str) -> u16 {
        let place = self.nodes.iter().position(|node| node == name).unwrap();
        u16::try_from(place).unwrap() + 1
    }

    /// Somebody looks at a node; how often somebody did before.
    pub(super) fn look(&mut self, name: &str) -> u32 {
        let looks = self.looks.entry(name.to_owned()).or_default();
        *looks += 1;
        *looks - 1
    }

    pub(super) fn args(&self, name: &str) -> Vec<String> {
        self.args.get(name).cloned().unwrap_or_default()
    }

    fn files_of(&mut self, name: &str) -> &mut BTreeMap<&'static str, Vec<u8>> {
        let new = || FILES.map(|(path, bytes)| (path, vec![7; bytes])).into();
        self.files.entry(name.to_owned()).or_insert_with(new)
    }

    pub(super) fn state_files(&mut self, name: &str) -> Vec<StateFile> {
        let file = |(path, content): (&&str, &Vec<u8>)| StateFile {
            path: (*path).to_owned(),
            bytes: content.len() as u64,
            sha256: content.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        self.files_of(name).iter().map(file).collect()
    }

    pub(super) fn change_state(&mut self, name: &str, change: &StateChange) {
        let files = self.files_of(name);
        match change {
            StateChange::Remove(_) => files.retain(|path, _| !change.is_about(path)),
            StateChange::Damage { how, seed, .. } => {
                for (path, content) in files.iter_mut().filter(|(path, _)| change.is_about(path)) {
                    content.truncate(how.length(content.len() as u64) as usize);
                    for (number, block) in content.chunks_mut(Damage::BLOCK).enumerate() {
                        how.block(*seed, path, number as u64, block);
                    }
                }
            }
        }
    }

    /// What is `None` stays; no limit at all restores what was before.
    pub(super) fn limit(&mut self, name: &str, to: &Limits) {
        if *to == Limits::default() {
            self.limits.remove(name);
            return;
        }
        let limits = self.limits.entry(name.to_owned()).or_default();
        limits.memory = to.memory.or(limits.memory);
        limits.cpu = to.cpu.or(limits.cpu);
        limits.open_files = to.open_files.or(limits.open_files);
    }

    pub(super) fn limits(&self, name: &str) -> Limits {
        self.limits.get(name).copied().unwrap_or_default()
    }

    pub(super) fn occupy(&mut self, name: &str, port: Port) {
        self.taken.push((name.to_owned(), port));
    }

    pub(super) fn release(&mut self, name: &str, port: Port) {
        self.taken.retain(|taken| *taken != (name.to_owned(), port));
    }

    pub(super) fn is_taken(&self, name: &str, port: Port) -> bool {
        self.taken.contains(&(name.to_owned(), port))
    }

    /// A port of it is somebody else's.
    pub(super) fn has_no_port(&self, name: &str) -> bool {
        self.taken.iter().any(|(node, _)| node == name)
    }

    pub(super) fn rename(&mut self, seed: &str, to: &str) {
        self.names.insert(seed.to_owned(), to.to_owned());
    }

    /// Every name has an address of its own, unless it means another.
    pub(super) fn lookup(&self, name: &str) -> Vec<IpAddr> {
        let meant = self.names.get(name).map_or(name, String::as_str);
        let last = meant.bytes().fold(0, u8::wrapping_add);
        vec![Ipv4Addr::new(198, 18, 0, last).into()]
    }

    /// What a node is started with from now on.
    pub(super) fn change(&mut self, name: &str, changes: &Changes) {
        if let Some(source) = &changes.source {
            self.builds.insert(name.to_owned(), source.clone());
        }
        if let Some(args) = &changes.args {
            self.args.insert(name.to_owned(), args.clone());
        }
        if let Some(offset) = changes.env.get(CLOCK) {
            self.ahead_ms.insert(name.to_owned(), offset.parse().unwrap());
        }
    }

    pub(super) fn executable(&self, name: &str) -> Executable {
        let build = self.builds.get(name).unwrap_or(&NodeSource::Workspace);
        Executable { id: format!("sha256:{build}") }
    }

    /// How far a node's clock is ahead.
    pub(super) fn ahead_ms(&self, name: &str) -> i64 {
        self.ahead_ms.get(name).copied().unwrap_or_default()
    }
}
