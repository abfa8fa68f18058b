//! Where entries are: one file for each run in a directory that only this user can read.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;

use super::entry::{Entry, VERSION};

/// More than an entry of hundreds of nodes.
const LARGEST: u64 = 1 << 20;

/// The directories that may have entries.
#[derive(Debug, Clone)]
pub struct Registry {
    dirs: Vec<PathBuf>,
}

/// A file among the entries that is none. It is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Registry {
    /// `$XDG_STATE_HOME`, else `$HOME/.local/state`, at last `/tmp`: new entries go into the first
    /// that can be written, and all of them are read.
    pub fn of_user(state_home: Option<PathBuf>, home: Option<PathBuf>) -> Self {
        let own = Path::new("hegemon-testbed/runs");
        let absolute = |path: &PathBuf| path.is_absolute();
        let mut dirs: Vec<PathBuf> =
            state_home.filter(absolute).map(|state| state.join(own)).into_iter().collect();
        dirs.extend(home.filter(absolute).map(|home| home.join(".local/state").join(own)));
        // Whoever makes it first could be anybody, so it is only used if it is ours.
        dirs.push(
            PathBuf::from(format!("/tmp/hegemon-testbed-{}", geteuid().as_raw())).join("runs"),
        );
        Self { dirs }
    }

    /// Writes a new run's entry and returns its file.
    ///
    /// # Errors
    ///
    /// If none of the directories can be written.
    pub fn add(&self, entry: &Entry) -> io::Result<PathBuf> {
        let mut last = io::Error::other("no directory for it");
        for dir in &self.dirs {
            let path = dir.join(format!("{}.json", entry.run));
            remove_abandoned(dir);
            match private(dir).and_then(|()| write(&path, entry)) {
                Ok(()) => return Ok(path),
                Err(why) => last = io::Error::new(why.kind(), format!("{}: {why}", dir.display())),
            }
        }
        Err(last)
    }

    /// Every entry with its file, and every file that is none.
    pub fn read(&self) -> (Vec<(PathBuf, Entry)>, Vec<Unreadable>) {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        for dir in &self.dirs {
            // One that is not ours has nothing to say to us.
            let Ok(files) = is_private(dir).and_then(|()| fs::read_dir(dir)) else { continue };
            let mut paths: Vec<PathBuf> = files
                .flatten()
                .map(|file| file.path())
                .filter(|path| path.extension().is_some_and(|end| end == "json"))
                .collect();
            paths.sort();
            for path in paths {
                match read(&path) {
                    Ok(entry) => entries.push((path, entry)),
                    // Its run ended between the two looks.
                    Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                    Err(why) => unreadable.push(Unreadable { path, why: why.to_string() }),
                }
            }
        }
        (entries, unreadable)
    }
}

/// Where an entry is written before it replaces the old one.
pub(super) fn incoming(path: &Path) -> PathBuf {
    path.with_extension("incoming")
}

/// Replaces an entry: whole or not at all.
pub(super) fn write(path: &Path, entry: &Entry) -> io::Result<()> {
    let incoming = incoming(path);
    let mut file = File::create(&incoming)?;
    let written = serde_json::to_vec_pretty(entry)
        .map_err(io::Error::other)
        .and_then(|text| file.write_all(&text));
    if let Err(why) = written.and_then(|()| fs::rename(&incoming, path)) {
        let _ = fs::remove_file(&incoming);
        return Err(why);
    }
    Ok(())
}

/// A node of a kept run was executed again, by hand.
///
/// # Errors
///
/// If its entry cannot be read or written, or has no such node.
pub fn started_again(path: &Path, node: &str, pid: i64, id: &str) -> io::Result<()> {
    let mut entry = read(path)?;
    let known = entry.nodes.get_mut(node);
    let known = known.ok_or_else(|| io::Error::other(format!("it has no node {node}")))?;
    (known.pid, known.id) = (pid, id.to_owned());
    write(path, &entry)
}

/// Reads one entry, and believes nothing of it that its name and its form do not bear out.
pub(super) fn read(path: &Path) -> io::Result<Entry> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(io::Error::other("no file, or a very large one"));
    }
    let entry: Entry = serde_json::from_slice(&fs::read(path)?)?;
    if entry.version != VERSION {
        return Err(io::Error::other(format!(
            "its form is {}; this harness reads {VERSION}",
            entry.version
        )));
    }
    let run = entry.run.as_str();
    let is_named = !run.is_empty()
        && run.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && path.file_stem().is_some_and(|stem| stem == run);
    let is_at_home = entry.dir.is_absolute()
        && entry
            .dir
            .file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with(&format!("-{run}")));
    if is_named && is_at_home {
        Ok(entry)
    } else {
        Err(io::Error::other("its run is not that of its name"))
    }
}

/// Half entries of harnesses that were killed while they wrote them. A day is longer than any
/// write.
fn remove_abandoned(dir: &Path) {
    const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
    let Ok(files) = is_private(dir).and_then(|()| fs::read_dir(dir)) else { return };
    for path in files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "incoming"))
    {
        let age = fs::symlink_metadata(&path)
            .and_then(|metadata| metadata.modified())
            .map(|at| at.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age >= ABANDONED) {
            let _ = fs::remove_file(path);
        }
    }
}

fn private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    is_private(dir)
}

fn is_private(dir: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(dir)?;
    let ours =
        metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if ours { Ok(()) } else { Err(io::Error::other("it is not this user's alone")) }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::provider::Owner;

    pub(in crate::lease) fn entry(run: &str) -> Entry {
        Entry {
            version: VERSION,
            run: run.to_owned(),
            scenario: "three-node".to_owned(),
            dir: format!("/nowhere/20261125T120000Z-three-node-{run}").into(),
            owner: Owner::this(),
            started: "2026-11-25T12:00:00Z".to_owned(),
            kept: false,
            provider: None,
            engine: None,
            nodes: BTreeMap::new(),
        }
    }

    #[test]
    fn what_was_added_is_read_and_nobody_else_can() {
        let home = tempfile::tempdir().unwrap();
        let registry = Registry { dirs: vec![home.path().join("a/runs")] };
        let path = registry.add(&entry("r1")).unwrap();
        assert_eq!(registry.read(), (vec![(path.clone(), entry("r1"))], Vec::new()));
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn half_an_entry_goes_with_its_run_or_after_a_day() {
        let home = tempfile::tempdir().unwrap();
        let registry = Registry { dirs: vec![home.path().join("runs")] };
        let path = registry.add(&entry("r1")).unwrap();
        let (own, old, new) = (
            incoming(&path),
            path.with_file_name("r2.incoming"),
            path.with_file_name("r3.incoming"),
        );
        for half in [&own, &old, &new] {
            fs::write(half, "{").unwrap();
        }
        File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60))
            .unwrap();
        registry.add(&entry("r4")).unwrap();
        assert_eq!((own.exists(), old.exists(), new.exists()), (true, false, true));
        crate::lease::forget(&path);
        assert!(!own.exists() && !path.exists());
    }

    #[test]
    fn a_directory_that_others_can_write_is_neither_written_nor_read() {
        let home = tempfile::tempdir().unwrap();
        let (open, own) = (home.path().join("open"), home.path().join("own"));
        let registry = Registry { dirs: vec![open.clone(), own.clone()] };
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        write(&open.join("r1.json"), &entry("r1")).unwrap();
        let path = registry.add(&entry("r2")).unwrap();
        assert!(path.starts_with(&own));
        assert_eq!(registry.read().0, [(path, entry("r2"))]);
    }

    #[test]
    fn what_is_no_entry_is_named_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let registry = Registry { dirs: vec![home.path().join("runs")] };
        let dir = registry.add(&entry("r1")).unwrap().parent().unwrap().to_owned();
        let text = fs::read_to_string(dir.join("r1.json")).unwrap();
        let elsewhere =
            serde_json::to_string(&Entry { dir: "/home/user".into(), ..entry("r7") }).unwrap();
        let relative = serde_json::to_string(&Entry { dir: "x-r8".into(), ..entry("r8") }).unwrap();
        for (name, content) in [
            ("r2.json", &text[..text.len() / 2]),
            ("r3.json", &text),
            ("r4.json", ""),
            ("r5.json", "\u{0}\u{0}"),
            ("r6.json", &text.replace("\"version\": 1", "\"version\": 2")),
            ("r7.json", &elsewhere),
            ("r8.json", &relative),
        ] {
            fs::write(dir.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.join("r9.json")).unwrap();
        let (entries, unreadable) = registry.read();
        assert_eq!((entries.len(), unreadable.len()), (1, 8), "{unreadable:?}");
        assert!(dir.join("r5.json").exists());
    }
}
