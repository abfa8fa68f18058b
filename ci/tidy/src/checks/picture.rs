//! The picture of crates and modules in ARCHITECTURE.md is what the code has.
//!
//! Packages stand above what they depend on, modules above what they use. An arrow that follows from
//! others is not drawn, so the picture changes when the order does, not with every import.

use std::fmt::Write as _;

use crate::{
    finding::Finding,
    graph::Graph,
    modules::{self, arrows::SELF},
    packages::{Package, Target},
    source::Sources,
    tree::{Tree, split},
};

/// Where the picture is.
pub const DOCUMENT: &str = "ARCHITECTURE.md";

const BEGIN: &str = "<!-- tidy: crates and modules -->";
const END: &str = "<!-- /tidy -->";
const WIDTH: usize = 100;

/// The picture, as a block of Markdown.
pub fn draw(packages: &[Package], sources: &Sources) -> String {
    let mut graph = Graph::default();
    for package in packages {
        graph.name(&package.name);
        for name in package.dependencies.iter().filter(|name| is_ours(packages, name)) {
            graph.arrow(&package.name, name);
        }
    }
    let mut parts = Vec::new();
    for name in graph.order() {
        let Some(package) = packages.iter().find(|package| package.name == name) else { continue };
        for target in &package.targets {
            let modules = modules_of(target, sources);
            let library = target.name == package.name;
            if library {
                let title = format!("{name} ({}/)", package.folder);
                parts.push(line(&title, 0, &graph.arrows(name).collect::<Vec<_>>()) + &modules);
            } else if !modules.is_empty() {
                parts.push(format!("{name}, {}\n{modules}", target.name));
            }
        }
    }
    format!("```text\n{}```\n", parts.join("\n"))
}

/// A picture that is not the one that the document has.
pub fn check(tree: &Tree, picture: &str) -> Vec<Finding> {
    let text = tree.text(DOCUMENT).unwrap_or_default();
    match replaced(text, picture) {
        None => vec![Finding::of(DOCUMENT, format!("has no `{BEGIN}` … `{END}`"))],
        Some(new) if new == text => Vec::new(),
        Some(new) => {
            let changed = text.lines().zip(new.lines()).position(|(old, new)| old != new);
            let number = changed.unwrap_or_else(|| text.lines().count().min(new.lines().count()));
            let now = new.lines().nth(number).unwrap_or_default();
            let what = format!("the picture is not what the code has, from here on: `{now}`");
            vec![Finding::at(DOCUMENT, number + 1, what)]
        }
    }
}

/// The document with this picture; `None` if it has no place for one.
pub fn replaced(text: &str, picture: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{picture}{END}{after}"))
}

fn is_ours(packages: &[Package], name: &str) -> bool {
    packages.iter().any(|package| package.name == name)
}

/// A line for each top module; empty if there is none.
fn modules_of(target: &Target, sources: &Sources) -> String {
    let Some(forest) = modules::grow(target, sources) else { return String::new() };
    let Some(top) = modules::levels(&forest).into_iter().find(|level| level.module == 0) else {
        return String::new();
    };
    let file = split(&target.root).1;
    let shown = |name: &'_ str| if name == SELF { file.to_owned() } else { name.to_owned() };
    let reduced = top.graph.reduced();
    let order = top.graph.order();
    let width = order.iter().map(|name| shown(name).len()).max().unwrap_or(0);
    let mut lines = String::new();
    for name in order {
        let arrows: Vec<String> = reduced.arrows(name).map(shown).collect();
        let arrows: Vec<&str> = arrows.iter().map(String::as_str).collect();
        lines += &line(&format!("    {}", shown(name)), width + 4, &arrows);
    }
    lines
}

/// `name → one, two`, with the arrow at or after column `width`, and as many lines as that takes.
fn line(name: &str, width: usize, arrows: &[&str]) -> String {
    let Some((last, others)) = arrows.split_last() else { return format!("{name}\n") };
    let mut text = format!("{name:width$} →");
    let indent = text.chars().count();
    let mut column = indent;
    let words = others.iter().map(|name| format!("{name},")).chain([(*last).to_owned()]);
    for word in words {
        if column + 1 + word.len() > WIDTH {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        }
        column += 1 + word.len();
        text += &format!(" {word}");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, DOCUMENT, END, check, draw, replaced};
    use crate::{packages::members, source::read_all, tree::Tree};

    fn picture() -> String {
        let tree = Tree::of([
            ("Cargo.toml", "[workspace]\nmembers = [\"*\"]"),
            ("low/Cargo.toml", "[package]\nname = \"low\""),
            ("low/src/lib.rs", "mod top; mod middle; mod bottom; pub use top::Top;"),
            ("low/src/top.rs", "use crate::{bottom::B, middle::M};"),
            ("low/src/middle.rs", "use crate::bottom::B;"),
            ("low/src/bottom.rs", "pub struct B;"),
            (
                "high/Cargo.toml",
                "[package]\nname = \"high\"\n[dependencies]\nlow.workspace = true\nserde = \"1\"",
            ),
            ("high/src/main.rs", "mod a; fn main() { a::run() }"),
            ("high/src/a.rs", "pub fn run() {}"),
        ]);
        draw(&members(&tree).unwrap(), &read_all(&tree).unwrap())
    }

    #[test]
    fn what_is_used_stands_below_and_what_follows_is_not_drawn() {
        assert_eq!(
            picture(),
            "```text\nhigh, bin high\n    main.rs → a\n    a\n\n\
             low (low/)\n    top    → middle\n    middle → bottom\n    bottom\n```\n"
        );
    }

    #[test]
    fn a_picture_that_is_not_true_is_found_where_it_begins_to_differ() {
        let of = |text: &str| Tree::of([(DOCUMENT, text)]);
        let text = replaced(&format!("# A\n{BEGIN}\n{END}\n"), &picture()).unwrap();
        assert!(check(&of(&text), &picture()).is_empty());
        let stale = text.replace("top    → middle", "top    → bottom");
        assert_eq!(
            check(&of(&stale), &picture())[0].to_string(),
            "ARCHITECTURE.md:9: the picture is not what the code has, from here on: `    top    → middle`"
        );
        assert!(check(&of("# A"), &picture())[0].what.starts_with("has no `<!--"));
    }
}
