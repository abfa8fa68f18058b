//! Checks: pure functions from recorded observations to a decision. No clock, no network: the same history gives the same finding.
//!
//! One rule for all of them (`hold`): a condition passes when it holds for all named nodes at once for the whole of `for`, with at least three fresh samples of each in that
//! span, and before the deadline. Heights are no exception: a height that rose must stay risen for `for`, so a reorganisation downwards breaks the span.
//!
//! | check | passes when | missing data | negative control |
//! | --- | --- | --- | --- |
//! | `peers` | both counts of peers say so, and are possible | fails | discovery off |
//! | `height-advances` | height ≥ first fresh height after the start + `by` | fails | nobody mines |
//! | `same-chain` | one hash at one height, everywhere | fails | a fork |
//! | `recovers` | the drop was seen, and then its conditions held | fails; no drop: inconclusive | a fault that does nothing |
//! | `alive` | the engine says that it runs | fails | a node that exits |

pub mod alive;
pub mod height_advances;
pub mod hold;
mod kind;
pub mod peers;
pub mod recovers;
mod rule;
pub mod same_chain;
mod view;

#[cfg(test)]
pub(crate) mod testing;

pub use kind::CheckKind;
pub(crate) use rule::short;
use rule::{decide, decide_or_blame, fail, per_node, wrong_answer};
pub use view::{FRESH, FaultSpan, Judgement, View};
