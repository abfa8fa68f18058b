//! `events.jsonl`: every event, one JSON object a line.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use crate::{
    event::{Event, What},
    run::controller::Sink,
};

/// Writes events to a file.
pub struct Jsonl {
    file: BufWriter<File>,
}

impl Jsonl {
    /// Into a new file.
    ///
    /// # Errors
    ///
    /// If it is there already or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create_new(path)?) })
    }
}

impl Sink for Jsonl {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, event)?;
        self.file.write_all(b"\n")?;
        // Samples come by the dozen a second; whatever else happens should be on disk even if we are killed right after.
        if matches!(event.what, What::Sample(_) | What::State { .. }) {
            return Ok(());
        }
        self.file.flush()
    }
}
