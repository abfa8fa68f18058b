//! Flags of `generate`.

use std::{ops::Range, path::PathBuf};

use clap::{Args, ValueEnum};
use harness_core::generate::{
    Where,
    asked::{FEWEST_NODES, MOST_FAULTS, MOST_NODES},
};

use super::{
    LibraryArgs,
    choice::ProviderChoice,
    common::{NodeArgs, parse_factor},
    gate,
};

pub(super) const CODES: &str = "\
A generated scenario asks only for what every network of healthy nodes must do, so a failure is the
node's, or a mistake of the generator. The same seed and limits give the same text on any machine.

Exit codes, without --run:
  0   printed or written
  3   it cannot be written there
  64  usage
With --run those of `scenario`, over all that ran; 130 and 143 after clean-up, and --resume goes on.";

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The scenario of this seed
    #[arg(long, value_name = "N", required_unless_present_any = ["seeds", "resume"])]
    pub(crate) seed: Option<u64>,

    /// The scenarios of these seeds: 0..200 are two hundred, 0 to 199
    #[arg(long, value_name = "FROM..TO", value_parser = parse_seeds, conflicts_with = "seed")]
    pub(crate) seeds: Option<Range<u64>>,

    /// At most so many nodes
    #[arg(long, value_name = "MAX", default_value = "8", value_parser = clap::value_parser!(u32).range(i64::from(FEWEST_NODES)..=i64::from(MOST_NODES)))]
    pub(crate) nodes: u32,

    /// At most so many faults
    #[arg(long, value_name = "MAX", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_FAULTS)))]
    pub(crate) faults: u32,

    /// Where it is to run: only faults that can be done there are drawn
    #[arg(long, value_enum, default_value_t = PlaceArg::Process)]
    pub(crate) provider: PlaceArg,

    /// Folder for `generated-N.toml`, or `-` for standard output; with --run, for the night's own
    /// directory [default: standard output; with --run `generated`]
    #[arg(long, value_name = "DIR|-")]
    pub(crate) out: Option<PathBuf>,

    /// Run them, keep the bundles of those that do not pass, and show a table at the end
    #[arg(long)]
    pub(crate) run: bool,

    /// Go on with runs that were interrupted or killed, from their own directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["seed", "seeds", "nodes", "faults", "provider", "out", "run", "node_bin", "node_image", "node_profile", "network", "timeout_factor"])]
    pub(crate) resume: Option<PathBuf>,

    /// Runs beside each other
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,

    /// Keep the bundles of passing runs, too
    #[arg(long)]
    pub(crate) keep_all: bool,

    #[command(flatten)]
    pub(crate) node: NodeArgs,

    /// Multiply every `within` and the scenarios' timeouts, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,
}

/// Where generated scenarios run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlaceArg {
    Process,
    Docker,
}

impl PlaceArg {
    pub(crate) fn place(self) -> Where {
        match self {
            Self::Process => Where::Process,
            Self::Docker => Where::Docker,
        }
    }
}

impl GenerateArgs {
    /// What each run is told, as `harness scenario` takes it.
    pub(crate) fn for_each_run(&self) -> Vec<String> {
        let provider = match self.provider {
            PlaceArg::Process => ProviderChoice::Process,
            PlaceArg::Docker => ProviderChoice::Docker,
        };
        for_each_run(&self.node, provider, self.timeout_factor)
    }
}

/// Flags of `harness scenario` for a scenario that is a file.
pub(crate) fn for_each_run(
    node: &NodeArgs,
    provider: ProviderChoice,
    timeout_factor: f64,
) -> Vec<String> {
    gate::for_each_run(node, provider, &LibraryArgs { folder: None }, timeout_factor)
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| {
        let range = from.parse::<u64>().ok()?..to.parse::<u64>().ok()?;
        (!range.is_empty()).then_some(range)
    });
    range.ok_or_else(|| "FROM..TO, like 0..200, of which the last is 199".to_owned())
}
