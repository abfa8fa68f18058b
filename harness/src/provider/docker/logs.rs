//! Container logs to lines: every line once, across restarts, at the reader's pace.
//!
//! The engine keeps a container's whole log and ends a reader's stream when the container ends. So
//! each pass reads from the beginning and skips what was passed on, counted in bytes per stream:
//! exact whatever the clocks do. A pass that brought something new is followed by another, which
//! finds what came between the last line and the end of the stream; then the next start is waited
//! for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::engine::is_absent;
use crate::provider::{
    LogLine,
    lines::{Advance, LineAssembler},
};

const RETRY_EVERY: Duration = Duration::from_millis(200);

/// Whose log goes where.
#[derive(Debug)]
pub(super) struct Pump {
    /// The way to the engine.
    pub(super) docker: Docker,
    /// Container ID.
    pub(super) container: String,
    /// The node's name.
    pub(super) node: String,
    /// Bounded.
    pub(super) to: mpsc::Sender<LogLine>,
    /// Changes with every start of the container.
    pub(super) starts: watch::Receiver<u64>,
    /// The start whose log was read to its end: one that follows it can begin.
    pub(super) read: watch::Sender<Option<u64>>,
    /// No start will follow: what is there is passed on, and that is all.
    pub(super) closing: CancellationToken,
    /// How far it is.
    pub(super) advance: Arc<Advance>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Out,
    Err,
}

#[derive(Debug, Default)]
struct Cursor {
    passed: usize,
    assembler: LineAssembler,
}

/// How the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Everything that the reader wanted was passed on.
    Whole,
    /// The engine did not give the rest.
    Cut,
}

/// How a pass ended.
enum Pass {
    /// The stream is at its end; whether it brought anything.
    End { news: bool },
    /// The engine broke off.
    Broken,
    /// The container is gone, and what is left of its log with it.
    Gone,
    /// Nobody reads.
    Unread,
}

impl Pump {
    /// Runs until the run closes, the container is removed, or nobody reads.
    pub(super) async fn run(mut self) -> End {
        let mut cursors =
            BTreeMap::from([(Stream::Out, Cursor::default()), (Stream::Err, Cursor::default())]);
        loop {
            let start = *self.starts.borrow_and_update();
            match self.pass(&mut cursors).await {
                Pass::Gone => return End::Cut,
                Pass::Unread => return End::Whole,
                // What comes next is another start's: its first line is no end of this one's last.
                Pass::End { news: true } if self.starts.has_changed().unwrap_or(false) => {
                    if !self.flush(&mut cursors).await {
                        return End::Whole;
                    }
                }
                Pass::End { news: true } => {}
                Pass::End { news: false } => {
                    if !self.flush(&mut cursors).await {
                        return End::Whole;
                    }
                    self.read.send_replace(Some(start));
                    if !self.another_start().await {
                        return End::Whole;
                    }
                }
                Pass::Broken if self.closing.is_cancelled() => return End::Cut,
                Pass::Broken => tokio::time::sleep(RETRY_EVERY).await,
            }
        }
    }

    async fn another_start(&mut self) -> bool {
        tokio::select! {
            // A start that was said before the end has a log to be read.
            biased;
            changed = self.starts.changed() => changed.is_ok(),
            () = self.closing.cancelled() => false,
        }
    }

    async fn pass(&self, cursors: &mut BTreeMap<Stream, Cursor>) -> Pass {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let mut log = self.docker.logs(&self.container, Some(options));
        let mut seen = BTreeMap::from([(Stream::Out, 0), (Stream::Err, 0)]);
        let mut news = false;
        while let Some(frame) = log.next().await {
            // Also what is read once more gets on.
            self.advance.one();
            let (stream, message) = match frame {
                Ok(LogOutput::StdErr { message }) => (Stream::Err, message),
                Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                    (Stream::Out, message)
                }
                Ok(LogOutput::StdIn { .. }) => continue,
                Err(error) if is_absent(&error) => return Pass::Gone,
                Err(_) => return Pass::Broken,
            };
            let (cursor, seen) =
                (cursors.entry(stream).or_default(), seen.entry(stream).or_default());
            let known = cursor.passed.saturating_sub(*seen).min(message.len());
            *seen += message.len();
            if known < message.len() {
                news = true;
                cursor.passed = *seen;
                let mut lines = Vec::new();
                cursor.assembler.push(&message[known..], &mut lines);
                if !self.send(lines).await {
                    return Pass::Unread;
                }
            }
        }
        Pass::End { news }
    }

    /// A line that ended with its container instead of a newline.
    async fn flush(&self, cursors: &mut BTreeMap<Stream, Cursor>) -> bool {
        let mut lines = Vec::new();
        cursors.values_mut().for_each(|cursor| cursor.assembler.flush(&mut lines));
        self.send(lines).await
    }

    async fn send(&self, lines: Vec<Vec<u8>>) -> bool {
        for bytes in lines {
            if self.to.send(LogLine { node: self.node.clone(), bytes }).await.is_err() {
                return false;
            }
            self.advance.one();
        }
        true
    }
}
