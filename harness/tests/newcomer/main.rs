//! What somebody meets who is new here, or who is a program: `init`, completions, manual pages, the skill file for
//! coding agents, and the commands that the documents name. Nothing here starts a node.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `init` | what is written is good, and nothing is written over |
//! | `shell` | completions and manual pages |
//! | `documents` | every command that a document names is one that there is; those of the skill file work |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod documents;
mod init;
mod shell;

use std::{
    path::Path,
    process::{Command, Output},
};

const HARNESS: &str = env!("CARGO_BIN_EXE_harness");

fn harness(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(HARNESS)
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// All that was said, results first.
fn said(output: &Output) -> String {
    format!("{}{}", words(output), errors(output))
}

/// The workspace.
fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
