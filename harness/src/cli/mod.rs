//! The command line: what the user asked for, turned into calls. Reads arguments and environment
//! once; the rest of the harness reads neither.
//!
//! | module | what it is |
//! | --- | --- |
//! | `args` | flags and verbs, as `--help` shows them |
//! | `scenario`, `rerun`, `selftest`, `gate`, `compare`, `soak`, `generate`, `shrink` | verbs that start nodes |
//! | `attach` | looks at nodes that run already |
//! | `network`, `ask` | a network to work with: up, down, its answers and logs |
//! | `watch` | a run or network on the whole screen |
//! | `list`, `validate`, `explain`, `verify`, `report` | verbs that start nothing |
//! | `export` | a scenario's network for other tools |
//! | `init` | a first scenario, gate and CI job in somebody's repository |
//! | `completions`, `man` | what shells and `man` read |
//! | `doctor` | what this host is like before a run |
//! | `image` | a node as an image, for other tools |
//! | `ps`, `gc`, `watchdog` | what runs have left on this host |
//! | `keeper`, `reaper` | works in nodes' networks, for a run; watches over a program of the user's |
//! | `output`, `screen`, `terminal`, `github` | where words go; what is drawn again and again; what is shown while a run goes on; what a GitHub job shows |
//! | `provider`, `profile`, `environment`, `signals` | what verbs share: where nodes run, what kind they are, what the environment says, what ends them |

mod args;
mod ask;
mod attach;
mod compare;
mod completions;
mod doctor;
mod environment;
mod explain;
mod export;
mod gate;
mod gc;
mod generate;
mod github;
mod image;
mod init;
mod keeper;
mod list;
mod man;
mod network;
mod output;
mod profile;
mod provider;
mod ps;
mod reaper;
mod report;
mod rerun;
mod scenario;
mod screen;
mod selftest;
mod shrink;
mod signals;
mod soak;
mod terminal;
mod validate;
mod verify;
mod watch;
mod watchdog;

#[cfg(test)]
#[path = "../../tests/support/screen.rs"]
#[expect(dead_code, reason = "every test program uses its own part")]
mod on_a_screen;

use std::{
    ffi::OsString,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use clap::Parser;
use harness_run::interrupt::Interrupt;

pub use args::Cli;
pub(crate) use args::ProviderChoice;
use args::Verb;
// For networks that a program starts instead of a command line.
pub(crate) use {
    environment::{environment, registry},
    provider::choose,
    scenario::no_provider,
};

use crate::provider::descriptors;
use harness_core::exit::ExitCode;

/// The whole program, from arguments to exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too; clap knows the right stream. A closed one
            // is no reason for another exit code.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Pass };
        }
    };
    descriptors::raise();
    guarded(|| dispatch(&cli))
}

/// A bug of ours has an exit code of its own. The panic itself was printed by the standard library's hook.
fn guarded(work: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(ExitCode::Bug)
}

fn dispatch(cli: &Cli) -> ExitCode {
    match &cli.verb {
        Verb::Scenario(args) => {
            interruptible(async |interrupt| scenario::run(args, interrupt).await)
        }
        Verb::Attach(args) => interruptible(async |interrupt| attach::run(args, interrupt).await),
        Verb::Selftest(args) => {
            interruptible(async |interrupt| selftest::run(args, interrupt).await)
        }
        Verb::Rerun(args) => interruptible(async |interrupt| rerun::run(args, interrupt).await),
        Verb::Gate(args) => interruptible(async |interrupt| gate::run(args, interrupt).await),
        Verb::Compare(args) => interruptible(async |interrupt| compare::run(args, interrupt).await),
        Verb::Soak(args) => interruptible(async |interrupt| soak::run(args, interrupt).await),
        Verb::Generate(args) => {
            interruptible(async |interrupt| generate::run(args, interrupt).await)
        }
        Verb::Shrink(args) => interruptible(async |interrupt| shrink::run(args, interrupt).await),
        Verb::Verify(args) => verify::run(args),
        Verb::Report(args) => report::run(args),
        Verb::List(args) => list::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Schema => explain::print_schema(),
        Verb::Validate(args) => validate::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
        Verb::Doctor(args) => interruptible(async |interrupt| doctor::run(args, interrupt).await),
        Verb::Up(args) => interruptible(async |interrupt| network::up(args, interrupt).await),
        Verb::Down(args) => in_runtime(network::down(args)),
        Verb::Rpc(args) => in_runtime(ask::rpc(args)),
        Verb::Logs(args) => interruptible(async |interrupt| ask::logs(args, interrupt).await),
        Verb::Watch(args) => interruptible(async |interrupt| watch::run(args, interrupt).await),
        Verb::Image(args) => interruptible(async |interrupt| image::run(args, interrupt).await),
        Verb::Ps(args) => in_runtime(ps::run(args)),
        Verb::Gc(args) => in_runtime(gc::run(args)),
        Verb::Watchdog(args) => in_runtime(watchdog::run(args)),
        Verb::KeepNetworks(args) => keeper::keep(args),
        Verb::Reap(args) => in_runtime(reaper::run(args)),
        Verb::HelpInNetwork => in_runtime(keeper::help()),
    }
}

/// Work that starts nodes: a signal ends it after clean-up.
fn interruptible(work: impl AsyncFnOnce(Interrupt) -> ExitCode) -> ExitCode {
    in_runtime(async {
        let interrupt = Interrupt::default();
        match signals::listen(interrupt.clone()) {
            Ok(()) => work(interrupt).await,
            Err(why) => {
                output::error(&format!(
                    "signals cannot be caught, so nothing could be cleaned up after one: {why}"
                ));
                ExitCode::Environment
            }
        }
    })
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    // One thread: everything here waits for others, and what does not has threads of its own.
    // Several would wake each other at every answer, which costs more than the answers.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            output::error(&format!("no threads or timers to be had: {why}"));
            return ExitCode::Environment;
        }
    };
    let code = runtime.block_on(work);
    // A blocking call that hangs (a name lookup, a full pipe) must not keep us from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}
