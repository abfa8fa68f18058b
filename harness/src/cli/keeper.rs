//! The hidden verbs for work in nodes' networks: the process that holds the network namespaces of a
//! run, and the one that is in the network of one container.

use harness_core::exit::ExitCode;

use super::args::KeeperArgs;
use crate::netns::{agent, keeper};

pub(super) fn keep(args: &KeeperArgs) -> ExitCode {
    match keeper::run(args.stay) {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Environment,
    }
}

pub(super) async fn help() -> ExitCode {
    match agent::help().await {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Environment,
    }
}
