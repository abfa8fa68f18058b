//! The harness's command line. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::run(std::env::args_os()).into()
}
