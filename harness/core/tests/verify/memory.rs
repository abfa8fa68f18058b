//! The recorded bundle as files in memory, to be changed.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read},
};

use harness_core::{
    bundle::{Chain, Entry, Link, MANIFEST, Manifest, Sha256Hex},
    verify::{Bundle, Found, Verified, verify},
};

/// Files by path, the manifest among them.
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) strange: Vec<String>,
}

/// The files of a recorded bundle.
macro_rules! files {
    ($folder:literal: $($path:literal),*) => {
        [$(($path.to_owned(), include_bytes!(concat!($folder, "/", $path)).to_vec())),*].into()
    };
}

impl Memory {
    pub(crate) fn recorded() -> Self {
        let files = files!("bundle": "events.jsonl", "junit.xml", "logs/node.log", "logs/seed.log", "manifest.json", "plan.json", "verdict.json");
        Self { files, strange: Vec::new() }
    }

    /// One that a harness of format 1 has made.
    pub(crate) fn older() -> Self {
        let files = files!("bundle-1": "events.jsonl", "junit.xml", "logs/node.log", "logs/seed.log", "manifest.json", "plan.json", "verdict.json");
        Self { files, strange: Vec::new() }
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.files[file].clone()).unwrap()
    }

    /// Replaces a text that is there.
    pub(crate) fn change(&mut self, file: &str, from: &str, to: &str) {
        let before = self.text(file);
        let after = before.replacen(from, to, 1);
        assert_ne!(before, after, "a change that does nothing");
        self.files.insert(file.to_owned(), after.into_bytes());
    }

    pub(crate) fn manifest(&self) -> Manifest {
        serde_json::from_slice(&self.files[MANIFEST]).unwrap()
    }

    /// Makes the manifest fit the files as they are now, and then changes it.
    pub(crate) fn fit(&mut self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.manifest();
        for Entry { path, bytes, sha256 } in &mut manifest.files {
            if let Some(content) = self.files.get(path) {
                (*bytes, *sha256) = (content.len() as u64, Sha256Hex::of(&[content]));
            }
        }
        change(&mut manifest);
        self.files.insert(MANIFEST.to_owned(), manifest.to_bytes().unwrap());
    }

    /// Changes the lines of events, and writes chain and manifest anew.
    pub(crate) fn events(&mut self, change: impl FnOnce(&mut Vec<String>)) {
        let text = self.text("events.jsonl");
        let event = |line: &str| Link::read(line.as_bytes()).unwrap().event;
        let mut lines: Vec<String> =
            text.lines().map(|line| String::from_utf8(event(line)).unwrap()).collect();
        change(&mut lines);
        let mut chain = Chain::default();
        let mut bytes = Vec::new();
        for line in &lines {
            let mut line = line.clone().into_bytes();
            chain.seal(&mut line);
            bytes.extend(line);
            bytes.push(b'\n');
        }
        self.files.insert("events.jsonl".to_owned(), bytes);
        self.fit(|manifest| {
            (manifest.events, manifest.chain) = (lines.len() as u64, chain.last());
        });
    }

    pub(crate) fn verified(&self) -> Verified {
        verify(self, None).unwrap()
    }

    /// Everything that does not fit.
    pub(crate) fn said(&self) -> Vec<String> {
        self.verified().problems.iter().map(ToString::to_string).collect()
    }
}

impl Bundle for Memory {
    fn found(&self) -> io::Result<Found> {
        let files = self.files.keys().filter(|path| *path != MANIFEST).cloned().collect();
        Ok(Found { files, strange: self.strange.clone() })
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read>> {
        if path.contains("..") {
            return Err(io::Error::other("not inside"));
        }
        match self.files.get(path) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
