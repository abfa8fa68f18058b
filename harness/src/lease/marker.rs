//! The file that says "this directory is a testbed run's own", and the lock on it that says "and
//! the run lives". It is in the scratch directory, so it goes when that goes.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

pub use harness_run::evidence::MARKER;
use harness_run::evidence::remove_marked;

/// Longer than any marker.
const LONGEST: u64 = 200;

/// Whoever looks at a marker holds it for a moment, and whoever acts on the run for longer than this.
const A_LOOK: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(5);

/// A living run's hold on its scratch directory. The lock is the kernel's and the descriptor closes
/// on `execve`: nobody inherits it, and it ends with the process, however that ends.
#[derive(Debug)]
pub struct Marker {
    _file: File,
}

/// What a directory's marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerState {
    /// There is no directory.
    NoDirectory,
    /// The run's, and somebody holds it.
    Held,
    /// The run's, and nobody holds it.
    Free,
    /// There is a directory that is not known to be this run's.
    Foreign,
}

impl Marker {
    /// Marks a new run's scratch directory and holds it.
    ///
    /// # Errors
    ///
    /// If it is marked already, or cannot be.
    pub fn hold(scratch: &Path, run: &str) -> io::Result<Self> {
        let mut file = File::create_new(scratch.join(MARKER))?;
        file.lock()?;
        file.write_all(content(run).as_bytes())?;
        Ok(Self { _file: file })
    }

    /// Holds the scratch directory of a run that stays, which nobody holds: it is not removed meanwhile.
    ///
    /// # Errors
    ///
    /// If it is gone, or another's, or somebody holds it.
    pub fn take(scratch: &Path, run: &str) -> io::Result<Self> {
        let taken = || io::Error::other("somebody else acts on this run; try again later");
        match Self::look(scratch, run) {
            MarkerState::Free => {}
            MarkerState::NoDirectory => return Err(io::Error::other("its directory is gone")),
            MarkerState::Held => return Err(taken()),
            MarkerState::Foreign => return Err(io::Error::other("it has no marker of this run")),
        }
        let file = File::open(scratch.join(MARKER))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if began.elapsed() < A_LOOK => thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => return Err(taken()),
                Err(TryLockError::Error(why)) => return Err(why),
            }
        }
    }

    /// What the marker of this scratch directory says of this run. A link is never followed.
    pub fn look(scratch: &Path, run: &str) -> MarkerState {
        match fs::symlink_metadata(scratch) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return MarkerState::NoDirectory,
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) | Err(_) => return MarkerState::Foreign,
        }
        let path = scratch.join(MARKER);
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return MarkerState::Foreign;
        }
        let Ok(file) = File::open(&path) else { return MarkerState::Foreign };
        let mut text = String::new();
        if (&file).take(LONGEST).read_to_string(&mut text).is_err() || text != content(run) {
            return MarkerState::Foreign;
        }
        // Shared: two that look at the same moment do not take each other for the run.
        match file.try_lock_shared() {
            Ok(()) => MarkerState::Free,
            Err(TryLockError::WouldBlock) => MarkerState::Held,
            // A file system without locks: nobody can say that it is free.
            Err(TryLockError::Error(_)) => MarkerState::Held,
        }
    }

    /// Removes the scratch directory of a dead run, the marker last: what is left half-way still
    /// says whose it is.
    ///
    /// # Errors
    ///
    /// If its marker does not say that it is this dead run's, or something in it cannot be removed.
    pub fn remove(scratch: &Path, run: &str) -> io::Result<()> {
        match Self::look(scratch, run) {
            MarkerState::Free => {}
            MarkerState::NoDirectory => return Ok(()),
            MarkerState::Held => return Err(io::Error::other("somebody holds its lock")),
            MarkerState::Foreign if is_barely_begun(scratch) => {}
            MarkerState::Foreign => {
                return Err(io::Error::other(
                    "it has no marker of this run; if it is to go, remove it by hand",
                ));
            }
        }
        match remove_marked(scratch) {
            // Somebody else was quicker.
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Nothing is in it but perhaps a marker without a word, which nobody holds: its run was killed as
/// it began, or as it ended. There is nothing to lose.
fn is_barely_begun(scratch: &Path) -> bool {
    let is_empty_marker = |path: &Path| {
        path.file_name().is_some_and(|name| name == MARKER)
            && fs::symlink_metadata(path)
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
            && File::open(path).is_ok_and(|file| file.try_lock_shared().is_ok())
    };
    fs::symlink_metadata(scratch).is_ok_and(|metadata| metadata.is_dir())
        && fs::read_dir(scratch).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| is_empty_marker(&entry.path())))
        })
}

fn content(run: &str) -> String {
    format!(
        "hegemon-testbed run {run}\nMade by the harness for as long as the run lasts. `harness gc` removes this directory when the run is dead.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_not_removed_and_what_is_gone_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        fs::create_dir(&scratch).unwrap();
        let held = Marker::hold(&scratch, "r1").unwrap();
        assert!(Marker::take(&scratch, "r1").is_err(), "its run lives");
        drop(held);
        is_let_go(&scratch);
        assert!(Marker::take(&scratch, "r2").is_err(), "another run's");
        let taken = Marker::take(&scratch, "r1").unwrap();
        assert!(Marker::remove(&scratch, "r1").is_err());
        drop(taken);
        is_let_go(&scratch);
        Marker::remove(&scratch, "r1").unwrap();
        assert!(Marker::take(&scratch, "r1").is_err());
    }

    #[test]
    fn it_is_held_as_long_as_its_run_lives() {
        let dir = tempfile::tempdir().unwrap();
        let held = Marker::hold(dir.path(), "r1").unwrap();
        assert_eq!(Marker::look(dir.path(), "r1"), MarkerState::Held);
        assert!(Marker::remove(dir.path(), "r1").is_err());
        assert_eq!(Marker::look(dir.path(), "r2"), MarkerState::Foreign, "another run's");
        assert!(Marker::hold(dir.path(), "r1").is_err(), "and nobody else's");
        drop(held);
        is_let_go(dir.path());
    }

    /// Another test's child has a copy of the lock from when it is forked until it is executed.
    fn is_let_go(scratch: &Path) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Marker::look(scratch, "r1") == MarkerState::Held && Instant::now() < deadline {
            thread::yield_now();
        }
        assert_eq!(Marker::look(scratch, "r1"), MarkerState::Free);
    }

    #[test]
    fn a_directory_without_the_marker_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "x").unwrap();
        for marker in ["", "hegemon-testbed run r2\n", "\u{0}", "hegemon"] {
            fs::write(dir.path().join(MARKER), marker).unwrap();
            assert_eq!(Marker::look(dir.path(), "r1"), MarkerState::Foreign, "{marker:?}");
            assert!(Marker::remove(dir.path(), "r1").is_err());
        }
        assert!(dir.path().join("precious").exists());
    }

    #[test]
    fn what_a_run_left_that_was_killed_as_it_began_or_ended_goes() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        fs::create_dir(&scratch).unwrap();
        Marker::remove(&scratch, "r1").unwrap();
        assert!(!scratch.exists());
        fs::create_dir(&scratch).unwrap();
        let begun = File::create_new(scratch.join(MARKER)).unwrap();
        begun.lock().unwrap();
        assert!(Marker::remove(&scratch, "r1").is_err(), "it is being written");
        drop(begun);
        Marker::remove(&scratch, "r1").unwrap();
        assert!(!scratch.exists());
    }

    #[test]
    fn two_that_look_do_not_take_each_other_for_the_run() {
        let dir = tempfile::tempdir().unwrap();
        drop(Marker::hold(dir.path(), "r1").unwrap());
        let looking = File::open(dir.path().join(MARKER)).unwrap();
        looking.lock_shared().unwrap();
        is_let_go(dir.path());
    }

    #[test]
    fn whoever_takes_it_waits_for_a_look_and_not_for_an_act() {
        let dir = tempfile::tempdir().unwrap();
        drop(Marker::hold(dir.path(), "r1").unwrap());
        is_let_go(dir.path());
        let looking = File::open(dir.path().join(MARKER)).unwrap();
        looking.lock_shared().unwrap();
        let why = Marker::take(dir.path(), "r1").unwrap_err();
        assert!(why.to_string().contains("somebody else acts on this run"), "{why}");
        let taken = thread::scope(|scope| {
            let taking = scope.spawn(|| Marker::take(dir.path(), "r1"));
            thread::sleep(10 * AGAIN);
            assert!(!taking.is_finished(), "it did not wait");
            drop(looking);
            taking.join().unwrap()
        });
        taken.unwrap();
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("scratch"));
        fs::create_dir(&real).unwrap();
        drop(Marker::hold(&real, "r1").unwrap());
        is_let_go(&real);
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(Marker::remove(&link, "r1").is_err());
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, real.join("way out")).unwrap();
        Marker::remove(&real, "r1").unwrap();
        assert!(!real.exists() && outside.join("precious").exists());
    }
}
