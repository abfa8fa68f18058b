//! `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::choice::ProviderChoice;

pub(super) const CODES: &str = "\
A container is started on a network of its own, reached, and removed again: nothing else is changed.

Exit codes:
  0   a run could work; warnings say what may go wrong
  3   a run could not work: the lines that begin with BAD say why
  130, 143  interrupted, after clean-up";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Where nodes are to run
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(crate) provider: ProviderChoice,

    /// So many nodes are planned
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,

    /// Of this program instead of this workspace's node
    #[arg(long, value_name = "PATH")]
    pub(crate) node_bin: Option<PathBuf>,

    /// With their evidence here
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) out: PathBuf,

    /// One JSON array: subject, grade, what was seen, what to do
    #[arg(long)]
    pub(crate) json: bool,
}
