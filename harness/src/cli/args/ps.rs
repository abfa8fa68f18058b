//! `ps`.

use clap::Args;

use super::choice::Format;

pub(super) const CODES: &str = "\
States:
  running    its harness lives; nothing of it is ever removed
  kept       its nodes were left running with --keep
  dead       its harness is gone: `harness gc` removes what is left
  elsewhere  made on another host, or in another container
  unknown    nothing says who made it (an older harness)

Exit codes:
  0   listed
  3   the engine does not list what it has";

#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// How to list them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
