//! `doctor`: what this machine is like, before a run.

use harness_core::{
    doctor::{Diagnosis, exit},
    exit::ExitCode,
};
use harness_run::interrupt::Interrupt;

use super::{
    args::{DoctorArgs, ProviderChoice},
    environment::{environment, registry},
    output,
};
use crate::doctor::{Question, Where, examine};

pub(super) async fn run(args: &DoctorArgs, interrupt: Interrupt) -> ExitCode {
    let question = Question {
        place: match args.provider {
            ProviderChoice::Auto => Where::Either,
            ProviderChoice::Docker => Where::Docker,
            ProviderChoice::Process => Where::Process,
        },
        nodes: args.nodes as usize,
        node: args.node_bin.clone(),
        out: args.out.clone(),
    };
    let (environment, registry) = (environment(), registry());
    tokio::select! {
        biased;
        signal = interrupt.raised() => ExitCode::Interrupted(signal),
        diagnoses = examine(&question, &environment, &registry) => {
            output::result(&shown(args, &diagnoses));
            exit(&diagnoses)
        }
    }
}

fn shown(args: &DoctorArgs, diagnoses: &[Diagnosis]) -> String {
    if args.json {
        return serde_json::to_string_pretty(diagnoses).unwrap_or_default();
    }
    let line = |it: &Diagnosis| harness_core::text::printable(&it.to_string());
    diagnoses.iter().map(line).collect::<Vec<_>>().join("\n")
}
