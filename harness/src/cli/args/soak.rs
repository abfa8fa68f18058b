//! Flags of `soak`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use harness_core::{document::parse_size, soak::Limits};

use super::{
    choice::ProviderChoice,
    common::{LibraryArgs, NodeArgs, parse_factor},
};

pub(super) const CODES: &str = "\
Exit codes:
  0   all of the time that was asked for lies in windows that passed, and no leak was found
  1   a window failed, something leaks or reached its limit, the chain stood still, a node was alone
  2   inconclusive: something was never measured, or what ran was not one build
  3   environment: window after window said nothing
  4   nothing ran: a fault that does not heal by itself, or that the provider cannot do
  64  usage: flag, bad scenario, no soak there
  70  a bug of the harness
  130, 143  interrupted, after clean-up, and what was seen is no failure; --resume goes on
Memory and descriptors are judged by the slope of a node's longest life: a leak is one whose interval
excludes zero and that reaches the limit within a week.";

/// Two months: more is a mistake.
const LONGEST: Duration = Duration::from_secs(60 * 86_400);

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// What each window goes through: a shipped scenario's name, or a path
    #[arg(required_unless_present = "resume", value_name = "SCENARIO")]
    pub(crate) scenario: Option<PathBuf>,

    /// How much time has to pass the windows' judgement
    #[arg(long = "for", required_unless_present = "resume", value_name = "DURATION", value_parser = parse_lasts)]
    pub(crate) lasts: Option<Duration>,

    /// How long a window is, at least: a scenario that takes longer makes it longer. From 1m on Docker, whose
    /// engine measures once a second
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_window)]
    pub(crate) window: Duration,

    /// Go on with a soak that was interrupted or killed, from its own directory, in a new network
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenario", "lasts", "window", "out", "seed", "timeout_factor", "node_image", "node_bin", "node_profile", "network", "provider", "folder", "memory_limit", "descriptor_limit", "log_limit", "fork_limit"])]
    pub(crate) resume: Option<PathBuf>,

    /// Folder for the soak's own directory
    #[arg(long, value_name = "DIR", default_value = "soaks")]
    pub(crate) out: PathBuf,

    /// Resident memory that no node may reach, now or within a week
    #[arg(long, value_name = "SIZE", default_value = "2 GiB", value_parser = parse_size)]
    pub(crate) memory_limit: u64,

    /// Open descriptors that no node may reach, now or within a week
    #[arg(long, value_name = "N", default_value = "1024", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) descriptor_limit: u64,

    /// Size that no node's log may reach, now or within a week
    #[arg(long, value_name = "SIZE", default_value = "10 GiB", value_parser = parse_size)]
    pub(crate) log_limit: u64,

    /// Blocks from the tip down that nodes may disagree, at most
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) fork_limit: u64,

    /// Where nodes run
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(crate) provider: ProviderChoice,

    #[command(flatten)]
    pub(crate) node: NodeArgs,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// Multiply every `within` and the scenario's timeout, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,

    /// Every window's storm follows from this [default: drawn once, and recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Every fault and check, too, not only windows
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,
}

impl SoakArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory: self.memory_limit,
            descriptors: self.descriptor_limit,
            log: self.log_limit,
            fork: self.fork_limit,
        }
    }
}

fn parse_lasts(text: &str) -> Result<Duration, String> {
    between(text, Duration::from_secs(10), LONGEST, "from 10s to 60d")
}

/// Evidence is rotated by windows: one of an hour and ten nodes is a tenth of what all of it may be.
fn parse_window(text: &str) -> Result<Duration, String> {
    between(text, Duration::from_secs(5), Duration::from_secs(3600), "from 5s to 1h")
}

fn between(text: &str, least: Duration, most: Duration, words: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    match (least..=most).contains(&duration) {
        true => Ok(duration),
        false => Err(words.to_owned()),
    }
}
