//! No circle between modules: of any two that refer to each other, neither can be read, tested or
//! taken over without the other.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::{
    finding::Finding,
    modules::{self, Forest, Level},
    packages::Package,
    source::Sources,
};

/// Every circle of every library and program, with the place of each of its arrows.
pub fn check(packages: &[Package], sources: &Sources) -> Vec<Finding> {
    let targets = packages.iter().flat_map(|package| &package.targets);
    let forests = targets.filter_map(|target| modules::grow(target, sources));
    forests.flat_map(|forest| of_forest(&forest)).collect()
}

fn of_forest(forest: &Forest<'_>) -> Vec<Finding> {
    let levels = modules::levels(forest);
    let of_level = |level: &Level| {
        let knots = level.graph.knots();
        knots.iter().map(|knot| describe(forest, level, knot)).collect::<Vec<_>>()
    };
    levels.iter().flat_map(of_level).collect()
}

fn describe(forest: &Forest<'_>, level: &Level, knot: &BTreeSet<String>) -> Finding {
    let path = forest.path(level.module);
    let place = if path.is_empty() { String::new() } else { format!(" of `{path}`") };
    let mut what = format!(
        "{}: a circle of {} modules{place}: {}",
        forest.modules[0].name,
        knot.len(),
        level.graph.round(knot).join(" → "),
    );
    for ((from, to), evidence) in &level.evidence {
        if knot.contains(from) && knot.contains(to) {
            let (file, line, path) = (&evidence.file, evidence.line, &evidence.path);
            // Writing to a string cannot fail.
            let _ = write!(what, "\n    {from} → {to}: {file}:{line} `{path}`");
        }
    }
    Finding::of(&forest.modules[level.module].file, what)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::{packages::members, source::read_all, tree::Tree};

    const TOP: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"x\"]\n");
    const MANIFEST: (&str, &str) = ("x/Cargo.toml", "[package]\nname = \"x\"\n");

    fn circles<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        let tree = Tree::of(files);
        let packages = members(&tree).unwrap();
        check(&packages, &read_all(&tree).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_modules_that_use_each_other_are_a_circle_with_its_places() {
        let found = circles([
            TOP,
            MANIFEST,
            ("x/src/lib.rs", "pub mod a;\npub mod b;\npub use b::B;\n"),
            ("x/src/a.rs", "pub struct A;\nfn f() { crate::B::new(); }\n"),
            ("x/src/b/mod.rs", "mod deep;\npub use deep::B;\n"),
            ("x/src/b/deep.rs", "use super::super::a::A;\npub struct B(A);\n"),
        ]);
        assert_eq!(
            found,
            [
                "x/src/lib.rs: x: a circle of 2 modules: a → b → a\n    a → b: x/src/a.rs:2 `crate::B::new`\n    \
              b → a: x/src/b/deep.rs:1 `super::super::a::A`"
            ]
        );
    }

    #[test]
    fn siblings_deep_down_count_too_and_so_do_programs() {
        let deep = circles([
            TOP,
            MANIFEST,
            ("x/src/lib.rs", "mod a;"),
            ("x/src/a.rs", "mod b { use super::c::C; pub struct B; } mod c;"),
            ("x/src/a/c.rs", "pub struct C(crate::a::b::B);"),
        ]);
        assert_eq!(deep.len(), 1);
        assert!(deep[0].contains("modules of `a`: b → c → b"), "{}", deep[0]);
        let program = circles([
            TOP,
            MANIFEST,
            ("x/src/bin/t/main.rs", "mod a; mod b;"),
            ("x/src/bin/t/a.rs", "use crate::b;"),
            ("x/src/bin/t/b.rs", "use crate::a;"),
        ]);
        assert!(program[0].contains("bin t: a circle of 2 modules"), "{}", program[0]);
    }

    #[test]
    fn a_map_that_re_exports_is_no_arrow_but_code_over_its_children_is() {
        let map = "mod a;\nmod b;\npub use a::A;\npub(crate) use b::*;\npub struct Own;\n";
        let child = "use super::Own;\npub struct A;";
        let files = |map| {
            circles([
                TOP,
                MANIFEST,
                ("x/src/lib.rs", map),
                ("x/src/a.rs", child),
                ("x/src/b.rs", "use super::A;"),
            ])
        };
        assert_eq!(files(map), Vec::<String>::new());
        let code = format!("{map}fn f() {{ a::go() }}");
        assert!(files(&code)[0].contains("a → self → a"));
    }

    #[test]
    fn what_tests_use_makes_no_circle() {
        let found = circles([
            TOP,
            MANIFEST,
            ("x/src/lib.rs", "mod a; mod b;"),
            ("x/src/a.rs", "use crate::b::B;"),
            ("x/src/b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a; }"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
