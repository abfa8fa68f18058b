//! The command line: what the user asked for, turned into calls. Reads arguments and environment once; the rest of the harness reads neither.

mod args;
mod list;
mod output;
mod provider;
mod scenario;
mod signals;
mod validate;

use std::{ffi::OsString, panic, time::Duration};

use clap::Parser;

pub use args::Cli;
use args::Verb;

use crate::{exit::ExitCode, run::interrupt::Interrupt};

/// The whole program, from arguments to exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too; clap knows the right stream. A closed one is no reason for another exit code.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Pass };
        }
    };
    // The panic itself was printed by the standard library's hook.
    panic::catch_unwind(|| dispatch(&cli)).unwrap_or(ExitCode::Bug)
}

fn dispatch(cli: &Cli) -> ExitCode {
    match &cli.verb {
        Verb::Scenario(args) => in_runtime(async {
            let interrupt = Interrupt::default();
            match signals::listen(interrupt.clone()) {
                Ok(()) => scenario::run(args, interrupt).await,
                Err(why) => {
                    output::error(&format!("signals cannot be caught, so nothing could be cleaned up after one: {why}"));
                    ExitCode::Environment
                }
            }
        }),
        Verb::List(args) => list::run(args),
        Verb::Validate(args) => validate::run(args),
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
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
