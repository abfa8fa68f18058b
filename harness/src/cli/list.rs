//! `list`: the shipped scenarios and what each is about.

use harness_core::{exit::ExitCode, explain, scenario::Overrides};

use super::{args::ListArgs, output};
use crate::library::load;

pub(super) fn run(args: &ListArgs) -> ExitCode {
    if args.faults {
        output::result(explain::faults().trim_end());
        return ExitCode::Pass;
    }
    let library = args.library.library();
    let names = match library.names() {
        Ok(names) => names,
        Err(why) => {
            output::error(&format!(
                "the scenarios in {} cannot be read: {why}",
                library.folder().display()
            ));
            return ExitCode::Usage;
        }
    };
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for name in &names {
        let (plan, _) = load(&library.file(name), &Overrides::default());
        let about = plan.map_or_else(
            || format!("broken: see `harness validate {name}`"),
            |plan| {
                let tags: String = plan.tags.iter().map(|tag| format!(" [{tag}]")).collect();
                if plan.description.is_empty() {
                    format!("(no description){tags}")
                } else {
                    plan.description + &tags
                }
            },
        );
        output::result(&format!("{name:width$}  {about}"));
    }
    if names.is_empty() {
        output::note(&format!("no scenarios in {}", library.folder().display()));
    }
    ExitCode::Pass
}
