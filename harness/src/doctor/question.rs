//! What is planned.

use std::path::PathBuf;

/// Where nodes are to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In containers if there is an engine, else as processes.
    Either,
    /// In containers.
    Docker,
    /// As processes.
    Process,
}

/// What is planned.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where.
    pub place: Where,
    /// So many nodes.
    pub nodes: usize,
    /// Of this program; `None`: of this workspace's.
    pub node: Option<PathBuf>,
    /// With its evidence here.
    pub out: PathBuf,
}
