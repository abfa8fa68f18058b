//! Which act comes next: one whose proof can be had, and after which what is asked must hold.

use super::{acts::Act, dice::Dice, stage::Stage};
use crate::fault::Capability;

/// One that can be done now. `last`: nothing comes after it.
pub(super) fn draw(stage: &Stage, last: bool, dice: &mut Dice) -> Act {
    let possible: Vec<Act> =
        Act::ALL.into_iter().filter(|act| is_possible(*act, stage, last)).collect();
    dice.pick(&possible).copied().unwrap_or(Act::Bounce("restart"))
}

fn is_possible(act: Act, stage: &Stage, last: bool) -> bool {
    let can = |what: Capability| stage.place.can(what);
    match act {
        Act::Bounce(_)
        | Act::Down(_)
        | Act::Pause
        | Act::Freeze
        | Act::Line(_)
        | Act::Cut(_)
        | Act::Wipe
        | Act::Limit
        | Act::Storm
        | Act::Hostile => true,
        Act::Join => false,
        // Without its address book and with a name that leads to itself a seed knows nobody.
        Act::Corrupt => !stage.renamed,
        Act::Leave => last && !stage.leavers().is_empty(),
        Act::Clock => !stage.skewed && stage.lone_miner().is_some(),
        Act::OccupyPort => can(Capability::Occupy),
        Act::Rename => {
            can(Capability::Names)
                && stage.network.by_name
                && !stage.renamed
                && !stage.network.named_seeds().is_empty()
        }
        Act::Overlap => stage.up.len() > 2,
        Act::Beside => !stage.leavers().is_empty(),
    }
}
