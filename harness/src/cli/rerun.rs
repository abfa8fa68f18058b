//! `rerun`: the recorded plan again, in a new run. The same decision is no promise: what is random
//! in nodes and networks is not ours.

use std::{collections::BTreeMap, io};

use harness_core::{
    event::{Event, EventKind, Sink},
    exit::ExitCode,
    record::{PlanRecord, builds},
    scenario::{Overrides, Plan, load_again},
};
use harness_run::{evidence::verify, interrupt::Interrupt};

use super::{args::RerunArgs, output, profile, scenario};

pub(super) async fn run(args: &RerunArgs, interrupt: Interrupt) -> ExitCode {
    let Some(record) = record(args) else { return ExitCode::Usage };
    if record.plan.overrides.attached.is_some() {
        output::error(
            "this was a look at nodes that ran already, and where they are is not in the plan: use `harness attach` again",
        );
        return ExitCode::Usage;
    }
    let Some(plan) = plan(args, &record.plan) else { return ExitCode::Usage };
    let recorded = (&record.asked, &record.facts);
    let flags = args.as_scenario(recorded, plan.overrides.timeout_factor, plan.seed);
    output::note(&format!(
        "running again: run {} of {}, seed {}",
        record.run, plan.scenario, plan.seed
    ));
    let compare = SameSources { recorded: builds(&record.facts) };
    let name = plan.scenario.clone();
    match scenario::run_one(&flags, plan, interrupt, vec![Box::new(compare)]).await {
        Ok(code) => code,
        Err(why) => {
            output::error(&format!("{name}: {why:#}"));
            ExitCode::Environment
        }
    }
}

/// What was recorded, if it may be believed.
fn record(args: &RerunArgs) -> Option<PlanRecord> {
    let verified = match verify(&args.bundle, None) {
        Ok(verified) => verified,
        Err(why) => {
            output::error(&format!("no bundle at `{}`: {why}", args.bundle.display()));
            return None;
        }
    };
    let whole = verified.is_whole();
    for problem in &verified.problems {
        output::note(&format!("  ✗ {problem}"));
    }
    if !whole && !args.unverified {
        output::error("this bundle does not verify; --unverified runs its plan again all the same");
        return None;
    }
    if verified.plan.is_none() {
        output::error("there is no plan in it that could be run again");
    }
    verified.plan
}

fn plan(args: &RerunArgs, recorded: &Plan) -> Option<Plan> {
    let source = args.node.source().unwrap_or_else(|| recorded.overrides.source.clone());
    let profile = profile::asked(&args.node)?.or_else(|| recorded.overrides.profile.clone());
    let timeout_factor = args.timeout_factor.unwrap_or(recorded.overrides.timeout_factor);
    let overrides = Overrides {
        source,
        profile,
        timeout_factor,
        seed: recorded.seed,
        ..recorded.overrides.clone()
    };
    let (plan, problems) = load_again(recorded, &overrides);
    if plan.is_none() {
        output::note(&problems.to_string());
        output::error("the recorded scenario is refused by this harness; nothing was started");
    }
    plan
}

/// Says, when everything is prepared and nothing has started, which nodes are not the recorded
/// ones.
struct SameSources {
    recorded: BTreeMap<String, String>,
}

impl Sink for SameSources {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        let EventKind::Prepared { facts, .. } = &event.what else { return Ok(()) };
        let now = builds(facts);
        let changed =
            self.recorded.iter().filter(|(source, digest)| now.get(*source) != Some(*digest));
        for (source, digest) in changed {
            let now = now.get(source).map_or("something else", String::as_str);
            output::note(&format!(
                "not the same node any more: {source} was {digest}, now it is {now}"
            ));
        }
        Ok(())
    }
}
