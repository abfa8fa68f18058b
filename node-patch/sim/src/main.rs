//! The command `hegemon-sim`. Everything is in the library.

use std::process::ExitCode;

use hegemon_sim::{cli, meter::Metered};

#[global_allocator]
static ALLOCATOR: Metered = Metered;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
