//! Faults: what is done to nodes, and the proof from outside that it happened, held and ended. Pure:
//! how it is done is the harness's.
//!
//! A fault is one file: its keys, its course, its proofs, the words that people read, and its
//! negative controls. `harness explain` prints them.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`restart`], [`stop`], [`start`], [`kill`], [`join`], [`leave`] | faults that end and start nodes |
//! | [`pause`], [`resume`] | faults that freeze them |
//! | [`isolate`], [`rejoin`], [`partition`], [`one_way`], [`degrade`], [`heal`] | faults of the lines between them |
//! | [`wipe`], [`corrupt`], [`upgrade`], [`clock`] | faults that change what nodes come back as |
//! | [`limit`], [`occupy_port`], [`rename`] | what they may use, which port they get, what a name means |
//! | [`hostile`] | adversaries that come |
//! | `registry` | makes them one closed type |
//! | `entry` | what there is to know of a fault beside its proofs |
//! | [`evidence`] | what the record says of nodes that should be down, or back |
//! | [`files`] | what it says of files that should be gone, or damaged |
//! | `frozen` | what it says of nodes that should be frozen, or thawed |
//! | [`lines`] | lines that are not open, and what a probe must see of it |
//! | `paths` | what the record says of ways that were tried |
//! | `timeline` | where every fault of a run is in its course; the run and `verify` share it |

pub mod clock;
pub mod corrupt;
pub mod degrade;
mod entry;
pub mod evidence;
pub mod files;
mod frozen;
pub mod heal;
pub mod hostile;
pub mod isolate;
pub mod join;
pub mod kill;
pub mod leave;
pub mod limit;
pub mod lines;
pub mod occupy_port;
pub mod one_way;
pub mod partition;
mod paths;
pub mod pause;
mod registry;
pub mod rejoin;
pub mod rename;
pub mod restart;
pub mod resume;
pub mod start;
pub mod stop;
mod timeline;
pub mod upgrade;
pub mod wipe;

pub use entry::{COMMON, Capability, Condition, Course, FaultEntry, NODES, Targets};
pub use timeline::{Planned, Refused, Timeline};

// In the order in which people read them.
registry::registry! {
    Restart = restart::Restart,
    Stop = stop::Stop,
    Start = start::Start,
    Kill = kill::Kill,
    Pause = pause::Pause,
    Resume = resume::Resume,
    Isolate = isolate::Isolate,
    Rejoin = rejoin::Rejoin,
    Partition = partition::Partition,
    OneWay = one_way::OneWay,
    Degrade = degrade::Degrade,
    Heal = heal::Heal,
    Join = join::Join,
    Leave = leave::Leave,
    Wipe = wipe::Wipe,
    Corrupt = corrupt::Corrupt,
    Upgrade = upgrade::Upgrade,
    Clock = clock::Clock,
    Limit = limit::Limit,
    OccupyPort = occupy_port::OccupyPort,
    Rename = rename::Rename,
    Hostile = hostile::Attack,
}
