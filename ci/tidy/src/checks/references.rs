//! What documents and comments point to is there.
//!
//! Three things are taken for references: links of Markdown, with their anchors; between backticks,
//! what looks like a path of this repository; and outside of them, in comments and scripts, a path
//! that begins with one of the top folders and ends as a file does. Rustdoc has its own check of
//! links to items. A changelog is about the past: only its links are followed.

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    glob,
    prose::{self, Block},
    tree::{Tree, join, split},
};

/// Endings of files that people name.
const ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".sh", ".bash"];

/// Folders beside the project: it must stand alone.
const OUTSIDE: [&str; 2] = [concat!("..", "/shared"), concat!("/work", "/shared")];

/// References that lead nowhere.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            if let Some(outside) = OUTSIDE.iter().find(|outside| line.contains(*outside)) {
                let what = format!("`{outside}` is not part of the project");
                findings.push(Finding::at(path, number + 1, what));
            }
        }
        for block in prose::blocks(path, text) {
            if path.ends_with(".md") {
                findings.extend(links(tree, path, &block));
            }
            if !path.ends_with("CHANGELOG.md") {
                findings.extend(paths(tree, path, &block));
            }
        }
        if path.ends_with(".sh") || path.ends_with(".bash") {
            let script = Block { first: 1, text: text.to_owned(), code: true };
            findings.extend(paths(tree, path, &script));
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// Links of Markdown: `[text](target)`.
fn links(tree: &Tree, path: &str, block: &Block) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in block.lines().filter(|_| !block.code) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or(rest);
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if let Err(why) = follow(tree, path, target) {
                findings.push(Finding::at(path, number, format!("link to `{target}`: {why}")));
            }
        }
    }
    findings
}

fn follow(tree: &Tree, from: &str, target: &str) -> Result<(), &'static str> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let to = match file {
        "" => from.to_owned(),
        file => join(split(from).0, file).ok_or("leads out of the project")?,
    };
    if !tree.has(&to) && !to.is_empty() {
        return Err("is not there");
    }
    match tree.text(&to) {
        Some(text)
            if !anchor.is_empty() && to.ends_with(".md") && !anchors(text).contains(anchor) =>
        {
            Err("has no such heading")
        }
        _ => Ok(()),
    }
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in text.lines().filter_map(|line| line.strip_prefix('#')) {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
        let anchor: String = kept.map(|one| if one == ' ' { '-' } else { one }).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = [anchor.clone()].into_iter().chain(numbered).find(|one| !anchors.contains(one));
        anchors.extend(free);
    }
    anchors
}

/// Things that look like paths of this repository.
fn paths(tree: &Tree, path: &str, block: &Block) -> Vec<Finding> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    if !block.code {
        for (number, span) in block.spans() {
            words.extend(span.split_whitespace().map(|word| (number, word)));
        }
    }
    for (number, line) in block.lines() {
        let plain = line.split([' ', '`', '(', ')', '"', '\'', '\t', '[', ']', '=']);
        let files =
            plain.filter(|word| of_room(tree, trimmed(word)) && ends_as_file(trimmed(word)));
        words.extend(files.map(|word| (number, word)));
    }
    let mut findings = Vec::new();
    for (number, word) in words {
        let word = trimmed(word);
        if is_reference(tree, word) && !leads_somewhere(tree, path, word) {
            findings.push(Finding::at(path, number, format!("`{word}` is not there")));
        }
    }
    findings
}

/// Without punctuation around it, a place in the file and a slash behind it.
fn trimmed(word: &str) -> &str {
    let word = word.trim_start_matches(['(', '"', '\'', '|']);
    let word = word.trim_end_matches([',', ';', '.', ':', ')', '"', '\'', '!', '?', '|']);
    let (file, rest) = word.split_once(['#', ':']).unwrap_or((word, ""));
    let word = if rest.starts_with(':') { word } else { file };
    word.trim_end_matches('/')
}

fn of_room(tree: &Tree, word: &str) -> bool {
    word.split_once('/').is_some_and(|(first, _)| tree.folders_in("").any(|room| room == first))
}

fn ends_as_file(word: &str) -> bool {
    ENDINGS.iter().any(|end| word.strip_suffix(end).is_some_and(|name| !name.is_empty()))
}

fn is_reference(tree: &Tree, word: &str) -> bool {
    let plain = |one: char| one.is_ascii_alphanumeric() || "-_./*?{},".contains(one);
    if !word.starts_with(|one: char| one.is_ascii_alphanumeric() || one == '.' || one == '*')
        || !word.chars().all(plain)
    {
        return false;
    }
    // A scenario of the reader's own may have any name.
    of_room(tree, word) || ends_as_file(word) && (word.contains('/') || !word.ends_with(".toml"))
}

/// Whether that is a file or folder: from the folder of the one who says it or any above, from the
/// `src` of one of these, or, as the end of a path, anywhere in the same room.
fn leads_somewhere(tree: &Tree, from: &str, word: &str) -> bool {
    // `scenarios/NAME/scenario.toml` is about all of them.
    let placeholder =
        |part: &str| part.len() > 1 && part.chars().all(|one| one.is_ascii_uppercase());
    let parts: Vec<&str> =
        word.split('/').map(|part| if placeholder(part) { "*" } else { part }).collect();
    let word = parts.join("/");
    let mut folder = split(from).0;
    loop {
        let places = [join(folder, &word), join(folder, &format!("src/{word}"))];
        if places.iter().flatten().any(|place| tree.has(place) || tree.ignores(place)) {
            return true;
        }
        if folder.is_empty() {
            break;
        }
        folder = split(folder).0;
    }
    let room = from.split_once('/').map_or(String::new(), |(room, _)| format!("{room}/"));
    let bare = !word.contains('/');
    let mut files = tree.files().map(|(path, _)| path);
    ends_as_file(&word)
        && files.any(|path| {
            let near = bare || path.starts_with(&room);
            near && glob::matches(&format!("**/{word}"), path)
        })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of([
            (path, text),
            ("README.md", "# Top\n\n## Run it\n\n## Run it\n\n## Who decides, what?\n"),
            ("node/NOTES.md", ""),
            ("node/src/net/table.rs", ""),
            ("node/tests/prop_table.rs", ""),
            ("ci/leaks.sh", ""),
            ("plays/three/play.toml", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn links_are_followed_to_files_and_headings() {
        let good = "[a](NOTES.md) [b](../README.md#run-it-1) [c](../README.md#who-decides-what) [d](https://x.y) [e](..)";
        assert_eq!(found("node/A.md", good), NONE);
        assert_eq!(found("node/A.md", "# Here\n[a](#here)"), NONE);
        assert_eq!(
            found("node/A.md", "[a](GONE.md)\n[b](../README.md#gone) [c](../../x)"),
            [
                "node/A.md:1: link to `GONE.md`: is not there",
                "node/A.md:2: link to `../../x`: leads out of the project",
                "node/A.md:2: link to `../README.md#gone`: has no such heading",
            ]
        );
    }

    #[test]
    fn paths_between_backticks_are_there_from_where_they_are_said() {
        let good = "`net/table.rs`, `tests/prop_*.rs`, `node/src/net/`, `table.rs`, `NOTES.md`, `ci/leaks.sh 2`, `/proc/x.rs`, `a/b`, \
                    `net::table`, `mine.toml`, `plays/NAME/play.toml`, `table.rs:12`, `…/three/play.toml`, `verdict.json`";
        assert_eq!(found("node/A.md", good), NONE);
        assert_eq!(
            found(
                "node/A.md",
                "`net/gone.rs` and\n`tests/oracle_*.rs` `node/gone` `gone.rs`\n`gone.md`"
            ),
            [
                "node/A.md:1: `net/gone.rs` is not there",
                "node/A.md:2: `gone.rs` is not there",
                "node/A.md:2: `node/gone` is not there",
                "node/A.md:2: `tests/oracle_*.rs` is not there",
                "node/A.md:3: `gone.md` is not there",
            ]
        );
    }

    #[test]
    fn comments_are_read_as_documents_are_and_code_is_not() {
        let text = "//! See `../gone.md`.\n/// As `ci/leaks.sh` does; ci/gone.sh did.\nconst X: &str = \"`node/gone.rs`\";\n";
        assert_eq!(
            found("node/src/lib.rs", text),
            [
                "node/src/lib.rs:1: `../gone.md` is not there",
                "node/src/lib.rs:2: `ci/gone.sh` is not there",
            ]
        );
        assert_eq!(
            found("ci/x.sh", "source ci/gone.bash\n"),
            ["ci/x.sh:1: `ci/gone.bash` is not there"]
        );
    }

    #[test]
    fn the_project_stands_alone() {
        let text = format!("see {}/spec", super::OUTSIDE[0]);
        assert_eq!(found("node/A.md", &text).len(), 1);
    }

    #[test]
    fn a_changelog_may_name_what_is_gone() {
        assert_eq!(found("CHANGELOG.md", "Removed: `node/src/gone.rs`."), NONE);
    }
}
