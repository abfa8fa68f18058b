//! Flags and verbs, as `--help` shows them.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::{provider::NodeProfile, scenario::Library};

const EXIT_CODES: &str = "\
Exit codes:
  0   every check passed
  1   a check failed, or a node did (exit, panic, silent or wrong RPC)
  2   inconclusive: a fault without proof, too few samples because of this machine
  3   environment: no engine, no image, a binary that does not start, a full disk
  4   nothing ran: the provider cannot do what the scenario needs
  64  usage: flag, unknown scenario, bad file
  70  a bug of the harness
  130, 143  interrupted, after clean-up
Over several scenarios the first of 1, 3, 2, 4, 0 that occurred.";

const LIST_CODES: &str = "\
Exit codes:
  0   listed
  64  the folder cannot be read";

const VALIDATE_CODES: &str = "\
Exit codes:
  0   every file is good (warnings are shown)
  64  at least one is refused, or is not there";

/// Starts a network of hegemon nodes, breaks it, and says with evidence whether it held.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run scenarios, one after another, and say whether they held
    #[command(after_help = EXIT_CODES)]
    Scenario(ScenarioArgs),
    /// List the shipped scenarios: name and description
    #[command(after_help = LIST_CODES)]
    List(ListArgs),
    /// Check scenario files strictly: all errors at once, nothing is started
    #[command(after_help = VALIDATE_CODES)]
    Validate(ValidateArgs),
}

#[derive(Debug, Args)]
pub(super) struct LibraryArgs {
    /// Folder with the shipped scenarios [default: the one of this workspace]
    #[arg(long = "scenarios", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl LibraryArgs {
    pub(super) fn library(&self) -> Library {
        Library::new(self.folder.clone())
    }
}

#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// A shipped scenario's name, or the path of a scenario file or of its folder. A plain word is a shipped name first; write ./word for a file or folder here
    #[arg(required = true, value_name = "NAME|PATH")]
    pub(super) scenarios: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) library: LibraryArgs,

    /// Where nodes run; auto takes Docker when an engine answers, else processes, and says which and why
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(super) provider: ProviderChoice,

    /// Run this image, with its own entrypoint, instead of this workspace's node
    #[arg(long, value_name = "REF", conflicts_with = "node_bin")]
    pub(super) node_image: Option<String>,

    /// Run this binary instead of this workspace's node
    #[arg(long, value_name = "PATH")]
    pub(super) node_bin: Option<PathBuf>,

    /// What a node may be given: everything (ours) or core flags and variables only (core) [default: what the node says that it is]
    #[arg(long, value_enum)]
    node_profile: Option<ProfileChoice>,

    /// Number of non-seed nodes, if the scenario has one group of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) nodes: Option<u32>,

    /// Folder in which each run makes a new directory for its evidence
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,

    /// Leave the nodes running at the end, and say how to reach and remove them
    #[arg(long)]
    pub(super) keep: bool,

    /// Multiply every `within` and the scenarios' timeouts, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(super) timeout_factor: f64,

    /// No line that moves, even on a terminal
    #[arg(long)]
    pub(super) no_progress: bool,

    /// Only the verdict
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Every sample of every node, too
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}

impl ScenarioArgs {
    pub(super) fn profile(&self) -> Option<NodeProfile> {
        self.node_profile.map(|profile| match profile {
            ProfileChoice::Ours => NodeProfile::Ours,
            ProfileChoice::Core => NodeProfile::Core,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) library: LibraryArgs,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Scenario files, their folders, or shipped names
    #[arg(required = true, value_name = "PATH")]
    pub(super) scenarios: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) library: LibraryArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProviderChoice {
    Auto,
    Docker,
    Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileChoice {
    Ours,
    Core,
}

/// A factor that keeps durations sane: above zero, and not more than a thousand.
fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor <= 1000.0 => Ok(factor),
        Ok(_) | Err(_) => Err("a number above 0, at most 1000".to_owned()),
    }
}
