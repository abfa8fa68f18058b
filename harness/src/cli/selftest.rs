//! `selftest`: the negative controls, and a table of what came of them.

use std::sync::Arc;

use harness_core::{
    exit::ExitCode,
    node::NodeSource,
    profile::NodeProfile,
    scenario::Overrides,
    selftest::list::{self, Case},
    text::short,
};
use harness_run::{evidence::RunDir, interrupt::Interrupt};

use super::{
    args::{NetworkArg, ProviderChoice, SelftestArgs},
    output, profile,
    provider::choose_node,
};
use crate::{
    binary::identify,
    cli::environment::{environment, registry},
    lease::Guard,
    provider::ProviderOptions,
    selftest::{Bench, Outcome, Seen},
};

pub(super) async fn run(args: &SelftestArgs, interrupt: Interrupt) -> ExitCode {
    let source = args.node.source().unwrap_or(NodeSource::Workspace);
    let Some(profile) = kind(args, &source).await else { return ExitCode::Usage };
    let (fit, others) = list::for_nodes(&profile);
    let asked = |case: &Case| {
        args.names.is_empty() || args.names.iter().any(|word| case.name().contains(word))
    };
    let cases: Vec<Case> = fit.into_iter().filter(&asked).collect();
    if cases.is_empty() {
        output::error(&format!(
            "no control is called anything like {}; `selftest --list` shows all",
            args.names.join(", ")
        ));
        return ExitCode::Usage;
    }
    for (case, why) in others.iter().filter(|(case, _)| asked(case)) {
        output::note(&format!("  left out, nodes of this kind do not fit: {}: {why}", case.name()));
    }
    if args.list {
        output::result(&cases.iter().map(Case::name).collect::<Vec<_>>().join("\n"));
        return ExitCode::Pass;
    }
    let overrides = Overrides {
        source,
        timeout_factor: args.timeout_factor,
        profile: Some(profile),
        ..Overrides::default()
    };
    // Nothing else runs images.
    let image = args.node.node_image.is_some();
    let provider = if image { ProviderChoice::Docker } else { args.provider };
    let bench = Bench {
        provider: async |options| {
            let network = NetworkArg::choice(args.node.network);
            let options = ProviderOptions { network, build: args.node.build(), ..options };
            choose_node(provider, options).await.map(|chosen| chosen.provider())
        },
        guard: |dir: &RunDir, scenario: &str| {
            Guard::take(&registry(), &environment(), dir, scenario, false)
        },
        overrides: &overrides,
        out: &args.out,
        jobs: args.jobs.into(),
        interrupt: &interrupt,
    };
    let said = |outcome: &Outcome| output::note(&line(outcome));
    match bench.run(&cases, said).await {
        Ok(outcomes) => {
            output::result(&table(&outcomes));
            ExitCode::over(outcomes.iter().map(|outcome| outcome.result.exit()))
        }
        Err(why) => {
            output::error(&format!(
                "the evidence cannot be written to {}: {why}",
                args.out.display()
            ));
            ExitCode::Environment
        }
    }
}

/// Which kind of node is tested: which controls fit depends on it, before anything starts.
async fn kind(args: &SelftestArgs, source: &NodeSource) -> Option<Box<NodeProfile>> {
    if let Some(asked) = profile::asked(&args.node)? {
        return Some(asked);
    }
    let kind = match source {
        NodeSource::Workspace | NodeSource::Hostile => NodeProfile::ours(),
        NodeSource::Binary(path) => identify(path).await.profile,
        NodeSource::Image(_) => NodeProfile::core(),
    };
    Some(Box::new(Arc::unwrap_or_clone(kind)))
}

fn mark(seen: &Seen) -> &'static str {
    match seen {
        Seen::AsWanted(_) => "ok",
        Seen::Otherwise(_) | Seen::OtherReason(_) | Seen::Undecided(_) => "WRONG",
        Seen::NotHere(_) => "not here",
        Seen::Environment(_) => "not run",
        Seen::Interrupted(_) => "interrupted",
    }
}

fn said(seen: &Seen) -> String {
    match seen {
        Seen::AsWanted(what)
        | Seen::NotHere(what)
        | Seen::Otherwise(what)
        | Seen::OtherReason(what)
        | Seen::Undecided(what)
        | Seen::Environment(what) => {
            harness_core::text::printable(what.lines().next().unwrap_or_default())
        }
        Seen::Interrupted(signal) => signal.name().to_owned(),
    }
}

/// As soon as it is there.
fn line(outcome: &Outcome) -> String {
    let place = if matches!(outcome.result, Seen::AsWanted(_) | Seen::NotHere(_)) {
        String::new()
    } else {
        format!("\n             {}", outcome.evidence.display())
    };
    format!(
        "{:>11} [{:>7}] {}{}: {}{place}",
        mark(&outcome.result),
        short(outcome.took),
        outcome.case.name(),
        if outcome.first.is_some() { ", again, alone" } else { "" },
        said(&outcome.result)
    )
}

/// All of them, in the order of the documentation.
fn table(outcomes: &[Outcome]) -> String {
    let names: Vec<String> = outcomes.iter().map(|outcome| outcome.case.name()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut lines =
        vec![String::new(), format!("{:<11}  {:<width$}  what was said", "", "control")];
    lines.extend(outcomes.iter().zip(&names).map(|(outcome, name)| {
        format!("{:<11}  {name:<width$}  {}", mark(&outcome.result), said(&outcome.result))
    }));
    let good =
        outcomes.iter().filter(|outcome| matches!(outcome.result, Seen::AsWanted(_))).count();
    let elsewhere =
        outcomes.iter().filter(|outcome| matches!(outcome.result, Seen::NotHere(_))).count();
    let here = outcomes.len() - elsewhere;
    lines.push(format!("\n{good} of {here} controls said what they must"));
    let again: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.first.is_some()).collect();
    if !again.is_empty() {
        lines.push(format!(
            "{} of them were tried again, alone; beside others they had said:",
            again.len()
        ));
    }
    lines.extend(again.into_iter().map(|outcome| {
        let first = outcome.first.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        format!("  {}: {}", outcome.case.name(), harness_core::text::printable(first))
    }));
    if elsewhere > 0 {
        lines.push(format!("{elsewhere} more need what this provider cannot do"));
    }
    lines.join("\n")
}
