//! The rules, on this workspace.

use std::{path::Path, sync::LazyLock};

use tidy::{
    Finding, Tree,
    checks::{circles, crates},
    packages::{self, Package},
    source::{self, Sources},
};

struct Workspace {
    tree: Tree,
    packages: Vec<Package>,
    sources: Sources,
}

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::load(&root).unwrap();
    let packages = packages::members(&tree).unwrap_or_else(|finding| panic!("{finding}"));
    let sources = source::read_all(&tree).unwrap_or_else(|findings| panic!("{findings:#?}"));
    Workspace { tree, packages, sources }
});

/// Fails with every finding and what to do about them.
#[track_caller]
fn none(findings: &[Finding], advice: &str) {
    let lines: Vec<String> = findings.iter().map(|one| format!("  {one}\n")).collect();
    assert!(findings.is_empty(), "\n{}{} found. {advice}\n", lines.concat(), findings.len());
}

#[test]
fn packages_depend_on_each_other_one_way_and_engines_on_no_runtime() {
    let Workspace { tree, packages, .. } = &*WORKSPACE;
    none(
        &crates::check(tree, packages, crates::ARROWS, crates::PURE),
        "ARCHITECTURE.md says which way arrows point; the tables are in ci/tidy/src/checks/crates.rs.",
    );
}

#[test]
fn no_two_modules_lead_to_each_other() {
    let Workspace { packages, sources, .. } = &*WORKSPACE;
    none(
        &circles::check(packages, sources),
        "Move what both need into a module of its own below them.",
    );
}
