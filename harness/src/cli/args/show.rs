//! What is shown while a run goes on, and how.

use clap::{ArgAction, Args};

use super::choice::Format;
use crate::cli::{
    output,
    terminal::{Detail, Shown},
};

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ShowArgs {
    /// For people, or for programs: every event on standard output as it is recorded, one JSON object a line as in
    /// events.jsonl, and the verdict for people on standard error
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// No area at the bottom that shows the run as it is, even on a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Only the verdict
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Every sample of every node, too
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,
}

impl ShowArgs {
    /// Nothing but the verdict.
    pub(crate) const QUIET: Self =
        Self { format: Format::Human, no_progress: false, quiet: true, verbose: false };

    /// What is shown here and now.
    pub(crate) fn shown(self) -> Shown {
        let detail = match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        };
        match self.format {
            Format::Jsonl => Shown::Events,
            Format::Human if self.quiet || self.no_progress || !output::is_live() => {
                Shown::Lines(detail)
            }
            Format::Human => Shown::Area(detail),
        }
    }

    /// Standard output is read by people, or by a CI system that knows their lines.
    pub(crate) fn is_for_people(self) -> bool {
        self.format == Format::Human
    }

    /// Says what came of it: to people where they look for it, and away from what programs read.
    pub(crate) fn result(self, text: &str) {
        match self.format {
            Format::Human => output::result(text),
            Format::Jsonl => output::note(text),
        }
    }
}
