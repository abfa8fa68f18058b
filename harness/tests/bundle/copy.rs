//! Copies of a bundle that passed, to tamper with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness_core::bundle::{Chain, Entry, Link, Manifest, Sha256Hex};

use crate::{found, good, said};

/// A copy of it to tamper with.
pub(crate) struct Copy {
    pub(crate) folder: tempfile::TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = good().dir.path();
        fs::create_dir(folder.path().join("logs")).unwrap();
        for file in names(from) {
            fs::copy(from.join(&file), folder.path().join(&file)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let (before, path) = (self.text(file), self.path(file));
        let after = change(before.clone());
        assert_ne!(before, after, "a tampering that does nothing");
        fs::write(path, after).unwrap();
    }

    pub(crate) fn lines(&self, change: impl FnOnce(&mut Vec<String>)) {
        self.change("events.jsonl", |text| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            lines.concat_lines()
        });
    }

    /// Makes the manifest fit the files as they are now.
    pub(crate) fn fit_manifest(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest: Manifest = serde_json::from_str(&self.text("manifest.json")).unwrap();
        for Entry { path, bytes, sha256 } in &mut manifest.files {
            let content = fs::read(self.path(path)).unwrap();
            (*bytes, *sha256) = (content.len() as u64, Sha256Hex::of(&[&content]));
        }
        change(&mut manifest);
        fs::write(self.path("manifest.json"), manifest.to_bytes().unwrap()).unwrap();
    }

    /// It is noticed, and this is among the reasons.
    #[track_caller]
    pub(crate) fn is_noticed(&self, reasons: &[&str]) {
        let verified = found(self.folder.path());
        assert!(!verified.is_whole());
        let said = said(&verified).join("\n");
        for reason in reasons {
            assert!(said.contains(reason), "{reason}\n---\n{said}");
        }
    }
}

trait ConcatLines {
    fn concat_lines(&self) -> String;
}

impl ConcatLines for Vec<String> {
    fn concat_lines(&self) -> String {
        self.iter().map(|line| format!("{line}\n")).collect()
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let logs = fs::read_dir(dir.join("logs"))
        .unwrap()
        .map(|log| format!("logs/{}", log.unwrap().file_name().to_str().unwrap()));
    ["events.jsonl", "plan.json", "verdict.json", "junit.xml", "report.html", "manifest.json"]
        .map(str::to_owned)
        .into_iter()
        .chain(logs)
        .collect()
}

/// The line of the first event of a kind, from 0.
pub(crate) fn first(lines: &[String], event: &str) -> usize {
    lines.iter().position(|line| line.contains(&format!("\"event\":\"{event}\""))).unwrap()
}

/// All values of the chain anew: what somebody does who knows how.
pub(crate) fn chained(lines: &mut [String]) -> Sha256Hex {
    let mut chain = Chain::default();
    for line in lines {
        let mut event = Link::read(line.as_bytes()).unwrap().event;
        chain.seal(&mut event);
        *line = String::from_utf8(event).unwrap();
    }
    chain.last()
}
