//! `list`: the shipped scenarios, what each is about, and where they are from.

use std::{collections::BTreeSet, path::Path};

use harness_core::{exit::ExitCode, explain, scenario::Overrides};

use super::{args::ListArgs, output};
use crate::library::Scenario;

pub(super) fn run(args: &ListArgs) -> ExitCode {
    if args.faults {
        output::result(explain::faults().trim_end());
        return ExitCode::Pass;
    }
    let all = match args.library.library().all() {
        Ok(all) => all,
        Err(why) => {
            output::error(&why.to_string());
            return ExitCode::Usage;
        }
    };
    let width = all.keys().map(String::len).max().unwrap_or(0);
    let places: BTreeSet<Option<&Path>> = all.values().map(Scenario::folder).collect();
    for (name, scenario) in &all {
        let place = scenario.folder().filter(|_| places.len() > 1);
        let place = place.map_or_else(String::new, |folder| format!(" (in {})", folder.display()));
        output::result(&format!("{name:width$}  {}{place}", about(name, scenario)));
    }
    match places.first() {
        None => output::note("no scenarios there"),
        Some(None) if places.len() == 1 => output::note("all of them are built in"),
        Some(Some(folder)) if places.len() == 1 => {
            output::note(&format!("all of them are in {}", folder.display()));
        }
        Some(_) => output::note("those without a folder are built in"),
    }
    for scenario in all.values().filter(|scenario| scenario.hides_another()) {
        output::note(&format!("{scenario}: taken instead of the built-in one"));
    }
    ExitCode::Pass
}

fn about(name: &str, scenario: &Scenario) -> String {
    let Some(plan) = scenario.load(&Overrides::default()).0 else {
        return format!("broken: see `harness validate {name}`");
    };
    let tags: String = plan.tags.iter().map(|tag| format!(" [{tag}]")).collect();
    if plan.description.is_empty() {
        format!("(no description){tags}")
    } else {
        plan.description + &tags
    }
}
