//! Finds a scenario, by the name of a shipped one or by path, and reads it.

use std::{
    fs, io,
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

use harness_core::{
    document::{Problems, listed, nearest},
    scenario::{LARGEST_FILE, Origin, Overrides, Plan, load as load_text},
};

/// The file inside a scenario's folder.
const FILE: &str = "scenario.toml";

/// The folder with the shipped scenarios.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

/// An argument that names no scenario.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// Neither a shipped name nor a path.
    #[error(
        "no scenario `{asked}`; {near}\n  a file or folder elsewhere is given with a path, like `./{asked}`"
    )]
    Name {
        /// What the user wrote.
        asked: String,
        /// The nearest name, as a question, or all of them.
        near: String,
    },
    /// A path with nothing at its end.
    #[error(
        "no scenario at `{}`: neither a file nor a folder with a `{FILE}`\n  `harness list` shows the shipped ones, `harness init` writes a first one of your own", .0.display()
    )]
    Path(PathBuf),
}

impl Library {
    /// In `folder`; the workspace's own if none is named.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder: folder
                .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")),
        }
    }

    /// Names of all scenarios in the folder, sorted.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().join(FILE).is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Where a shipped scenario's file is.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name).join(FILE);
        path.canonicalize().unwrap_or(path)
    }

    /// The folder that is searched.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the user means. A word without a path separator that does not end in `.toml` is a
    /// shipped name first; a file or folder of that name in the current directory is taken only if
    /// nothing shipped has it.
    ///
    /// # Errors
    ///
    /// If there is no such scenario.
    pub fn find(&self, argument: &Path) -> Result<PathBuf, NotFound> {
        let text = argument.to_string_lossy();
        let is_path =
            text.contains(MAIN_SEPARATOR) || text.ends_with(".toml") || text == "." || text == "..";
        if !is_path && self.folder.join(argument).join(FILE).is_file() {
            return Ok(self.file(&text));
        }
        let inside = argument.join(FILE);
        if inside.is_file() {
            return Ok(inside);
        }
        // Anything that exists is the user's file: a directory or device is refused by the reader
        // with its reason.
        if argument.is_file() {
            return Ok(argument.to_owned());
        }
        if is_path {
            return Err(NotFound::Path(argument.to_owned()));
        }
        let names = self.names().unwrap_or_default();
        let words = || names.iter().map(String::as_str);
        Err(NotFound::Name {
            near: match near(&text, words()) {
                Some(near) => {
                    format!("did you mean `{near}`? (`harness list` shows the shipped ones)")
                }
                None => format!("there is {}", listed(words())),
            },
            asked: text.into_owned(),
        })
    }
}

/// A scenario of the user's own, where `harness init` puts it, or the shipped one with the nearest name.
fn near<'a>(text: &str, shipped: impl Iterator<Item = &'a str>) -> Option<String> {
    let own = Path::new("scenarios").join(text);
    if own.join(FILE).is_file() {
        return Some(own.display().to_string());
    }
    nearest(text, shipped).map(str::to_owned)
}

/// Reads a scenario. The problems hold warnings if there is a plan, and at least one error if there
/// is none.
pub fn load(path: &Path, overrides: &Overrides) -> (Option<Plan>, Problems) {
    match read(path) {
        Ok(text) => load_text(Origin { name: &scenario_name(path), path }, text, overrides),
        Err(why) => {
            let mut problems = Problems::new(path.to_owned(), String::new());
            problems.error_file(format!("cannot be read: {why}"));
            (None, problems)
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|why| why.to_string())?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    if metadata.len() > LARGEST_FILE {
        return Err(format!("larger than {LARGEST_FILE} bytes"));
    }
    fs::read_to_string(path).map_err(|why| why.to_string())
}

/// The folder's name for `…/three-node/scenario.toml`, the file's for `…/mine.toml`.
fn scenario_name(path: &Path) -> String {
    let is_standard = path.file_name().is_some_and(|name| name == FILE);
    let named_by = if is_standard {
        path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned))
    } else {
        None
    };
    let stem = match &named_by {
        Some(folder) => folder.file_name(),
        None => path.file_stem(),
    };
    stem.map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["three-node", "late-join"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(FILE), "").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        let library = Library::new(Some(folder.path().to_owned()));
        (folder, library)
    }

    #[test]
    fn a_name_is_a_shipped_scenario() {
        let (folder, library) = library();
        assert_eq!(library.names().unwrap(), ["late-join", "three-node"]);
        let found = library.find(Path::new("three-node")).unwrap();
        assert_eq!(found, folder.path().canonicalize().unwrap().join("three-node").join(FILE));
        assert_eq!(scenario_name(&found), "three-node");
    }

    #[test]
    fn a_path_is_a_file_or_its_folder() {
        let (folder, library) = library();
        let other = folder.path().join("other.toml");
        fs::write(&other, "").unwrap();
        assert_eq!(library.find(&other).unwrap(), other);
        assert_eq!(scenario_name(&other), "other");
        assert_eq!(
            library.find(&folder.path().join("late-join")).unwrap(),
            folder.path().join("late-join").join(FILE)
        );
        assert!(matches!(library.find(&folder.path().join("empty")), Err(NotFound::Path(_))));
    }

    #[test]
    fn a_misspelt_name_says_which_there_are() {
        let (_folder, library) = library();
        let error = |asked: &str| library.find(Path::new(asked)).unwrap_err().to_string();
        assert!(error("three-nodes").contains("did you mean `three-node`?"));
        assert!(error("something").contains("there is `late-join` and `three-node`"));
    }
}
