//! Checks: pure functions from recorded observations to a decision. No clock, no network: the same
//! history gives the same finding.
//!
//! One rule for all of them (`hold`): a condition passes when it holds for all named nodes at once
//! for the whole of `for`, with at least three fresh samples of each in that span, and before the
//! deadline. `no-stall` and `resources` are about a window as a whole and pass at its end. Heights
//! are no exception: a height that rose must stay risen for `for`, so a reorganisation downwards
//! breaks the span.
//!
//! A check is one file: its keys with how they are read and validated, what it needs, its
//! judgement, the words that people read, and its negative controls. `harness explain` prints them.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`alive`], [`block_time`], [`catches_up`], [`command`], [`converged`], [`dials`], [`distinct_peers`], [`fork_seen`], [`height_advances`], [`identity_stable`], [`log`], [`metric`], [`no_restart`], [`no_stall`], [`peers`], [`propagates`], [`recovers`], [`resources`], [`rpc`], [`same_chain`], [`same_genesis`], [`store_survives`], [`sync_truth`], [`topology`] | the checks |
//! | `registry` | makes them one closed type |
//! | `entry` | what there is to know of a check beside its judgement |
//! | `view` | what a check may look at, and what it may answer |
//! | `hashes` | what rounds of block hashes say |
//! | `pattern` | a regular expression, read |
//! | [`hold`], `rule` | since when a condition has held, and what follows from that |

pub mod alive;
pub mod block_time;
pub mod catches_up;
pub mod command;
pub mod converged;
pub mod dials;
pub mod distinct_peers;
mod entry;
pub mod fork_seen;
mod hashes;
pub mod height_advances;
pub mod hold;
pub mod identity_stable;
pub mod log;
pub mod metric;
pub mod no_restart;
pub mod no_stall;
mod pattern;
pub mod peers;
pub mod propagates;
pub mod recovers;
mod registry;
pub mod resources;
pub mod rpc;
mod rule;
pub mod same_chain;
pub mod same_genesis;
pub mod store_survives;
pub mod sync_truth;
pub mod topology;
mod view;

#[cfg(test)]
pub(crate) mod testing;

pub use entry::{COMMON, CheckEntry, Needs, When, Window};
pub(crate) use entry::{Context, Place};
use rule::{decide, decide_or_blame, fail, impossible, peers_in_words, per_node, wrong_answer};

pub use view::{FRESH, Judgement, UNKNOWN, View};

// In the order in which people read them.
registry::registry! {
    Peers = peers::Peers,
    HeightAdvances = height_advances::HeightAdvances,
    NoStall = no_stall::NoStall,
    BlockTime = block_time::BlockTime,
    Propagates = propagates::Propagates,
    SameChain = same_chain::SameChain,
    SameGenesis = same_genesis::SameGenesis,
    ForkSeen = fork_seen::ForkSeen,
    CatchesUp = catches_up::CatchesUp,
    SyncTruth = sync_truth::SyncTruth,
    Recovers = recovers::Recovers,
    Converged = converged::Converged,
    DistinctPeers = distinct_peers::DistinctPeers,
    Topology = topology::Topology,
    IdentityStable = identity_stable::IdentityStable,
    StoreSurvives = store_survives::StoreSurvives,
    Alive = alive::Alive,
    NoRestart = no_restart::NoRestart,
    Log = log::Log,
    Rpc = rpc::Rpc,
    Metric = metric::Metric,
    Dials = dials::Dials,
    Command = command::Command,
    Resources = resources::ResourceLimits,
}
