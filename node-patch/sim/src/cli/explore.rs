//! `explore`: whole nodes, many seeds; or one of them with every node's log.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    num::NonZeroUsize,
    ops::Range,
};

use clap::Args;

use crate::{
    scenarios::Verdict,
    whole::{
        Outcome, Schedule,
        explore::{self, Explored, Failing, Left, Smaller},
        log,
        net::Counts,
        properties::Violation,
        run::run_with,
    },
};

/// Seeds between two lines of progress.
const PROGRESS: u64 = 100;

#[derive(Debug, Args)]
pub(super) struct ExploreArgs {
    /// Which seeds, the last one not included
    #[arg(long, value_name = "FROM..TO", default_value = "0..1000", value_parser = seeds, conflicts_with = "seed")]
    seeds: Range<u64>,
    /// Threads; they change no result
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
    /// Goes on after a seed that fails, and counts
    #[arg(long, conflicts_with = "seed")]
    all: bool,
    /// Only this seed, with the log of every node on standard error
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Of its faults only these, by their place from 0; nothing after the `=` leaves none
    #[arg(long, value_name = "N,…", value_parser = places, requires = "seed")]
    faults: Option<Places>,
    /// Without these nodes and what happens to them, by their number from 0
    #[arg(long, value_name = "N,…", value_parser = places, requires = "seed")]
    without: Option<Places>,
    /// In a quiet network, and no poll is put off
    #[arg(long, requires = "seed")]
    plain: bool,
    /// What of it to log
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info,hegemon_node=debug",
        requires = "seed"
    )]
    log: log::Filter,
}

pub(super) fn explore(args: &ExploreArgs, out: &mut impl Write) -> io::Result<Verdict> {
    explore::quiet_panics();
    match args.seed {
        Some(seed) => one(seed, args, out),
        None => many(args, out),
    }
}

fn one(seed: u64, args: &ExploreArgs, out: &mut impl Write) -> io::Result<Verdict> {
    let whole = Schedule::of(seed);
    let Left { faults, without, .. } = Left::all(&whole);
    let faults = chosen("--faults", &args.faults, faults, whole.faults.len())?;
    let without = chosen("--without", &args.without, without, whole.nodes)?;
    let schedule = Left { faults, without, plain: args.plain }.of(&whole);
    writeln!(out, "seed {seed}\n{schedule}")?;
    let logged = || log::to_stderr(&args.log);
    let Outcome { violations, counts, digest, .. } = run_with(&schedule, logged);
    let Counts { dialled, established, refused, segments, resets, timeouts, half_open, full } =
        counts;
    writeln!(
        out,
        "{dialled} dials, {established} connected, {refused} refused; {segments} segments, {resets} resets, {timeouts} given up, {half_open} half open, {full} waits for a reader"
    )?;
    verdict(&violations, out)?;
    writeln!(out, "digest {digest:016x}")?;
    Ok(if violations.is_empty() { Verdict::Met } else { Verdict::Missed })
}

/// What was asked for of so many; else what is there.
fn chosen(
    flag: &str,
    asked: &Option<Places>,
    or: Vec<usize>,
    count: usize,
) -> io::Result<Vec<usize>> {
    let Some(Places(asked)) = asked else { return Ok(or) };
    match asked.iter().find(|place| **place >= count) {
        None => Ok(asked.clone()),
        Some(place) => {
            let words =
                format!("{flag}: this seed has {count}, counted from 0, and none at {place}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, words))
        }
    }
}

fn many(args: &ExploreArgs, out: &mut impl Write) -> io::Result<Verdict> {
    let failing = if args.all { Failing::GoesOn } else { Failing::Stops };
    let total = args.seeds.end.saturating_sub(args.seeds.start);
    let progress = |done: u64, seed: u64, violations: &[Violation]| {
        if done.is_multiple_of(PROGRESS) || !violations.is_empty() {
            let names: Vec<_> = violations.iter().map(|broken| broken.property).collect();
            // Progress is for whoever watches; the result is what counts.
            let _ = if names.is_empty() {
                writeln!(io::stderr(), "{done} of {total}")
            } else {
                writeln!(io::stderr(), "{done} of {total}; seed {seed}: {}", names.join(" "))
            };
        }
    };
    let explored = explore::explore(args.seeds.clone(), args.jobs.get(), failing, progress);
    let failed = report(&explored, out)?;
    writeln!(
        out,
        "{} seeds, {failed} failed; digest {:016x}",
        explored.tried.len(),
        explored.digest()
    )?;
    let Some((seed, violations)) = explored.failed().next() else { return Ok(Verdict::Met) };
    if let Some(first) = violations.first() {
        writeln!(out, "\nseed {seed}\n{}", Schedule::of(seed))?;
        smaller(seed, &explore::shrink(&Schedule::of(seed), first.property), out)?;
    }
    Ok(Verdict::Missed)
}

/// Every seed that failed, and how often each property was broken.
fn report(explored: &Explored, out: &mut impl Write) -> io::Result<usize> {
    let mut counts = BTreeMap::<&str, u64>::new();
    let mut failed = 0;
    for (seed, violations) in explored.failed() {
        failed += 1;
        for Violation { property, words } in violations {
            *counts.entry(property).or_default() += 1;
            writeln!(out, "seed {seed}: {property}: {words}")?;
        }
    }
    for (property, count) in counts {
        writeln!(out, "{property}: {count} seeds")?;
    }
    Ok(failed)
}

fn smaller(seed: u64, smaller: &Smaller, out: &mut impl Write) -> io::Result<()> {
    let Smaller { left, violations } = smaller;
    writeln!(out, "as small as it gets:\n{}", left.of(&Schedule::of(seed)))?;
    verdict(violations, out)?;
    let list =
        |places: &[usize]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (faults, mut more) = (list(&left.faults), String::new());
    if !left.without.is_empty() {
        more += &format!(" --without={}", list(&left.without));
    }
    if left.plain {
        more += " --plain";
    }
    writeln!(out, "hegemon-sim explore --seed {seed} --faults={faults}{more}")
}

fn verdict(violations: &[Violation], out: &mut impl Write) -> io::Result<()> {
    for Violation { property, words } in violations {
        writeln!(out, "BROKEN {property}: {words}")?;
    }
    if violations.is_empty() { writeln!(out, "nothing is broken") } else { Ok(()) }
}

/// Faults or nodes, by their place in a schedule.
#[derive(Debug, Clone)]
struct Places(Vec<usize>);

fn places(text: &str) -> Result<Places, String> {
    let parts = text.split(',').filter(|part| !part.is_empty()).map(str::parse);
    let places = parts.collect::<Result<_, _>>();
    places.map(Places).map_err(|_| "numbers with commas between them, such as 0,3".to_owned())
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range =
        text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    let range = range.filter(|range: &Range<u64>| !range.is_empty());
    range.ok_or_else(|| "two numbers, the first one smaller, such as 0..1000".to_owned())
}
