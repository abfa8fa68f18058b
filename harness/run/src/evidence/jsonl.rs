//! `events.jsonl`: every event, one JSON object a line, chained to the line before.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use harness_core::{
    bundle::Chain,
    event::{Event, EventKind, Sink},
};

/// Writes events to a file.
pub struct Jsonl {
    file: BufWriter<File>,
    chain: Chain,
    line: Vec<u8>,
}

impl Jsonl {
    /// Into a new file.
    ///
    /// # Errors
    ///
    /// If it is there already or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create_new(path)?),
            chain: Chain::default(),
            line: Vec::new(),
        })
    }
}

impl Sink for Jsonl {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.chain.seal(&mut self.line);
        self.line.push(b'\n');
        self.file.write_all(&self.line)?;
        // Samples come by the dozen a second; whatever else happens should be on disk even if we
        // are killed right after.
        if matches!(event.what, EventKind::Sample(_) | EventKind::State { .. }) {
            return Ok(());
        }
        self.file.flush()
    }

    fn close(&mut self) -> io::Result<()> {
        self.file.flush()?;
        // A disk may only now say that it is full.
        self.file.get_ref().sync_all()
    }
}
