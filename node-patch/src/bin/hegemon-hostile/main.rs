//! A peer that means harm, for tests: `hegemon-hostile ATTACK --target IP:PORT` does one thing that
//! a node must withstand, for a bounded time, and prints one line of JSON about what it did and
//! what the node did. It speaks the node's own transport.
//!
//! | module | is about |
//! | --- | --- |
//! | `plan` | which attacks there are, and whom they may hit |
//! | `attack` | running many peers at once |
//! | `handshakes` | attacks before there is a session |
//! | `sessions` | attacks inside one |
//! | `peer` | one connection, counted |
//! | `report` | what is printed |

mod attack;
mod handshakes;
mod peer;
mod plan;
mod report;
mod sessions;

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, error::ErrorKind};
use plan::{Attack, Plan};

/// The command line was wrong: `EX_USAGE`.
const USAGE: u8 = 64;

/// Attacks one node for a bounded time and prints what happened as one line of JSON. Refuses
/// targets that are not on this machine or in a private or testbed network.
#[derive(Debug, Parser)]
#[command(
    name = "hegemon-hostile",
    version,
    after_help = "Exit codes: 0 done as asked, 1 the target could not be reached at all, 64 usage"
)]
struct Options {
    /// What to do
    #[arg(value_enum)]
    attack: Attack,
    /// The node's P2P address; no name, and no address of the open network
    #[arg(long, value_name = "IP:PORT", value_parser = plan::target)]
    target: SocketAddr,
    /// Source address, such as 127.0.0.2
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Ends after so many seconds at the latest
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Peers in all, some hundreds of them at once [default: depends on the attack]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
}

fn main() -> io::Result<ExitCode> {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            error.print()?;
            let asked_for =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return Ok(if asked_for { ExitCode::SUCCESS } else { ExitCode::from(USAGE) });
        }
    };
    let count = options.count.unwrap_or(options.attack.default_count());
    let plan = Plan {
        attack: options.attack,
        target: options.target,
        from: options.from,
        time: Duration::from_secs(options.seconds),
        count,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(attack::run(plan));
    writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(if report.connected + report.refused == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
