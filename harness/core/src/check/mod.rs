//! Checks: pure functions from recorded observations to a decision. No clock, no network: the same
//! history gives the same finding.
//!
//! One rule for all of them (`hold`): a condition passes when it holds for all named nodes at once
//! for the whole of `for`, with at least three fresh samples of each in that span, and before the
//! deadline. `no-stall` and `resources` are about a window as a whole and pass at its end. Heights
//! are no exception: a height that rose must stay risen for `for`, so a reorganisation downwards
//! breaks the span.
//!
//! | check | passes when | missing data | negative control |
//! | --- | --- | --- | --- |
//! | `peers` | both counts of peers say so, and are possible | fails | discovery off |
//! | `height-advances` | height ≥ first fresh height after the start + `by` | fails | nobody mines |
//! | `same-chain` | one hash at one height, everywhere | fails | a fork |
//! | `recovers` | the drop was seen, and then its conditions held | fails; no drop: inconclusive | a fault that does nothing |
//! | `no-stall` | the window is over, every node had a new height in it, and no gap was too long | silence is a gap; not asked: inconclusive | nobody mines |
//! | `converged` | `peers` with min(`target`, nodes − 1) | fails | discovery off |
//! | `distinct-peers` | enough distinct IDs in `system_peers` | fails; not offered: inconclusive | discovery off |
//! | `store-survives` | restarted nodes dial whom they knew before anybody could tell them | fails; not offered, or told: inconclusive | a wiped store |
//! | `resources` | the window is over, and nothing was above | inconclusive | a limit below what a node uses |
//! | `alive` | the engine says that it runs | fails | a node that exits |

pub mod alive;
mod controls;
pub mod converged;
pub mod distinct_peers;
pub mod height_advances;
pub mod hold;
mod kind;
pub mod no_stall;
pub mod peers;
pub mod recovers;
pub mod resources;
mod rule;
pub mod same_chain;
pub mod store_survives;
mod view;

#[cfg(test)]
pub(crate) mod testing;

pub use controls::CHECKS;
pub use kind::CheckKind;
use rule::{decide, decide_or_blame, fail, per_node, wrong_answer};

pub use view::{FRESH, FaultSpan, Judgement, View};
