//! `validate`: strict check of scenario files. Starts nothing.

use harness_core::{exit::ExitCode, needs, scenario::Overrides};

use super::{args::ValidateArgs, output};
use crate::library::load;

pub(super) fn run(args: &ValidateArgs) -> ExitCode {
    let library = args.library.library();
    let mut code = ExitCode::Pass;
    for argument in &args.scenarios {
        let path = match library.find(argument) {
            Ok(path) => path,
            Err(why) => {
                output::error(&why.to_string());
                code = ExitCode::Usage;
                continue;
            }
        };
        let (plan, problems) = load(&path, &Overrides::default());
        if !problems.is_empty() {
            output::note(&problems.to_string());
        }
        match plan {
            Some(plan) => {
                let checks: usize = plan.phases.iter().map(|phase| phase.checks.len()).sum();
                output::result(&format!(
                    "{}: good ({} nodes, {} phases, {checks} checks)",
                    path.display(),
                    plan.nodes.len(),
                    plan.phases.len()
                ));
                for program in needs::programs(&plan) {
                    output::note(&format!(
                        "{}: a run of it executes a program on this machine, as you: {program}",
                        path.display()
                    ));
                }
            }
            None => {
                output::note(&format!(
                    "{}: refused, {} error(s)",
                    path.display(),
                    problems.errors()
                ));
                code = ExitCode::Usage;
            }
        }
    }
    code
}
