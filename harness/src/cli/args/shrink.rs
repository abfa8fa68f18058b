//! Flags of `shrink`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    choice::ProviderChoice,
    common::{NodeArgs, parse_factor},
};

pub(super) const CODES: &str = "\
Left out are phases, faults, checks, nodes, seeds and variables, and outages are made shorter; windows
are not, and nothing without which the rest would fail by itself. The same reason is the same check at
the same place with the same words, whatever the numbers and nodes in them, but exit codes and signals.

Exit codes:
  0   the smallest is written: nothing smaller fails, or the budget is over
  2   it did not fail again for that reason in --tries runs
  3   environment: it cannot be run again, or nothing can be written; 4, 70 as for `scenario`
  64  usage: no bundle of a failed run (exit code 1), or one that does not verify
  130, 143  interrupted, after clean-up; the smallest so far is written";

#[derive(Debug, Args)]
pub(crate) struct ShrinkArgs {
    /// The directory of a run that failed
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,

    /// Runs of each smaller scenario before it is given up: one that fails by chance takes several
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) tries: u32,

    /// Begin no further run after this
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) budget: Option<Duration>,

    /// Folder in which it makes a directory of its own
    #[arg(long, value_name = "DIR", default_value = "shrunk")]
    pub(crate) out: PathBuf,

    /// Where nodes run [default: where they ran]
    #[arg(long, value_enum)]
    pub(crate) provider: Option<ProviderChoice>,

    /// Multiply every `within` and the timeout: with less than it was a run takes less time, and may fail
    /// because of it [default: as it was]
    #[arg(long, value_name = "F", value_parser = parse_factor)]
    pub(crate) timeout_factor: Option<f64>,

    /// What is run instead of what was run
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}
