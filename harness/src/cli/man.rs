//! `man`: the help of all verbs as manual pages.

use std::{
    fs,
    io::{self, Write},
};

use clap::CommandFactory;
use clap_mangen::Man;
use harness_core::exit::ExitCode;

use super::{
    args::{Cli, ManArgs},
    output,
};

pub(super) fn run(args: &ManArgs) -> ExitCode {
    let Some(folder) = &args.folder else {
        let mut text = Vec::new();
        let _ = Man::new(Cli::command().disable_help_subcommand(true)).render(&mut text);
        let mut out = io::stdout().lock();
        // A reader that went away is no reason for another exit code.
        let _ = out.write_all(&text).and_then(|()| out.flush());
        return ExitCode::Pass;
    };
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match written {
        Ok(()) => {
            output::result(&format!("the pages are in {}", folder.display()));
            ExitCode::Pass
        }
        Err(why) => {
            output::error(&format!(
                "the pages cannot be written into `{}`: {why}",
                folder.display()
            ));
            ExitCode::Environment
        }
    }
}
