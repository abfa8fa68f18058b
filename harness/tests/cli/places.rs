//! Where scenarios come from, and where their networks go: `list`, `export`.

use std::{fs, path::Path};

use super::{code, errors, harness, words};

const ONE: &str = "[scenario]\ndescription = \"mine\"\n[[nodes]]\nname = \"a\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{ check = \"peers\", nodes = \"*\", at_least = 1, within = \"5s\" }]\n[[nodes]]\nname = \"b\"\n";

fn add(folder: &Path, name: &str) {
    let folder = folder.join("scenarios").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("scenario.toml"), ONE).unwrap();
}

/// A folder of the user's goes before what is built in, and nobody takes the one for the other.
#[test]
fn a_list_says_where_scenarios_come_from() {
    let here = tempfile::tempdir().unwrap();
    let listed = harness(here.path(), &["list"]);
    assert!(words(&listed).contains("\nthree-node "), "{}", words(&listed));
    assert_eq!(errors(&listed), "all of them are built in\n");
    let good = harness(here.path(), &["validate", "three-node"]);
    assert!(words(&good).starts_with("built-in three-node: good (3 nodes"), "{}", words(&good));

    add(here.path(), "three-node");
    add(here.path(), "mine");
    let listed = harness(here.path(), &["list"]);
    let scenarios = here.path().canonicalize().unwrap().join("scenarios");
    let line = |name: &str| {
        let text = words(&listed);
        text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned()
    };
    for name in ["three-node", "mine"] {
        let place = format!("  mine (in {})", scenarios.display());
        assert!(line(name).ends_with(&place), "{}", line(name));
    }
    assert!(!line("partition").contains("(in "), "{}", line("partition"));
    let hides = format!(
        "those without a folder are built in\n{}/three-node/scenario.toml: taken instead of the built-in one\n",
        scenarios.display()
    );
    assert_eq!(errors(&listed), hides);

    // Whoever goes by the name says it too.
    let gate = "[gate]\nconfidence = \"95%\"\nshare = \"90%\"\nbudget = \"1h\"\n[[scenarios]]\nscenario = \"three-node\"\n";
    fs::write(here.path().join("release.toml"), gate).unwrap();
    let own = "the node is this testbed's own";
    let dry = ["gate", "release.toml", "--dry-run"];
    let ours = errors(&harness(here.path(), &dry));
    let theirs = errors(&harness(here.path(), &[&dry[..], &["--node-image", "a/node:1"]].concat()));
    assert!(ours.contains(own) && !theirs.contains(own), "{ours}{theirs}");
    let exported = errors(&harness(here.path(), &["export", "compose", "three-node"]));
    for said in [ours, theirs, exported] {
        assert!(
            said.contains("three-node/scenario.toml: taken instead of the built-in one"),
            "{said}"
        );
    }

    let only = harness(here.path(), &["list", "--scenarios", "scenarios"]);
    assert_eq!(words(&only).lines().count(), 2);
    let gone = harness(here.path(), &["list", "--scenarios", "nowhere"]);
    assert_eq!(code(&gone), 64);
    assert!(errors(&gone).contains("the scenarios in nowhere cannot be read"), "{}", errors(&gone));
}

#[test]
fn an_export_is_a_document_or_says_why_not() {
    let here = tempfile::tempdir().unwrap();
    let export = |arguments: &[&str]| harness(here.path(), &[&["export"], arguments].concat());
    let compose =
        words(&export(&["compose", "three-node", "--nodes", "3", "--image", "my/node:1"]));
    assert_eq!(compose.matches("    image: my/node:1\n").count(), 4, "{compose}");
    let objects = words(&export(&["k8s", "three-node"]));
    assert_eq!(objects.matches("\nkind: StatefulSet\n").count(), 2, "{objects}");

    let hostile = export(&["compose", "inbound-flood"]);
    assert_eq!((code(&hostile), words(&hostile)), (4, String::new()));
    assert!(errors(&hostile).contains("would be an adversary"), "{}", errors(&hostile));
    for bad in [
        &["compose", "three-nodes"][..],
        &["podman", "three-node"],
        &["compose", "three-node", "--node-profile", "nothing"],
        &["compose", "three-node", "--nodes", "0"],
    ] {
        let refused = export(bad);
        assert_eq!((code(&refused), words(&refused)), (64, String::new()), "{bad:?}");
    }
}
