//! Flags of `compare`.

use std::path::PathBuf;

use clap::Args;
use harness_core::compare::asked::MOST_RUNS;

use super::{
    choice::{NetworkArg, ProviderChoice},
    common::{LibraryArgs, NodeArgs, parse_factor},
    gate,
};

pub(super) const CODES: &str = "\
B is held against A. Everything that is said holds together with 95 % confidence; a difference that
is not found is said with the largest that remains possible, and with the smallest that so many runs
would have found.

Exit codes:
  0   B is worse in nothing
  1   B is worse in something
  2   nothing can be said: too few runs
  3   environment: it could not run, a revision does not build
  64  usage: flag, no such build or revision, bad scenario
  130, 143  interrupted, after clean-up; --resume goes on";

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two builds, A and B: each a file that is there, or else an image reference (for --provider
    /// docker)
    #[arg(num_args = 2, value_names = ["A", "B"], required_unless_present_any = ["resume", "rev"])]
    pub(crate) builds: Vec<String>,

    /// Two git revisions of this workspace instead, built in worktrees that are gone afterwards
    #[arg(long, value_name = "A..B", conflicts_with_all = ["builds", "resume"])]
    pub(crate) rev: Option<String>,

    /// Go on with a comparison that was interrupted or killed, from its own directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["builds", "out", "seed", "runs", "timeout_factor", "node_profile", "network", "provider", "folder", "scenario", "dry_run"])]
    pub(crate) resume: Option<PathBuf>,

    /// In which scenarios: shipped names or paths, several times for several; more of them take more
    /// runs [default: three-node]
    #[arg(short, long, value_name = "NAME|PATH")]
    pub(crate) scenario: Vec<PathBuf>,

    /// Runs of each build in each scenario
    #[arg(short = 'n', long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=MOST_RUNS))]
    pub(crate) runs: u64,

    /// Say what it takes, and start nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Folder for the comparison's own directory
    #[arg(long, value_name = "DIR", default_value = "comparisons")]
    pub(crate) out: PathBuf,

    /// Keep the bundles of passing runs, not only their digests
    #[arg(long)]
    pub(crate) keep_all: bool,

    /// Where nodes run
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(crate) provider: ProviderChoice,

    /// What kind of node both are, as `scenario` takes it [default: what each says that it is]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) node_profile: Option<String>,

    /// Where processes live, as `scenario` takes it
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) network: Option<NetworkArg>,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// Multiply every `within` and the scenarios' timeouts, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,

    /// Every run's seed follows from this; A and B have the same [default: drawn once, and recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl CompareArgs {
    /// What both builds have in common.
    pub(crate) fn node(&self) -> NodeArgs {
        NodeArgs {
            node_profile: self.node_profile.clone(),
            network: self.network,
            ..NodeArgs::default()
        }
    }

    /// What each run is told, as `harness scenario` takes it.
    pub(crate) fn for_each_run(&self) -> Vec<String> {
        gate::for_each_run(&self.node(), self.provider, &self.library, self.timeout_factor)
    }
}
