//! `up` and `down`: a network that stays, to develop against. It is a run that is kept, so `ps`, `gc` and the evidence
//! know it as any other.

use std::{fmt::Write, path::Path};

use harness_core::{
    exit::ExitCode,
    node::NodeSource,
    scenario::{Origin, Overrides, Plan, load},
};
use harness_run::{evidence::draw_seed, interrupt::Interrupt};

use super::{
    args::{DownArgs, GcArgs, NetworkArg, ProviderChoice, ScenarioArgs, ShowArgs, UpArgs},
    gc, output, profile, ps,
    scenario::{self, Kept},
};
use crate::lease::{RunOnHost, State};

/// What the network is called among runs.
const NAME: &str = "up";

pub(super) async fn up(args: &UpArgs, interrupt: Interrupt) -> ExitCode {
    let flags = as_scenario(args);
    let Some(profile) = profile::asked(&flags.node) else { return ExitCode::Usage };
    let overrides = Overrides {
        source: flags.node.source().unwrap_or(NodeSource::Workspace),
        timeout_factor: flags.timeout_factor,
        seed: draw_seed(),
        profile,
        ..Overrides::default()
    };
    let Some(plan) = plan(args, &overrides) else { return ExitCode::Usage };
    let ran = match scenario::run_unsaid(&flags, plan, interrupt, Vec::new()).await {
        Ok(ran) => ran,
        Err(why) => {
            output::error(&format!("{why:#}"));
            return ExitCode::Environment;
        }
    };
    let exit = ran.verdict.exit;
    match (&ran.kept, exit) {
        (Some(kept), ExitCode::Pass) => output::result(&words(kept)),
        _ => {
            output::result(&ran.text());
            // A network that does not work is nothing to work with.
            gc::own(ran.dir.run_id()).await;
        }
    }
    ran.say_what_is_left();
    exit
}

/// A run that is kept.
fn as_scenario(args: &UpArgs) -> ScenarioArgs {
    let mut node = args.node.clone();
    if args.provider != ProviderChoice::Docker {
        // Nodes in namespaces of their own are beyond other tools' reach.
        node.network.get_or_insert(NetworkArg::Loopback);
    }
    let (out, factor) = (args.out.clone(), args.timeout_factor);
    ScenarioArgs {
        keep: true,
        show: ShowArgs::QUIET,
        ..ScenarioArgs::of_a_plan(args.provider, node, out, factor)
    }
}

/// One group beside the seed, and nothing done to it.
fn plan(args: &UpArgs, overrides: &Overrides) -> Option<Plan> {
    let (mine, nodes) = (args.mine, args.nodes);
    let text = format!(
        "[scenario]\ndescription = \"A network to work with\"\n\n\
         [[nodes]]\nname = \"seed\"\nseed = true\nmine = {mine}\n\n\
         [[nodes]]\nname = \"node\"\ncount = {nodes}\nmine = {mine}\n\n\
         [[phases]]\nname = \"up\"\n\n\
         [[phases.checks]]\ncheck = \"peers\"\nnodes = \"*\"\nat_least = 1\nwithin = \"60s\"\nfor = \"500ms\"\n"
    );
    let (plan, problems) = load(Origin { name: NAME, path: Path::new(NAME) }, text, overrides);
    if plan.is_none() {
        output::error(&format!("such a network cannot be: {problems}"));
    }
    plan
}

/// Addresses for people, and the same for other tools: what a shell can take in as it is.
fn words(kept: &Kept) -> String {
    let mut words = format!("network {} is up\n", kept.run);
    let mut all = Vec::new();
    for (node, address) in &kept.nodes {
        let Some(address) = address else { continue };
        let _ = writeln!(words, "  {node:<10} http://{address}");
        all.push(format!("{node}=http://{address}"));
    }
    if let Some(way_in) = &kept.way_in {
        let _ = writeln!(words, "on a network of their own, which is entered with\n  {way_in} sh");
    }
    let _ = write!(
        words,
        "for other tools\n  export HARNESS_RUN={} HARNESS_RPC=\"{}\"\nask one with `harness rpc seed system_health`, see `harness logs`, remove all with `harness down`",
        kept.run,
        all.join(" ")
    );
    words
}

pub(super) async fn down(args: &DownArgs) -> ExitCode {
    let runs = if args.all {
        match kept().await {
            Ok(runs) => runs.into_iter().filter(is_ours).map(|run| run.run).collect(),
            Err(code) => return code,
        }
    } else if args.runs.is_empty() {
        match the_one(None, is_ours).await {
            Ok(run) => vec![run.run],
            Err(code) => return code,
        }
    } else {
        args.runs.clone()
    };
    if runs.is_empty() {
        output::note("no network of `harness up` is on this host");
        return ExitCode::Pass;
    }
    gc::run(&GcArgs::of(runs)).await
}

/// Made by `up`: another kept run is somebody's evidence, and goes by its name only.
fn is_ours(run: &RunOnHost) -> bool {
    run.scenario.as_deref() == Some(NAME)
}

/// Networks of this user that stay. What an engine has of others is theirs.
async fn kept() -> Result<Vec<RunOnHost>, ExitCode> {
    match ps::look().await {
        Ok((survey, _)) => Ok(survey
            .runs
            .into_iter()
            .filter(|run| run.state == State::Kept && run.entry.is_some())
            .collect()),
        Err(why) => {
            output::error(&why.to_string());
            Err(ExitCode::Environment)
        }
    }
}

/// The one that was named, or the only one there is. Says which there are if it is neither.
pub(super) async fn the_one(
    named: Option<&str>,
    is_meant: impl Fn(&RunOnHost) -> bool,
) -> Result<RunOnHost, ExitCode> {
    let mut runs = kept().await?;
    runs.retain(is_meant);
    let names: Vec<String> = runs.iter().map(|run| run.run.clone()).collect();
    let mut found = runs.into_iter().filter(|run| named.is_none_or(|named| named == run.run));
    match (found.next(), found.next()) {
        (Some(run), None) => return Ok(run),
        (Some(_), Some(_)) => {
            output::error(&format!("several networks are kept: {}; name one", names.join(", ")))
        }
        (None, _) if names.is_empty() => output::error(
            "no such network is kept on this host; `harness up` starts one, `harness ps` shows all runs",
        ),
        (None, _) => output::error(&format!(
            "no kept network `{}`; there is {}",
            named.unwrap_or_default(),
            names.join(", ")
        )),
    }
    Err(ExitCode::Usage)
}
