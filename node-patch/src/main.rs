//! `hegemon-node`: reads its configuration, runs the node, turns the outcome into an exit code.

use std::{
    env::VarError,
    io::{self, IsTerminal},
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use hegemon_node::{
    config::{Config, Environment, Flags},
    node, randomness, shutdown,
};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Two workers: one session that decrypts a large frame does not hold up the rest, and an idle node
/// stays small.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match start(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn start(flags: Flags) -> anyhow::Result<()> {
    randomness::prepare();
    start_log(flags.log.as_deref())?;
    shutdown::exit_on_panic();
    let environment = Environment::read(|name| std::env::var_os(name)).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| format!("\n  {error}")).collect();
        anyhow::anyhow!("the environment has malformed values:{}", lines.concat())
    })?;
    let config = Config::new(flags, environment)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start the runtime; raise the limits of processes and descriptors (ulimit -u, ulimit -n)")?;
    let outcome = runtime.block_on(node::run(config));
    runtime.shutdown_background();
    outcome
}

/// `--log`, else `RUST_LOG` if it says anything, else `info`; to standard error, in colour on a terminal.
fn start_log(flag: Option<&str>) -> anyhow::Result<()> {
    let filter = match (flag, std::env::var("RUST_LOG")) {
        (Some(filter), _) => filter.parse().with_context(|| {
            format!("--log {filter:?} is not a filter, such as info or info,hegemon_node=debug")
        })?,
        (None, Ok(filter)) if !filter.trim().is_empty() => filter.parse().with_context(|| {
            format!("RUST_LOG={filter:?} is not a filter, such as info or info,hegemon_node=debug")
        })?,
        (None, Err(VarError::NotUnicode(raw))) => {
            anyhow::bail!(
                "RUST_LOG={raw:?} is not valid UTF-8; give a filter, such as info or info,hegemon_node=debug"
            )
        }
        (None, Ok(_) | Err(VarError::NotPresent)) => {
            Targets::new().with_default(tracing::Level::INFO)
        }
    };
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the last word of a node that could not start or go on")]
fn report(error: &anyhow::Error) {
    eprintln!("hegemon-node: {error:#}");
}
