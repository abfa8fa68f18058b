//! The command line: what is asked for, turned into runs; what came out, turned into text.
//!
//! | module | is about |
//! | --- | --- |
//! | `explore` | whole nodes over many seeds |

mod explore;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::{
    addresses,
    bench::Bench,
    run::{self, Plan},
    scenarios::{self, Scenario, Verdict},
};

const EXIT_CODES: &str = "\
Exit codes:
  0   every goal was met; for `run`: it ran; for `explore`: no property was broken
  1   a goal was missed; for `explore`: a property was broken
  64  usage: flag, unknown scenario
  74  the output could not be written";

/// As [`crate::world::Setting::new`] has it.
const LATENCY: &str = "one way 20 to 150 ms, drawn once for each pair";

/// Many discovery engines and session tables in virtual time: no socket, no packet, one seed.
#[derive(Debug, Parser)]
#[command(name = "hegemon-sim", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the scenarios and say which goals were met
    #[command(after_help = EXIT_CODES)]
    Table(TableArgs),
    /// Run one network and print its figures as JSON
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Run whole nodes with faults over many seeds, and say which properties were broken
    #[command(after_help = EXIT_CODES)]
    Explore(explore::ExploreArgs),
    /// List the scenarios
    List,
}

#[derive(Debug, Args)]
struct TableArgs {
    /// Runs of each scenario, with the seeds 0, 1, 2 and so on
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// Only this scenario; may be given several times
    #[arg(long, value_name = "NAME", value_parser = scenario)]
    only: Vec<&'static str>,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Honest nodes at the start
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    nodes: u32,
    /// Virtual minutes after the last one has started
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: u64,
    /// Decides everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Nodes that everybody has as a seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    seeds: u32,
    /// Of the other nodes, so many in a hundred are behind a NAT
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    natted: u32,
    /// Nodes that leave in a minute, each replaced by a new one
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=6_000))]
    churn: u32,
}

/// A row as `--json` shows it.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    scenario: &'static str,
    ours: String,
    goal: &'static str,
    verdict: Verdict,
}

/// What `--json` shows.
#[derive(Debug, Serialize)]
struct Table {
    seeds: u64,
    addresses: &'static str,
    latency: &'static str,
    rows: Vec<Row>,
}

/// The whole program, from arguments to exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too; clap knows the right stream.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let mut out = io::stdout().lock();
    let written = match &cli.verb {
        Verb::Table(args) => table(args, &mut out),
        Verb::Run(args) => one_run(args, &mut out),
        Verb::Explore(args) => explore::explore(args, &mut out),
        Verb::List => list(&mut out),
    };
    match written {
        Ok(Verdict::Met) => ExitCode::SUCCESS,
        Ok(Verdict::Missed) => ExitCode::from(1),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(64)
        }
        Err(_) => ExitCode::from(74),
    }
}

fn table(args: &TableArgs, out: &mut impl Write) -> io::Result<Verdict> {
    let bench = Bench::new(args.seeds).metered();
    if !args.json {
        writeln!(out, "{} seeds; {LATENCY};\n{}\n", args.seeds, addresses::PLAN)?;
    }
    let mut rows = Vec::new();
    for scenario in scenarios::ALL
        .iter()
        .filter(|scenario| args.only.is_empty() || args.only.contains(&scenario.name))
    {
        let row = row(scenario, bench);
        if !args.json {
            print(&row, out)?;
        }
        rows.push(row);
    }
    let missed = rows.iter().filter(|row| row.verdict == Verdict::Missed).count();
    if args.json {
        serde_json::to_writer_pretty(
            &mut *out,
            &Table { seeds: args.seeds, addresses: addresses::PLAN, latency: LATENCY, rows },
        )?;
        writeln!(out)?;
    } else {
        writeln!(out, "\n{} of {} met", rows.len() - missed, rows.len())?;
    }
    Ok(if missed == 0 { Verdict::Met } else { Verdict::Missed })
}

fn row(scenario: &Scenario, bench: Bench) -> Row {
    let outcome = (scenario.run)(bench);
    Row {
        name: scenario.name,
        scenario: scenario.what,
        ours: outcome.ours,
        goal: scenario.goal,
        verdict: outcome.verdict,
    }
}

fn print(row: &Row, out: &mut impl Write) -> io::Result<()> {
    let verdict = match row.verdict {
        Verdict::Met => "met",
        Verdict::Missed => "MISSED",
    };
    writeln!(out, "{verdict:<7} {:<12} {}", row.name, row.scenario)?;
    writeln!(out, "{:>20} {}", "ours", row.ours)?;
    writeln!(out, "{:>20} {}", "goal", row.goal)?;
    out.flush()
}

fn one_run(args: &RunArgs, out: &mut impl Write) -> io::Result<Verdict> {
    let plan = Plan {
        nodes: args.nodes as usize,
        minutes: args.minutes,
        seed: args.seed,
        natted_percent: args.natted,
        seeds: args.seeds as usize,
        churn_per_minute: args.churn,
    };
    serde_json::to_writer_pretty(&mut *out, &run::run(plan))?;
    writeln!(out)?;
    Ok(Verdict::Met)
}

fn list(out: &mut impl Write) -> io::Result<Verdict> {
    scenarios::ALL
        .iter()
        .try_for_each(|scenario| writeln!(out, "{:<12} {}", scenario.name, scenario.what))?;
    Ok(Verdict::Met)
}

fn scenario(name: &str) -> Result<&'static str, String> {
    let names = || scenarios::ALL.iter().map(|scenario| scenario.name);
    names()
        .find(|known| *known == name)
        .ok_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", ")))
}
