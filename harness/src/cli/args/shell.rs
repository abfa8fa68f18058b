//! Flags of `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub(super) const COMPLETIONS_CODES: &str = "\
In a shell's own words:
  bash   source <(harness completions bash)
  zsh    harness completions zsh > \"${fpath[1]}/_harness\"
  fish   harness completions fish > ~/.config/fish/completions/harness.fish

Exit codes:
  0   printed
  64  usage: flag, no such shell";

pub(super) const MAN_CODES: &str = "\
To read it at once: harness man | man -l -

Exit codes:
  0   printed or written
  3   they cannot be written
  64  usage: flag";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages of all verbs into this folder instead; older ones are replaced
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
