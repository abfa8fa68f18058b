//! Flags of `report`.

use std::path::PathBuf;

use clap::Args;

pub(super) const CODES: &str = "\
The page is one file that loads nothing. Its verdicts are derived again from the evidence.

Exit codes:
  0   the page is written, and all evidence is whole
  1   the page is written, and says which evidence does not fit
  3   it cannot be written
  64  usage: flag, no bundle there, or nothing follows from it";

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Runs' directories: of one its page, of several a page that compares them
    #[arg(value_name = "BUNDLE", required = true)]
    pub(crate) bundles: Vec<PathBuf>,

    /// Where the page goes; one that is there is replaced
    #[arg(short, long, value_name = "FILE", default_value = "harness-report.html")]
    pub(crate) out: PathBuf,

    /// Print verdict and findings as Markdown instead, for a comment
    #[arg(long, conflicts_with = "out")]
    pub(crate) markdown: bool,
}
