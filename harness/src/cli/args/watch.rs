//! Flags of `watch`.

use clap::Args;

pub(super) const CODES: &str = "\
Keys: arrows choose a node; x kills it, r restarts it, p pauses it and lets it go on.
In a network of containers, i cuts it off from all other nodes and joins it again.
q leaves the screen, waits for what was begun, and all goes on as it is.
Nothing can be done to a run in progress: that would be no run of its scenario.

Exit codes:
  0   left
  3   the terminal cannot be drawn on, or what is watched cannot be read
  64  usage: no such run, several and none named, or no terminal
  70  a bug of the harness";

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Which run or kept network, as `harness ps` names it [default: the only one on this host]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}
