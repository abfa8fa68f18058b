//! What `.gitignore` files name: build output and runs, which are no part of the project. The walk
//! must work in an unpacked archive, where no git can be asked. Only the forms that this
//! repository uses are known; any other line is an error, not a guess.

use crate::glob;

/// The lines of all `.gitignore` files that were read, each with the folder that it counts for.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// Where the file was: empty for the top, else with `/` at its end.
    folder: String,
    pattern: String,
    /// Whether it counts in `folder` itself only.
    anchored: bool,
}

impl Ignored {
    /// Adds the file of `folder` (empty: the top of the tree).
    ///
    /// # Errors
    ///
    /// The first line of a form that is not known here.
    pub(crate) fn add(&mut self, folder: &str, text: &str) -> Result<(), String> {
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.starts_with('#') {
                continue;
            }
            if line.starts_with('!') || line.contains(['[', '\\']) {
                return Err(format!("`{folder}.gitignore`: tidy does not know the form `{line}`"));
            }
            let pattern = line.trim_end_matches('/');
            let anchored = pattern.contains('/');
            let pattern = pattern.trim_start_matches('/').to_owned();
            self.rules.push(Rule { folder: folder.clone(), pattern, anchored });
        }
        Ok(())
    }

    /// Whether a file or folder is named, itself or by one of the folders that it lies in.
    pub(crate) fn names(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.names_itself(&path[..end]))
    }

    fn names_itself(&self, path: &str) -> bool {
        self.rules.iter().any(|rule| {
            let Some(below) = path.strip_prefix(&rule.folder) else {
                return false;
            };
            let last = below.rsplit('/').next().unwrap_or(below);
            glob::matches(&rule.pattern, if rule.anchored { below } else { last })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Ignored;

    #[test]
    fn an_anchored_name_counts_in_its_folder_and_a_plain_one_everywhere_below() {
        let mut ignored = Ignored::default();
        ignored.add("", "# build output\n/target\n*.snap.new\n").unwrap();
        ignored.add("node/fuzz", "/corpus/\n").unwrap();
        assert!(ignored.names("target/debug/x"));
        assert!(!ignored.names("node/target"));
        assert!(ignored.names("node/tests/a.snap.new"));
        assert!(ignored.names("node/fuzz/corpus/frame/1"));
        assert!(!ignored.names("corpus"));
    }

    #[test]
    fn an_unknown_form_is_an_error() {
        assert!(Ignored::default().add("", "!keep").is_err());
    }
}
