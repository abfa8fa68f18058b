//! `validate`: strict check of scenario files. Starts nothing.

use harness_core::{exit::ExitCode, needs, scenario::Overrides};

use super::{args::ValidateArgs, output};

pub(super) fn run(args: &ValidateArgs) -> ExitCode {
    let library = args.library.library();
    let mut code = ExitCode::Pass;
    for argument in &args.scenarios {
        let scenario = match library.find(argument) {
            Ok(scenario) => scenario,
            Err(why) => {
                output::error(&why.to_string());
                code = ExitCode::Usage;
                continue;
            }
        };
        let (plan, problems) = scenario.load(&Overrides::default());
        if !problems.is_empty() {
            output::note(&problems.to_string());
        }
        match plan {
            Some(plan) => {
                let checks: usize = plan.phases.iter().map(|phase| phase.checks.len()).sum();
                output::result(&format!(
                    "{scenario}: good ({} nodes, {} phases, {checks} checks)",
                    plan.nodes.len(),
                    plan.phases.len()
                ));
                for program in needs::programs(&plan) {
                    output::note(&format!(
                        "{scenario}: a run of it executes a program on this machine, as you: {program}",
                    ));
                }
            }
            None => {
                output::note(&format!("{scenario}: refused, {} error(s)", problems.errors()));
                code = ExitCode::Usage;
            }
        }
    }
    code
}
