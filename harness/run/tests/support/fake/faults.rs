//! How a fake network misbehaves.

use std::time::Duration;

use serde_json::Value;

/// How the network misbehaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Non-seeds only know the seed.
    pub(crate) no_discovery: bool,
    /// No block is ever made.
    pub(crate) no_mining: bool,
    /// Every node has blocks of its own.
    pub(crate) fork: bool,
    /// `system_health.peers` is this instead of a number.
    pub(crate) peers: Option<Value>,
    /// `system_peers` is not offered.
    pub(crate) core_only: bool,
    /// A node, and the code with which it exits as soon as it is started.
    pub(crate) exits: Option<(&'static str, i64)>,
    /// Lines that the node logs half a second after its start.
    pub(crate) logs: Option<(&'static str, &'static str)>,
    /// The very last line, which a node logs as it is removed.
    pub(crate) last_words: Option<(&'static str, &'static str)>,
    /// Lines come for as long as anybody reads them, whatever is removed.
    pub(crate) logs_forever: bool,
    /// `start` panics: a bug of ours.
    pub(crate) start_panics: bool,
    /// `start` fails.
    pub(crate) start_fails: bool,
    /// `stop` and `start_again` do nothing.
    pub(crate) noop_restart: bool,
    /// `kill` asks the node to end instead.
    pub(crate) kill_asks: bool,
    /// The provider says that it cannot kill.
    pub(crate) cannot_kill: bool,
    /// `start_again` starts nothing and says that the old process runs.
    pub(crate) noop_start: bool,
    /// `stop` stops, but the node's RPC goes on answering.
    pub(crate) ghost: bool,
    /// A node that was stopped answers again by itself, this long after its end.
    pub(crate) haunts: Option<Duration>,
    /// Every node is its own peer.
    pub(crate) lists_itself: bool,
    /// A node that gives its peers once, and then never answers again.
    pub(crate) hangs: Option<&'static str>,
    /// A node that never answers again once it was frozen.
    pub(crate) stays_silent: Option<&'static str>,
    /// This node has no header.
    pub(crate) headless: Option<&'static str>,
    /// The fourth, fifth and sixth question about a node's state fail.
    pub(crate) blinks: bool,
    /// Of this node so many looks, from the fourth on, find that somebody has removed what it runs in.
    pub(crate) disturbed: Option<(&'static str, u32)>,
    /// The engine says nothing of this node (`*`: of none) before this, from its first question on.
    pub(crate) engine_at_work: Option<(&'static str, Duration)>,
    /// What the machine has run out of once nodes run.
    pub(crate) exhausted: Option<&'static str>,
    /// Nodes outlive teardown.
    pub(crate) keeps: bool,
    /// Teardown fails.
    pub(crate) leaks: bool,
    /// Teardown never ends.
    pub(crate) stuck: bool,
    /// How a node ends that is asked to: code and signal, else code 0.
    pub(crate) ends_with: Option<(Option<i64>, Option<i64>)>,
    /// Nodes are foreign ones.
    pub(crate) foreign: bool,
    /// `rpc_methods` is answered with this error.
    pub(crate) methods_error: Option<i32>,
    /// `system_peers` is answered for half a second, then denied.
    pub(crate) withdraws: bool,
    /// A request with several calls is refused.
    pub(crate) no_batches: bool,
    /// Whoever dials a node gets this error of the kernel's.
    pub(crate) dials_fail: Option<i32>,
    /// How much memory each node is said to use; not written: nobody can say.
    pub(crate) memory: Option<u64>,
    /// `hegemon_peerList` and `system_localPeerId` are offered; a node that was started again lists
    /// nobody if it has forgotten.
    pub(crate) lists_sessions: Option<Memory>,
    /// An answer takes so long.
    pub(crate) takes: Option<Duration>,
    /// Of so many requests one is answered, the others are refused for now.
    pub(crate) grants_one_in: Option<u64>,
    /// Nobody answers before this, from the network's beginning.
    pub(crate) answers_after: Option<Duration>,
    /// All say that they are this peer.
    pub(crate) identity: Option<&'static str>,
    /// So many questions for it are lost, of all nodes together.
    pub(crate) identities_lost: u32,
    /// This node's `system_health.peers` is `null`.
    pub(crate) nulls: Option<&'static str>,
    /// What a node does that is started while somebody else holds a port of it.
    pub(crate) without_its_port: Without,
    /// The network has addresses of its own, and what the node `villain` reports there.
    pub(crate) villain: Option<Villain>,
}

/// What a node makes of a port that it does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Without {
    /// It ends.
    #[default]
    Ends,
    /// It logs that, and goes on.
    Says,
    /// The same the first time, and later it goes on without a word.
    SaysOnce,
    /// It goes on.
    IsSilent,
}

/// What an adversary reports once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Villain {
    /// More every time.
    Attacks,
    /// The same, a hundred times as often.
    Floods,
    /// Nothing was done.
    Idles,
    /// The same every time.
    Stops,
    /// Nothing at all: it ends with code 1 after a while.
    Ends,
}

/// What a node that is started again knows of its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// All but the seed, and it dials them.
    Keeps,
    /// Nobody, and nobody tells it.
    Loses,
    /// Nobody, and the seed tells it.
    IsTold,
}
