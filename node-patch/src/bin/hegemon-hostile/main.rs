//! A peer that means harm, for tests and for groups of a test network. It speaks the node's own
//! transport, reaches nobody beyond this machine and its testbeds, and ends by itself.
//!
//! `hegemon-hostile ATTACK --target IP:PORT` does one thing that a node must withstand, for a bounded
//! time, and prints one line of JSON about what it did and what the node did. `hegemon-hostile peer
//! --attack NAME` is started like a node, keeps the attack up against every seed until it is told to
//! stop, and prints such a line every second.
//!
//! | module | is about |
//! | --- | --- |
//! | `options` | both command lines |
//! | `plan` | which attacks there are, how many peers they take, and whom they may hit |
//! | `attack` | one attack by many peers at once |
//! | `standing` | the same, kept up until told to stop |
//! | `handshakes` | attacks before there is a session |
//! | `sessions` | attacks inside one |
//! | `chains` | attacks with blocks |
//! | `forge` | where those blocks come from |
//! | `mirror` | a target that is shown its own identity |
//! | `front` | where a target is attacked from, and what is counted of it |
//! | `peer` | one connection, counted |
//! | `report` | what is printed |

mod attack;
mod chains;
mod forge;
mod front;
mod handshakes;
mod mirror;
mod options;
mod peer;
mod plan;
mod report;
mod sessions;
mod standing;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use options::Command;

/// The command line was wrong: `EX_USAGE`.
const USAGE: u8 = 64;

fn main() -> io::Result<ExitCode> {
    let command = match Command::read(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(command) => command,
        Err(error) => {
            error.print()?;
            return Ok(if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS });
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reached = match command {
        Command::Once(plan) => {
            let report = runtime.block_on(attack::run(plan))?;
            writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
            report.reached()
        }
        Command::Peer(plan) => runtime.block_on(standing::run(plan))?,
    };
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
