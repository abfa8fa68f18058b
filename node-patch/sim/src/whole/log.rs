//! The log of a run: every node's lines, with virtual time and the node's number.

use std::{fmt, io};

use tokio::time::Instant;
use tracing::subscriber;
use tracing_subscriber::{
    filter::Targets,
    fmt::{format::Writer, layer, time::FormatTime},
    layer::SubscriberExt,
    registry,
};

use super::life;

/// Virtual seconds since the run began, and who says it.
struct Stamp {
    began: Instant,
}

impl FormatTime for Stamp {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let time = self.began.elapsed().as_secs_f64();
        match life::current() {
            Some(host) => write!(w, "{time:>9.3} node {}", host.0),
            None => write!(w, "{time:>9.3} ------"),
        }
    }
}

/// What of it is logged, as `info,hegemon_node=debug`.
pub type Filter = Targets;

/// Writes what happens on this thread to standard error, for as long as the answer is kept. Called
/// in the runtime of the run, at its beginning.
#[must_use]
pub fn to_stderr(filter: &Filter) -> subscriber::DefaultGuard {
    let stamp = Stamp { began: Instant::now() };
    let lines = layer().with_timer(stamp).with_ansi(false).with_writer(io::stderr);
    subscriber::set_default(registry().with(filter.clone()).with(lines))
}
