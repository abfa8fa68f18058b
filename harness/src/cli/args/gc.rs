//! Flags of `ps` and `gc`: what runs have left on this host.

use std::time::Duration;

use clap::Args;

use super::choice::Format;

pub(super) const PS_CODES: &str = "\
States:
  running    its harness lives; nothing of it is ever removed
  kept       its nodes were left running with --keep
  dead       its harness is gone: `harness gc` removes what is left
  elsewhere  made on another host, or in another container
  unknown    nothing says who made it (an older harness)

Exit codes:
  0   listed
  3   the engine does not list what it has";

pub(super) const GC_CODES: &str = "\
Only what carries the labels, the marker or the directory of a run is removed, and nothing of a run that is running.

Exit codes:
  0   removed, or nothing to remove
  3   something could not be removed, or a run that was named is running
  64  a run that was named is not there";

#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// How to list them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Remove these runs, whatever their age and whether kept, dead, elsewhere or unknown [default:
    /// every dead run]
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Leave runs that began less than this ago
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration, conflicts_with = "runs")]
    pub(crate) older_than: Duration,

    /// Remove kept runs, too
    #[arg(long, conflicts_with = "runs")]
    pub(crate) kept: bool,

    /// Remove what runs of other hosts or containers left on this engine, too: whether they live
    /// cannot be seen from here, so say how old they must be
    #[arg(long, conflicts_with = "runs", requires = "older_than")]
    pub(crate) elsewhere: bool,
}

impl GcArgs {
    /// Of these runs, whatever they are.
    pub(crate) fn of(runs: Vec<String>) -> Self {
        Self { runs, dry_run: false, older_than: Duration::ZERO, kept: false, elsewhere: false }
    }
}
