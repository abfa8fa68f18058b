//! Every `lib.rs` and `mod.rs` is a map of its modules.
//!
//! With a table whose first column is headed `module`: every module is named in it, and every plain
//! name in that column is a module. Without a table, the text names every module between backticks;
//! or says of a family of like ones what they have in common, as "one scenario a file". Modules for
//! tests need no mention.

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    prose::{self, Block},
    source::{Child, Sources},
    tree::{Tree, split},
};

/// Maps that leave out a module, or have one that is not there.
pub fn check(tree: &Tree, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in sources {
        let is_map = matches!(split(path).1, "lib.rs" | "mod.rs");
        if is_map && !source.body.children.is_empty() {
            let docs = documentation(tree.text(path).unwrap_or_default());
            findings.extend(of_file(path, &docs, &source.body.children));
        }
    }
    findings
}

fn of_file(path: &str, docs: &str, children: &[Child]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = table(docs);
    let wanted: Vec<&Child> = children.iter().filter(|child| !child.test_only).collect();
    for (line, first) in rows.iter().filter_map(|(line, row)| Some((line, cells(row).next()?))) {
        let names = names(first);
        for name in names.iter().filter(|name| !name.contains("::")) {
            if !children.iter().any(|child| child.name == *name) {
                let what = format!("the map has `{name}`, and there is no such module");
                findings.push(Finding::at(path, *line, what));
            }
        }
    }
    let named: BTreeSet<String> = match rows.as_slice() {
        [] if wanted.len() < 2 || is_family(docs) => return findings,
        [] => names(docs),
        rows => rows.iter().flat_map(|(_, row)| names(row)).collect(),
    };
    let is_named = |name: &str| named.contains(name) || named.contains(&format!("{name}::"));
    let missing: Vec<&&Child> = wanted
        .iter()
        .filter(|child| !is_named(&child.name) && !is_named(&child.name.replace('_', "-")))
        .collect();
    if let Some(first) = missing.first() {
        let missing: Vec<String> = missing.iter().map(|one| format!("`{}`", one.name)).collect();
        let what = format!("the map does not name {}", missing.join(", "));
        findings.push(Finding::at(path, first.line, what));
    }
    findings
}

/// The `//!` lines at a file's top, without the slashes.
fn documentation(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.trim().to_owned() + "\n").collect()
}

/// The rows of the table of modules, with their line numbers.
fn table(docs: &str) -> Vec<(usize, &str)> {
    let lines = docs.lines().enumerate().map(|(index, line)| (index + 1, line));
    let from = lines.skip_while(|(_, line)| cells(line).next() != Some("module"));
    from.take_while(|(_, line)| line.starts_with('|')).skip(2).collect()
}

fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.strip_prefix('|').into_iter().flat_map(|row| row.split('|')).map(str::trim)
}

/// What stands between backticks, as a name; `book::record` is also a mention of `book`.
fn names(text: &str) -> BTreeSet<String> {
    let blocks = prose::blocks("docs.md", text);
    let spans = blocks.iter().flat_map(Block::spans);
    let mut names = BTreeSet::new();
    for (_, span) in spans {
        let span = span.trim_end_matches(".rs").trim_end_matches('/');
        names.insert(span.to_owned());
        if let Some((first, _)) = span.split_once("::").filter(|(first, _)| *first != "crate") {
            names.insert(first.to_owned() + "::");
        }
    }
    names
}

fn is_family(docs: &str) -> bool {
    let words: Vec<String> = docs.split_whitespace().map(str::to_lowercase).collect();
    let start = |word: &str, wanted: &str| word.trim_end_matches(['.', ',', ';']) == wanted;
    words.windows(4).any(|four| {
        four[0] == "one" && matches!(four[2].as_str(), "a" | "per") && start(&four[3], "file")
    }) || words
        .windows(3)
        .any(|three| three[0] == "one" && three[1] == "file" && start(&three[2], "each"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::{source::read_all, tree::Tree};

    const NONE: [&str; 0] = [];

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of([("x/src/lib.rs", text)]);
        check(&tree, &read_all(&tree).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_names_every_module_and_no_other() {
        let table = "//! | module | is about |\n//! | --- | --- |\n//! | [`a`], [`b`](mod@b) | all; `c` is a part |\n//! | [`crate::z`] | elsewhere |\n";
        assert_eq!(found(&format!("{table}mod a; mod b; mod c;\n#[cfg(test)] mod testing;")), NONE);
        assert_eq!(
            found(&format!("{table}mod a;\nmod c;\nmod d;")),
            [
                "x/src/lib.rs:3: the map has `b`, and there is no such module",
                "x/src/lib.rs:7: the map does not name `d`",
            ]
        );
    }

    #[test]
    fn text_may_be_the_map() {
        assert_eq!(found("//! `a` reads, `b-c` writes.\nmod a; mod b_c;"), NONE);
        assert_eq!(
            found("//! `a` reads.\nmod a; mod b;"),
            ["x/src/lib.rs:2: the map does not name `b`"]
        );
    }

    #[test]
    fn a_family_need_not_be_named_and_neither_need_an_only_child() {
        assert_eq!(found("//! The table: one scenario a\n//! file.\nmod a; mod b;"), NONE);
        assert_eq!(found("//! Faults. One file each.\nmod a; mod b;"), NONE);
        assert_eq!(found("//! Something.\nmod a;"), NONE);
    }
}
