//! Flags of the hidden verbs, which only the harness uses.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct WatchdogArgs {
    #[arg(long)]
    pub(crate) run: String,
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long)]
    pub(crate) entry: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct KeeperArgs {
    #[arg(long)]
    _scratch: PathBuf,
    #[arg(long)]
    pub(crate) stay: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReaperArgs {
    #[arg(long)]
    pub(crate) input: PathBuf,
    #[arg(last = true, required = true)]
    pub(crate) words: Vec<OsString>,
}
