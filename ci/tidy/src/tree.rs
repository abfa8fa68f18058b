//! The files of the project, read once. Every check is a function of this; tests make one up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use crate::{glob, ignored::Ignored};

/// All files that belong to the project, by their path from the top, with `/`.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    ignored: Ignored,
}

impl Tree {
    /// Reads the project in `root`, without `.git` and without what `.gitignore` files name. Links
    /// are not followed. A file that is not UTF-8 is there without its text.
    ///
    /// # Errors
    ///
    /// If something cannot be read, or a `.gitignore` has a line of a form that is not known.
    pub fn load(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.load_folder(root, "")?;
        Ok(tree)
    }

    /// A tree made up for a test: paths and their texts.
    pub fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path.to_owned(), text.to_owned());
        }
        tree
    }

    /// Every file with its text, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every file whose name ends so.
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The folders directly in `folder` (empty: the top), by name.
    pub fn folders_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.folders.iter().filter_map(move |path| {
            let (parent, name) = split(path);
            (parent == folder).then_some(name)
        })
    }

    /// Whether a file or folder is there. `path` may be a pattern.
    pub fn has(&self, path: &str) -> bool {
        if glob::is_pattern(path) {
            let mut all = self.files.keys().chain(&self.folders);
            return all.any(|one| glob::matches(path, one));
        }
        self.files.contains_key(path) || self.folders.contains(path)
    }

    /// Whether `.gitignore` names this: it may be there after a build or a run.
    pub fn ignores(&self, path: &str) -> bool {
        self.ignored.names(path)
    }

    fn load_folder(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        let here = root.join(folder);
        if let Ok(text) = fs::read_to_string(here.join(".gitignore")) {
            self.ignored.add(folder, &text).map_err(io::Error::other)?;
        }
        for entry in fs::read_dir(&here)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            if name == ".git" || self.ignored.names(&path) {
                continue;
            }
            if kind.is_dir() {
                self.load_folder(root, &path)?;
            } else if kind.is_file() {
                let text = String::from_utf8(fs::read(entry.path())?).unwrap_or_default();
                self.add(path, text);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, text: String) {
        let mut folder = split(&path).0;
        while !folder.is_empty() && self.folders.insert(folder.to_owned()) {
            folder = split(folder).0;
        }
        self.files.insert(path, text);
    }
}

/// A path's folder (empty at the top) and its last part.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// `folder/name`, and `name` alone at the top; `.` and `..` are walked. `None` if that leads out of
/// the tree.
pub fn join(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{Tree, join};

    #[test]
    fn a_tree_knows_the_folders_of_its_files() {
        let tree = Tree::of([("a/b/c.rs", ""), ("README.md", "")]);
        assert!(tree.has("a/b") && tree.has("a") && tree.has("a/*/c.rs"));
        assert!(!tree.has("b"));
        assert_eq!(tree.folders_in("").collect::<Vec<_>>(), ["a"]);
        assert_eq!(tree.folders_in("a").collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_path_that_leads_out_of_the_tree_is_nowhere() {
        assert_eq!(join("a/b", "../c.md").as_deref(), Some("a/c.md"));
        assert_eq!(join("a", "../../c.md"), None);
    }
}
