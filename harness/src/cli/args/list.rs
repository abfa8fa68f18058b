//! Flags of `list`.

use clap::Args;

use super::common::LibraryArgs;

pub(super) const CODES: &str = "\
Exit codes:
  0   listed
  64  the folder cannot be read";

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// The faults that a scenario may name instead, and what each needs of a provider
    #[arg(long)]
    pub(crate) faults: bool,
}
