//! `explain` and `schema`: what a scenario may say.

use harness_core::{
    exit::ExitCode,
    explain::{self, Topic},
    schema::schema,
};

use super::{args::ExplainArgs, output};

pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let Some(name) = &args.name else {
        output::result(&explain::list());
        return ExitCode::Pass;
    };
    match Topic::find(name) {
        Ok(topic) => {
            output::result(&topic.explain());
            ExitCode::Pass
        }
        Err(why) => {
            output::error(&why.to_string());
            ExitCode::Usage
        }
    }
}

pub(super) fn print_schema() -> ExitCode {
    output::result(&format!("{:#}", schema()));
    ExitCode::Pass
}
