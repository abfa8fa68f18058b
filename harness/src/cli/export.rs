//! `export`: a scenario's network for other tools. Starts nothing.

use std::sync::Arc;

use harness_core::{
    exit::ExitCode, export, node::NodeSource, profile::NodeProfile, scenario::Overrides,
};

use super::{
    args::{ExportArgs, NodeArgs, Tool},
    output, profile,
    scenario::say_if_it_hides_another,
};

pub(super) fn run(args: &ExportArgs) -> ExitCode {
    let node = NodeArgs { node_profile: Some(args.node_profile.clone()), ..NodeArgs::default() };
    let Some(profile) = profile::asked(&node) else { return ExitCode::Usage };
    let kind = profile.as_deref().cloned().map_or_else(NodeProfile::ours, Arc::new);
    let scenario = match args.library.library().find(&args.scenario) {
        Ok(scenario) => scenario,
        Err(why) => {
            output::error(&why.to_string());
            return ExitCode::Usage;
        }
    };
    let overrides = Overrides {
        nodes: args.nodes,
        source: NodeSource::Image(args.node_image.clone()),
        profile,
        ..Overrides::default()
    };
    say_if_it_hides_another(&scenario);
    let (plan, problems) = scenario.load(&overrides);
    if !problems.is_empty() {
        output::note(&problems.to_string());
    }
    let Some(plan) = plan else {
        output::note(&format!("{scenario}: refused, {} error(s)", problems.errors()));
        return ExitCode::Usage;
    };
    let document = match args.tool {
        Tool::Compose => export::compose(&plan, &kind),
        Tool::K8s => export::kubernetes(&plan, &kind),
    };
    match document {
        Ok(document) => {
            output::result(&document);
            ExitCode::Pass
        }
        Err(why) => {
            output::error(&format!("{}: {why}", plan.scenario));
            ExitCode::NothingRan
        }
    }
}
