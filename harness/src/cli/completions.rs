//! `completions`: what completes the command line in a shell. Names of scenarios are not in it: they
//! change, and what asks for them at every key is not stable in the library yet.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use harness_core::exit::ExitCode;

use super::args::{Cli, CompletionsArgs};

pub(super) fn run(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut visible(), "harness", &mut text);
    let mut out = io::stdout().lock();
    // A reader that went away is no reason for another exit code.
    let _ = out.write_all(&text).and_then(|()| out.flush());
    ExitCode::Pass
}

/// Without the verbs that the harness calls itself with: the library completes hidden ones, too.
fn visible() -> Command {
    let all = Cli::command();
    let verbs = all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    Command::new("harness").version(env!("CARGO_PKG_VERSION")).subcommands(verbs)
}
