//! The reaper alone, for tests of this package: the harness has it as a hidden verb, with the same arguments.

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

use harness_run::program::reaper::{Orders, live};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let given: Vec<OsString> = env::args_os().skip(1).collect();
    let [_verb, _flag, input, _dashes, words @ ..] = &given[..] else {
        return ExitCode::FAILURE;
    };
    let orders = Orders { input: PathBuf::from(input), words: words.to_vec() };
    if live(&orders).await.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
