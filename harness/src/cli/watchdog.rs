//! The hidden verb: the process that cleans up after a harness that was killed.

use harness_core::exit::ExitCode;

use super::{args::WatchdogArgs, environment::environment};
use crate::lease::watchdog::{Orders, watch};

pub(super) async fn run(args: &WatchdogArgs) -> ExitCode {
    let orders = Orders {
        run: args.run.clone(),
        dir: args.dir.clone(),
        entry: args.entry.clone(),
        environment: environment(),
    };
    match watch(orders).await {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Bug,
    }
}
