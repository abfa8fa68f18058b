//! What is asked of the nodes that are up, and how long they get for it: see the module's head for why each
//! must hold.

use std::time::Duration;

use toml::{Table, Value};

use super::network::{Network, Nodes};
use crate::{script::table, statistics::blocks};

/// How often a healthy chain may fail one of these windows: a night has a thousand of them.
const FALSE_FAILS: f64 = 1e-6;

/// For nodes to find each other again: a dial that failed is tried again after 30 s, and after a minute when
/// it fails twice, which is the longest pause after an outage as long as ours; and 30 s to get it done on a
/// busy machine. Ours take 3 s, so a longer window would hide what a shorter one shows.
const FIND: u32 = 90;

/// For blocks to come where nodes may have to find each other first.
const SETTLE: u32 = 90;

/// Blocks that a chain may have to make before it is higher than one that was higher and lighter.
const LIGHTER: u64 = 8;

/// Below every tip, where hashes are compared: blocks come every second.
const DEPTH: i64 = 4;

/// Since when heights must be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Start,
    Heal,
}

/// Writes checks of the nodes of a network that are up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) network: &'a Network,
    pub(super) up: &'a Nodes,
}

impl Of<'_> {
    /// Everybody has all the peers that can be had.
    pub(super) fn peers(self) -> Vec<Table> {
        let names = if self.network.hidden().is_empty() {
            self.network.selectors(self.up)
        } else {
            self.network.by_group(self.up)
        };
        let check = |name: &String| {
            let nodes = self.network.named(name);
            let least = nodes.iter().map(|node| self.network.peers(node, self.up)).min()?;
            let least = i64::try_from(least).ok().filter(|least| *least > 0)?;
            Some(with(check("peers", name, FIND), [("at_least", least.into())]))
        };
        names.iter().filter_map(check).collect()
    }

    /// Heights rise by so many blocks; `nodes` have sessions with each other, and are some of those that are
    /// up. Nothing where none of them mines.
    pub(super) fn advance(self, nodes: &Nodes, by: u64) -> Vec<Table> {
        let Some(pace) = self.pace(nodes) else { return Vec::new() };
        let within = window(by, pace) + SETTLE;
        let by = Value::from(by.cast_signed());
        let check =
            |name: &String| with(check("height-advances", name, within), [("by", by.clone())]);
        self.network.selectors(nodes).iter().map(check).collect()
    }

    /// One chain, above every height that there was.
    pub(super) fn one_chain(self, since: Since) -> Vec<Table> {
        let Some(pace) = self.pace(self.up) else { return Vec::new() };
        let within = window(3 + LIGHTER, pace) + FIND;
        let above = match since {
            Since::Start => "start",
            Since::Heal => "fault",
        };
        let check =
            |name: &String| with(check("same-chain", name, within), [("above", above.into())]);
        self.several().iter().map(check).collect()
    }

    /// One genesis.
    pub(super) fn one_genesis(self) -> Vec<Table> {
        self.several().iter().map(|name| check("same-genesis", name, 30)).collect()
    }

    /// Those who came back are who they were.
    pub(super) fn identity(self, hit: &Nodes) -> Vec<Table> {
        let names = self.network.selectors(hit);
        names.iter().map(|name| check("identity-stable", name, 60)).collect()
    }

    /// Those who came reach the others' tip and hash.
    pub(super) fn catch_up(self, hit: &Nodes, from: &str) -> Vec<Table> {
        let others: Nodes = self.up.difference(hit).cloned().collect();
        let Some(to) = self.network.by_group(&others).into_iter().next() else { return Vec::new() };
        let Some(pace) = self.pace(self.up) else { return Vec::new() };
        let within = window(1 + LIGHTER, pace) + FIND;
        let check = |name: &String| {
            let keys = [("to", to.as_str().into()), ("from", from.into()), ("depth", DEPTH.into())];
            with(check("catches-up", name, within), keys)
        };
        self.network.by_group(hit).iter().map(check).collect()
    }

    /// A network at rest: nobody says that it is in sync and is not, everybody is connected, and nobody ended.
    pub(super) fn at_rest(self) -> Vec<Table> {
        let mut checks = Vec::new();
        let hidden = self.network.hidden();
        for name in self.several() {
            checks.push(with(check("sync-truth", &name, 8), [("depth", DEPTH.into())]));
            // Nodes that cannot be dialled have no sessions with each other.
            if self.network.named(&name).iter().any(|node| !hidden.contains(node)) {
                checks.push(with(check("topology", &name, FIND), [("components", 1.into())]));
            }
        }
        for name in self.network.selectors(self.up) {
            checks.push(check("no-restart", &name, 5));
            checks.push(check("alive", &name, 5));
        }
        checks
    }

    /// No gap between blocks that is too long for chance.
    pub(super) fn no_stall(self) -> Vec<Table> {
        let Some(pace) = self.pace(self.up) else { return Vec::new() };
        let longest = window(1, pace) + 10;
        let check = |name: &String| {
            with(check("no-stall", name, longest + 10), [("longest", seconds(longest))])
        };
        self.network.selectors(self.up).iter().map(check).collect()
    }

    /// Names of several nodes each: those of one alone have nobody to be compared with.
    fn several(self) -> Vec<String> {
        let names = self.network.selectors(self.up).into_iter();
        names.filter(|name| self.network.named(name).len() > 1).collect()
    }

    /// The mean seconds between two blocks of these nodes at first: fewer miners are slower until difficulty
    /// follows. None where nobody mines.
    fn pace(self, nodes: &Nodes) -> Option<f64> {
        let miners = self.network.miners();
        let of = nodes.intersection(&miners).count();
        (of > 0).then(|| f64::from(self.network.block_time) * miners.len() as f64 / of as f64)
    }
}

/// Whole seconds in which a healthy chain of this pace makes so many blocks.
fn window(by: u64, pace: f64) -> u32 {
    let window = blocks::window(by, Duration::from_secs_f64(pace), FALSE_FAILS);
    u32::try_from(window.as_secs()).unwrap_or(u32::MAX)
}

fn check(name: &str, nodes: &str, within: u32) -> Table {
    table([("check", name.into()), ("nodes", nodes.into()), ("within", seconds(within))])
}

/// The same while the phase's last fault lasts.
pub(super) fn during(checks: Vec<Table>) -> impl Iterator<Item = Table> {
    checks.into_iter().map(|check| with(check, [("during", "fault".into())]))
}

/// The same with more keys.
pub(super) fn with<const N: usize>(mut step: Table, keys: [(&str, Value); N]) -> Table {
    step.extend(table(keys));
    step
}

/// A duration.
pub(super) fn seconds(seconds: u32) -> Value {
    format!("{seconds}s").into()
}
