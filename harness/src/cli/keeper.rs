//! The hidden verb: the process that holds the network namespaces of a run.

use harness_core::exit::ExitCode;

use super::args::KeeperArgs;
use crate::netns::keeper;

pub(super) fn run(args: &KeeperArgs) -> ExitCode {
    match keeper::run(args.stay) {
        Ok(()) => ExitCode::Pass,
        Err(_) => ExitCode::Environment,
    }
}
