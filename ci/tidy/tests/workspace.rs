//! The rules, on this workspace.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use tidy::{
    Finding, Tree,
    checks::{circles, crates, lengths, maps, picture, references, scenarios, scripts},
    packages::{self, Package},
    source::{self, Sources},
};

struct Workspace {
    tree: Tree,
    packages: Vec<Package>,
    sources: Sources,
}

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let tree = Tree::load(&root()).expect("the workspace can be read");
    let packages = packages::members(&tree).unwrap_or_else(|finding| panic!("{finding}"));
    let sources = source::read_all(&tree).unwrap_or_else(|findings| panic!("{findings:#?}"));
    Workspace { tree, packages, sources }
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

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

#[test]
fn files_and_functions_fit_in_the_head() {
    let Workspace { tree, sources, .. } = &*WORKSPACE;
    none(
        &lengths::check(tree, sources, lengths::EXCEPTIONS),
        "Find the second thing that it is about, and give that a place of its own.",
    );
}

#[test]
fn what_documents_and_comments_point_to_is_there() {
    none(
        &references::check(&WORKSPACE.tree),
        "Name what is there now, or say it without a reference.",
    );
}

#[test]
fn every_scenario_is_complete_and_named() {
    none(&scenarios::check(&WORKSPACE.tree), "A scenario is a folder with two files.");
}

#[test]
fn every_script_is_named_where_people_look() {
    none(&scripts::check(&WORKSPACE.tree), "ci/README.md has a row for each.");
}

#[test]
fn every_map_names_its_modules_and_no_others() {
    let Workspace { tree, sources, .. } = &*WORKSPACE;
    none(&maps::check(tree, sources), "The map is in the `//!` lines at the file's top.");
}

/// With `TIDY_UPDATE` in the environment it draws the picture anew.
#[test]
fn the_picture_of_crates_and_modules_is_true() {
    let Workspace { tree, packages, sources } = &*WORKSPACE;
    let picture = picture::draw(packages, sources);
    if env::var_os("TIDY_UPDATE").is_some()
        && let Some(text) = picture::replaced(tree.text(picture::DOCUMENT).unwrap_or(""), &picture)
    {
        fs::write(root().join(picture::DOCUMENT), text).expect("the document can be written");
        return;
    }
    none(
        &picture::check(tree, &picture),
        "Draw it anew with `TIDY_UPDATE=1 cargo test -p tidy`, and look at what changed: is that the way arrows should point?",
    );
}
