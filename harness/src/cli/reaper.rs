//! The hidden verb: the process that executes a program of the user's, and ends all that it starts.

use harness_core::exit::ExitCode;
use harness_run::program::reaper::{Orders, live};

use super::args::ReaperArgs;

pub(super) async fn run(args: &ReaperArgs) -> ExitCode {
    let orders = Orders { input: args.input.clone(), words: args.words.clone() };
    match live(&orders).await {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Environment,
    }
}
