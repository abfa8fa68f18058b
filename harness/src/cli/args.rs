//! Flags and verbs, as `--help` shows them.

mod attach;
mod choice;
mod common;
mod compare;
mod doctor;
mod export;
mod gate;
mod gc;
mod generate;
mod hidden;
mod image;
mod init;
mod list;
mod network;
mod report;
mod shell;
mod show;
mod shrink;
mod soak;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use harness_core::{bundle::Sha256Hex, record::Asked};
use serde_json::Value;

pub(super) use attach::AttachArgs;
pub(crate) use choice::{Format, NetworkArg, ProviderChoice};
use common::parse_factor;
pub(super) use common::{LibraryArgs, NodeArgs};
pub(super) use compare::CompareArgs;
pub(super) use doctor::DoctorArgs;
pub(super) use export::{ExportArgs, Tool};
pub(super) use gate::GateArgs;
pub(super) use gc::{GcArgs, PsArgs};
pub(super) use generate::{GenerateArgs, for_each_run};
pub(super) use hidden::{KeeperArgs, ReaperArgs, WatchdogArgs};
pub(super) use image::ImageArgs;
pub(super) use init::{Ci, InitArgs};
pub(super) use list::ListArgs;
pub(super) use network::{DownArgs, LogsArgs, RpcArgs, UpArgs};
pub(super) use report::ReportArgs;
pub(super) use shell::{CompletionsArgs, ManArgs};
pub(super) use show::ShowArgs;
pub(super) use shrink::ShrinkArgs;
pub(super) use soak::SoakArgs;
pub(super) use watch::WatchArgs;

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

const VALIDATE_CODES: &str = "\
Exit codes:
  0   every file is good (warnings are shown)
  64  at least one is refused, or is not there";

const EXPLAIN_CODES: &str = "\
Exit codes:
  0   explained
  64  nothing has such a name";

const SELFTEST_CODES: &str = "\
Exit codes:
  0   every control said what it must
  1   at least one did not: do not believe this harness here
  3   environment: no engine, a binary that does not start, a full disk
  64  no control has such a name
  130, 143  interrupted, after clean-up";

const VERIFY_CODES: &str = "\
Exit codes (the bundle's own verdict is printed, and is no exit code here):
  0   the bundle is whole, and its verdict follows from its events
  1   it was changed or is incomplete, or its verdict does not follow
  64  usage: flag, or no bundle there";

const RERUN_CODES: &str = "\
Exit codes: those of `scenario`, for the new run. Nothing runs and the code is
  64  if there is no bundle there, if it does not verify (unless --unverified),
      or if what was overridden does not fit its scenario";

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
    /// Write a first scenario, a gate and a CI job into a repository
    #[command(after_help = init::CODES)]
    Init(InitArgs),
    /// Look at nodes that run already, and change nothing: only safe reads, few in a second
    #[command(after_help = attach::CODES)]
    Attach(AttachArgs),
    /// List the shipped scenarios: name and description
    #[command(after_help = list::CODES)]
    List(ListArgs),
    /// Check scenario files strictly: all errors at once, nothing is started
    #[command(after_help = VALIDATE_CODES)]
    Validate(ValidateArgs),
    /// Explain a check, a fault or node profiles in full, or list them: keys, controls, examples
    #[command(after_help = EXPLAIN_CODES)]
    Explain(ExplainArgs),
    /// Print a JSON Schema of scenario files, for editors
    Schema,
    /// Make every check and every fault fail for its own reason, on real nodes, and say whether
    /// each did
    #[command(after_help = SELFTEST_CODES)]
    Selftest(SelftestArgs),
    /// Derive a run's verdict again from its evidence alone, and say what does not fit
    #[command(after_help = VERIFY_CODES)]
    Verify(VerifyArgs),
    /// Show runs on one page: their reports, or several of them beside each other
    #[command(after_help = report::CODES)]
    Report(ReportArgs),
    /// Run a recorded plan again: the same scenario text, seed, node, provider and timeouts
    #[command(alias = "replay", after_help = RERUN_CODES)]
    Rerun(RerunArgs),
    /// Run scenarios until it can be said, with stated confidence, whether a build is good enough
    #[command(after_help = gate::CODES)]
    Gate(GateArgs),
    /// Run two builds in turns, and say in what one is better, worse, or not different by more than what
    #[command(after_help = compare::CODES)]
    Compare(CompareArgs),
    /// Keep one network up, through storms, and judge it window by window: pace, forks, peers, leaks
    #[command(after_help = soak::CODES)]
    Soak(SoakArgs),
    /// Make scenarios from seeds, and run them: random networks and faults, and what must hold for any
    #[command(after_help = generate::CODES)]
    Generate(GenerateArgs),
    /// Make the scenario of a failed run smaller, while it still fails for the same reason
    #[command(after_help = shrink::CODES)]
    Shrink(ShrinkArgs),
    /// Look at this machine before a run: engine, networks, limits, disk; a remedy for what is amiss
    #[command(after_help = doctor::CODES)]
    Doctor(DoctorArgs),
    /// Start a network that stays, to develop against: a seed and nodes beside it
    #[command(after_help = network::UP_CODES)]
    Up(UpArgs),
    /// Remove a network that stayed
    #[command(after_help = network::DOWN_CODES)]
    Down(DownArgs),
    /// Ask a node of a network that stayed, and print its answer
    #[command(after_help = network::ASK_CODES)]
    Rpc(RpcArgs),
    /// Show what the nodes of a network that stayed have logged
    #[command(after_help = network::ASK_CODES)]
    Logs(LogsArgs),
    /// Look at a run in progress or a network that stayed, on the whole screen, and act on its nodes by hand
    #[command(after_help = watch::CODES)]
    Watch(WatchArgs),
    /// Put a node as an image on the Docker engine, for tools that start containers themselves
    #[command(after_help = image::CODES)]
    Image(ImageArgs),
    /// Print a scenario's network for other tools: a compose file, or objects of Kubernetes
    #[command(after_help = export::CODES)]
    Export(ExportArgs),
    /// List the runs on this host: running, kept, and what dead ones have left
    #[command(after_help = gc::PS_CODES)]
    Ps(PsArgs),
    /// Remove what dead runs have left on this host
    #[command(after_help = gc::GC_CODES)]
    Gc(GcArgs),
    /// Print what completes this command line in a shell
    #[command(after_help = shell::COMPLETIONS_CODES)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one of each verb
    #[command(after_help = shell::MAN_CODES)]
    Man(ManArgs),
    /// Wait for the harness's end and remove what it left
    #[command(hide = true)]
    Watchdog(WatchdogArgs),
    /// Hold the network namespaces of a run
    #[command(hide = true)]
    KeepNetworks(KeeperArgs),
    /// Execute a program of the user's, and end all that it starts
    #[command(hide = true)]
    Reap(ReaperArgs),
    /// Do what is ordered in the network of this container
    #[command(hide = true)]
    HelpInNetwork,
}

#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// A shipped scenario's name, or the path of a scenario file or of its folder. A plain word is
    /// a shipped name first; write ./word for a file or folder here. `all`: every shipped scenario,
    /// shorter ones first
    #[arg(required_unless_present = "tag", value_name = "NAME|PATH|all")]
    pub(super) scenarios: Vec<PathBuf>,

    /// Only scenarios with this tag; without a name, all shipped ones that have it
    #[arg(long, value_name = "WORD")]
    pub(super) tag: Option<String>,

    #[command(flatten)]
    pub(super) library: LibraryArgs,

    /// Where nodes run; auto takes Docker when an engine answers (found as the Docker command line
    /// finds it), else processes, and says which and why
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(super) provider: ProviderChoice,

    #[command(flatten)]
    pub(super) node: NodeArgs,

    /// Number of non-seed nodes, if the scenario has one group of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) nodes: Option<u32>,

    /// Folder in which each run makes a new directory for its evidence
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,

    /// Leave the nodes running at the end, and say how to reach and remove them
    #[arg(long)]
    pub(super) keep: bool,

    /// Record each node's memory and processor time every second, also where no check needs it
    #[arg(long)]
    pub(super) measure: bool,

    /// Multiply every `within` and the scenarios' timeouts, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(super) timeout_factor: f64,

    /// Everything that a run draws at random follows from this: storms, and where files are damaged
    /// [default: drawn once, and recorded]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    #[command(flatten)]
    pub(super) show: ShowArgs,
}

impl ScenarioArgs {
    /// For a plan that is made already; nothing else is asked for.
    pub(super) fn of_a_plan(
        provider: ProviderChoice,
        node: NodeArgs,
        out: PathBuf,
        timeout_factor: f64,
    ) -> Self {
        Self {
            scenarios: Vec::new(),
            tag: None,
            library: LibraryArgs { folder: None },
            provider,
            node,
            nodes: None,
            out,
            keep: false,
            measure: false,
            timeout_factor,
            seed: None,
            show: ShowArgs::default(),
        }
    }

    /// For the evidence.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            provider: self.provider.name(),
            profile: self.node.node_profile.clone(),
            network: self.node.network.and_then(NetworkArg::name),
            keep: self.keep,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A check or fault, or `profile`; without one, all are listed
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Scenario files, their folders, or shipped names
    #[arg(required = true, value_name = "PATH")]
    pub(super) scenarios: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) library: LibraryArgs,
}

#[derive(Debug, Args)]
pub(super) struct SelftestArgs {
    /// Only controls whose name has one of these words in it [default: all]
    #[arg(value_name = "WORD")]
    pub(super) names: Vec<String>,

    /// Show the controls' names and start nothing
    #[arg(long)]
    pub(super) list: bool,

    /// Where nodes run
    #[arg(long, value_enum, default_value_t = ProviderChoice::Process)]
    pub(super) provider: ProviderChoice,

    #[command(flatten)]
    pub(super) node: NodeArgs,

    /// Controls at once, each a network of three mining nodes
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: u8,

    /// Folder in which each control makes a new directory for its evidence
    #[arg(long, value_name = "DIR", default_value = "runs/selftest")]
    pub(super) out: PathBuf,

    /// Multiply every `within`, for slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(super) timeout_factor: f64,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// A run's directory
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: PathBuf,

    /// The digest that the run printed, known from elsewhere: whoever can rewrite every file can
    /// make another bundle that fits together
    #[arg(long, value_name = "HEX", value_parser = parse_digest)]
    pub(super) expect_digest: Option<Sha256Hex>,

    /// Text for people, or one JSON object a line: problems first, then what the bundle says
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct RerunArgs {
    /// A run's directory
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: PathBuf,

    /// Run it again even if it does not verify
    #[arg(long)]
    pub(super) unverified: bool,

    /// Where nodes run [default: where they ran]
    #[arg(long, value_enum)]
    pub(super) provider: Option<ProviderChoice>,

    /// What is run instead of what was run
    #[command(flatten)]
    pub(super) node: NodeArgs,

    /// Multiply every `within` and the timeout [default: as it was]
    #[arg(long, value_name = "F", value_parser = parse_factor)]
    pub(super) timeout_factor: Option<f64>,

    /// Folder in which the run makes a new directory for its evidence
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,

    /// Leave the nodes running at the end, and say how to reach and remove them
    #[arg(long)]
    pub(super) keep: bool,

    #[command(flatten)]
    pub(super) show: ShowArgs,
}

impl RerunArgs {
    /// The flags of `scenario` that make the recorded run again.
    pub(super) fn as_scenario(
        &self,
        (asked, facts): (&Asked, &Value),
        timeout_factor: f64,
        seed: u64,
    ) -> ScenarioArgs {
        let node = NodeArgs {
            node_profile: asked.profile.clone(),
            network: NetworkArg::again(self.node.network, asked),
            ..self.node.clone()
        };
        let provider = ProviderChoice::again(self.provider, asked, facts);
        ScenarioArgs {
            keep: self.keep,
            seed: Some(seed),
            show: self.show,
            ..ScenarioArgs::of_a_plan(provider, node, self.out.clone(), timeout_factor)
        }
    }
}

/// As a run prints it.
fn parse_digest(text: &str) -> Result<Sha256Hex, String> {
    Sha256Hex::parse(text.as_bytes())
        .ok_or_else(|| "64 small hexadecimal digits, as a run and `verify` print them".to_owned())
}
