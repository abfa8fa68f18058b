//! `image`.

use std::path::PathBuf;

use clap::Args;

pub(super) const CODES: &str = "\
The image stays until `docker rmi`; one that has its name already loses that.

Exit codes:
  0   the engine has it
  3   no engine, or no node that it can run
  64  usage: no name of an image
  130, 143  interrupted";

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// What it is called
    #[arg(value_name = "NAME[:TAG]", default_value = "localhost/hegemon-node:latest")]
    pub(crate) reference: String,

    /// Of this program instead of this workspace's node
    #[arg(long, value_name = "PATH")]
    pub(crate) node_bin: Option<PathBuf>,
}
