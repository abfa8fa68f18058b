//! Flags of `gate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

use super::{
    choice::ProviderChoice,
    common::{LibraryArgs, NodeArgs, parse_factor},
};

pub(super) const CODES: &str = "\
Exit codes:
  0   accepted: every scenario is good enough, with the stated confidence
  1   rejected
  2   undecided: the budget was over before
  3   environment: it mostly could not run
  64  usage: flag, bad gate file, bad scenario
  130, 143  interrupted, after clean-up; --resume goes on";

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The gate: scenarios, the share of runs that must pass, how sure it has to be
    #[arg(required_unless_present = "resume", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Go on with a gate that was interrupted or killed, from its own directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "out", "seed", "timeout_factor", "node_image", "node_bin", "node_profile", "network", "provider", "folder"])]
    pub(crate) resume: Option<PathBuf>,

    /// Say what it takes, and start nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Folder for the gate's own directory
    #[arg(long, value_name = "DIR", default_value = "gates")]
    pub(crate) out: PathBuf,

    /// Runs beside each other; lowered when runs say nothing because the machine is too busy
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,

    /// Keep the bundles of passing runs, not only their digests
    #[arg(long)]
    pub(crate) keep_all: bool,

    /// Where nodes of scenarios run for which the file does not say it
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(crate) provider: ProviderChoice,

    #[command(flatten)]
    pub(crate) node: NodeArgs,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// Multiply every `within` and the scenarios' timeouts, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,

    /// Every run's seed follows from this [default: drawn once, and recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl GateArgs {
    /// What each run is told, as `harness scenario` takes it.
    pub(crate) fn for_each_run(&self) -> Vec<String> {
        let ours = self.node.source().is_none();
        let node = NodeArgs { release: ours, ..self.node.clone() };
        for_each_run(&node, self.provider, &self.library, self.timeout_factor)
    }
}

/// Flags of `harness scenario`.
pub(super) fn for_each_run(
    node: &NodeArgs,
    provider: ProviderChoice,
    library: &LibraryArgs,
    timeout_factor: f64,
) -> Vec<String> {
    let mut arguments: Vec<String> =
        node.release.then(|| "--release".to_owned()).into_iter().collect();
    let mut say = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            arguments.extend([flag.to_owned(), value]);
        }
    };
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
    };
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned())
    };
    say("--node-image", node.node_image.clone());
    say("--node-bin", node.node_bin.as_ref().map(absolute));
    say("--node-profile", node.node_profile.clone());
    say("--network", word(node.network.and_then(|network| network.to_possible_value())));
    if provider != ProviderChoice::Auto {
        say("--provider", word(provider.to_possible_value()));
    }
    say("--scenarios", library.folder.as_ref().map(absolute));
    if timeout_factor != 1.0 {
        say("--timeout-factor", Some(timeout_factor.to_string()));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        gate: GateArgs,
    }

    #[test]
    fn a_node_of_our_own_is_judged_as_it_is_released() {
        let told = |words: &[&str]| Words::parse_from(words).gate.for_each_run();
        assert_eq!(told(&["gate", "release.toml"]), ["--release"]);
        assert_eq!(told(&["gate", "release.toml", "--node-bin", "/x"]), ["--node-bin", "/x"]);
        assert_eq!(told(&["gate", "release.toml", "--node-image", "x"]), ["--node-image", "x"]);
    }
}
