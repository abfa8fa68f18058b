//! Finds a scenario, by the name of a shipped one or by path, and reads it.
//!
//! Shipped ones are in a folder `scenarios` where the user stands, in one beside this program, and in the program
//! itself (`carried`): the first that has a name has it.

mod carried;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

use harness_core::{
    document::{Problems, listed, nearest},
    scenario::{LARGEST_FILE, Origin, Overrides, Plan, load as load_text},
};

pub use carried::Carried;

/// The file inside a scenario's folder.
const FILE: &str = "scenario.toml";

/// Where the path of a scenario begins that is in no folder.
const BUILT_IN: &str = "<built-in>";

/// The shipped scenarios.
#[derive(Debug, Clone)]
pub struct Library {
    /// The first has the first word.
    folders: Vec<PathBuf>,
    carried: &'static [Carried],
}

/// A scenario that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scenario {
    /// A file that was named by its path.
    File(PathBuf),
    /// A file that was named by its folder's name.
    Shipped(PathBuf),
    /// In this program.
    Carried(Carried),
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

/// A folder that should have scenarios.
#[derive(Debug, thiserror::Error)]
#[error("the scenarios in {} cannot be read: {why}", .folder.display())]
pub struct Unreadable {
    folder: PathBuf,
    #[source]
    why: io::Error,
}

impl Library {
    /// What is in this folder, and nothing else.
    pub fn only(folder: PathBuf) -> Self {
        Self { folders: vec![folder], carried: &[] }
    }

    /// What is in those of these folders that are there, and what this program carries.
    pub fn beside(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let there = folders.into_iter().filter(|folder| folder.is_dir());
        Self { folders: there.collect(), carried: carried::ALL }
    }

    /// All of them, by name.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn all(&self) -> Result<BTreeMap<String, Scenario>, Unreadable> {
        let mut all = BTreeMap::new();
        for folder in &self.folders {
            let names =
                names_in(folder).map_err(|why| Unreadable { folder: folder.clone(), why })?;
            for name in names {
                let scenario = Scenario::Shipped(file_in(folder, &name));
                all.entry(name).or_insert(scenario);
            }
        }
        for carried in self.carried {
            all.entry(carried.name.to_owned()).or_insert(Scenario::Carried(*carried));
        }
        Ok(all)
    }

    /// What the user means. A word without a path separator that does not end in `.toml` is a
    /// shipped name first; a file or folder of that name in the current directory is taken only if
    /// nothing shipped has it.
    ///
    /// # Errors
    ///
    /// If there is no such scenario.
    pub fn find(&self, argument: &Path) -> Result<Scenario, NotFound> {
        let text = argument.to_string_lossy();
        let is_path =
            text.contains(MAIN_SEPARATOR) || text.ends_with(".toml") || text == "." || text == "..";
        if let (false, Some(scenario)) = (is_path, self.shipped(&text)) {
            return Ok(scenario);
        }
        let inside = argument.join(FILE);
        if inside.is_file() {
            return Ok(Scenario::File(inside));
        }
        // Anything that exists is the user's file: a directory or device is refused by the reader
        // with its reason.
        if argument.is_file() {
            return Ok(Scenario::File(argument.to_owned()));
        }
        if is_path {
            return Err(NotFound::Path(argument.to_owned()));
        }
        let all = self.all().unwrap_or_default();
        let words = || all.keys().map(String::as_str);
        Err(NotFound::Name {
            near: match nearest(&text, words()) {
                Some(near) => {
                    format!("did you mean `{near}`? (`harness list` shows the shipped ones)")
                }
                None => format!("there is {}", listed(words())),
            },
            asked: text.into_owned(),
        })
    }

    fn shipped(&self, name: &str) -> Option<Scenario> {
        let has = |folder: &&PathBuf| folder.join(name).join(FILE).is_file();
        let of_folder = self.folders.iter().find(has);
        let of_folder = of_folder.map(|folder| Scenario::Shipped(file_in(folder, name)));
        let mut carried = self.carried.iter().filter(|carried| carried.name == name);
        of_folder.or_else(|| carried.next().copied().map(Scenario::Carried))
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join(FILE).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn file_in(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name).join(FILE);
    path.canonicalize().unwrap_or(path)
}

impl Scenario {
    /// Reads it. The problems hold warnings if there is a plan, and at least one error if there is
    /// none.
    pub fn load(&self, overrides: &Overrides) -> (Option<Plan>, Problems) {
        match self {
            Self::File(path) | Self::Shipped(path) => load(path, overrides),
            Self::Carried(Carried { name, text }) => {
                // Nobody's path: it names no file beside itself.
                let path = Path::new(BUILT_IN).join(name).join(FILE);
                load_text(Origin { name, path: &path }, (*text).to_owned(), overrides)
            }
        }
    }

    /// The folder of scenarios that it is in; `None`: it is built in, or was named by its path.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Shipped(path) => path.ancestors().nth(2),
            Self::File(_) | Self::Carried(_) => None,
        }
    }

    /// Who named it may have meant the one that this program carries, which says something else.
    pub fn hides_another(&self) -> bool {
        let Self::Shipped(path) = self else { return false };
        let carried = Carried::named(&scenario_name(path));
        carried.is_some_and(|carried| read(path).is_ok_and(|text| text != carried.text))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Shipped(path) => path.display().fmt(f),
            Self::Carried(carried) => write!(f, "built-in {}", carried.name),
        }
    }
}

/// Reads a scenario's file. The problems hold warnings if there is a plan, and at least one error if
/// there is none.
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
mod tests;
