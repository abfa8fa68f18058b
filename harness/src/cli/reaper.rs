//! The hidden verb: the process that executes a program of the user's, and ends all that it starts.

use harness_core::exit::ExitCode;

use super::args::ReaperArgs;
use crate::program::reaper::{Orders, live};

pub(super) async fn run(args: &ReaperArgs) -> ExitCode {
    let orders = Orders { input: args.input.clone(), words: args.words.clone() };
    match live(&orders).await {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Environment,
    }
}
