//! A node's state: where it is, what becomes of it, and that only the run's own is touched.

use std::fs;

use harness::provider::Changes;
use harness_core::{
    fault::Capability,
    node::{NodeSource, NodeState},
    state::{Damage, StateChange, StateFile},
};
use sha2::{Digest, Sha256};

use super::{conformance, only_docker::Foreign};
use crate::support::{Bed, Fake, Kind, docker_cli, engine_objects, fake, launch, source};

conformance!(
    files_of_a_node_that_is_down_are_seen_and_those_of_one_that_runs_are_not,
    damage_is_what_was_asked_for_and_nothing_else,
    what_is_removed_is_made_anew_and_the_rest_stays,
    a_state_of_too_many_files_is_an_error,
);

/// Something outside of a node's state, for a link to point to. Never anything of the machine's own:
/// code that is broken follows the link, and removes what it finds there.
struct Outside(tempfile::TempDir);

impl Outside {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "precious").unwrap();
        Self(dir)
    }

    fn folder(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn is_as_it_was(&self) {
        assert_eq!(fs::read_to_string(self.0.path().join("precious")).unwrap(), "precious");
    }
}

/// A node with a state that has been stopped; what it said of its files.
async fn stopped(bed: &Bed, target: &str) -> String {
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    bed.provider.start(&launch(&slot, &[("FAKE_STATE", target)])).await.unwrap();
    let files = bed.ask("solo", "/files").await;
    bed.provider.stop("solo").await.unwrap();
    files
}

async fn files(bed: &Bed) -> Vec<StateFile> {
    bed.provider.injector().state_files("solo").await.unwrap()
}

async fn change(bed: &Bed, change: StateChange) {
    bed.provider.injector().change_state("solo", &change).await.unwrap();
}

fn damage(path: &str, how: Damage) -> StateChange {
    StateChange::Damage { paths: vec![path.to_owned()], how, seed: 7 }
}

fn remove(paths: &[&str]) -> StateChange {
    StateChange::Remove(paths.iter().map(|path| (*path).to_owned()).collect())
}

fn file(path: &str, content: &[u8]) -> StateFile {
    let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    StateFile { path: path.to_owned(), bytes: content.len() as u64, sha256 }
}

async fn files_of_a_node_that_is_down_are_seen_and_those_of_one_that_runs_are_not(kind: Kind) {
    let (bed, outside) = (Bed::new(kind).await, Outside::new());
    assert!(bed.provider.capabilities().contains(&Capability::State));
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    let (injector, all) = (bed.provider.injector(), remove(&["."]));
    assert!(injector.state_files("solo").await.is_err(), "it was never started");
    bed.provider.start(&launch(&slot, &[("FAKE_STATE", outside.folder())])).await.unwrap();
    bed.ask("solo", "/").await;
    for refused in
        [injector.state_files("solo").await.map(drop), injector.change_state("solo", &all).await]
    {
        assert!(refused.unwrap_err().to_string().contains("it is running"));
    }
    assert!(bed.ask("solo", "/files").await.contains("starts "), "nothing was removed");
    bed.provider.stop("solo").await.unwrap();
    let expected = [
        file("db/a", &[b'a'; 10_000]),
        file("db/deep/b", b"aaaaa"),
        file("db/none", b""),
        file("starts", b"x"),
    ];
    assert_eq!(files(&bed).await, expected, "and what a link points to is not the node's");
    outside.is_as_it_was();
    bed.finish().await;
}

async fn damage_is_what_was_asked_for_and_nothing_else(kind: Kind) {
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let bed = Bed::new(kind).await;
    let before = stopped(&bed, precious.to_str().unwrap()).await;
    let end = bed.provider.state("solo").await.unwrap();

    change(&bed, damage("db/a", Damage::Flip)).await;
    let mut flipped = vec![b'a'; 10_000];
    for (number, block) in flipped.chunks_mut(Damage::BLOCK).enumerate() {
        Damage::Flip.block(7, "db/a", number as u64, block);
    }
    let rest = [file("db/deep/b", b"aaaaa"), file("db/none", b""), file("starts", b"x")];
    assert_eq!(files(&bed).await, [&[file("db/a", &flipped)], &rest[..]].concat());

    change(&bed, damage("db", Damage::Truncate)).await;
    let half = [
        file("db/a", &flipped[..5_000]),
        file("db/deep/b", b"aa"),
        file("db/none", b""),
        file("starts", b"x"),
    ];
    assert_eq!(files(&bed).await, half, "everything in the folder");
    change(&bed, damage("db/deep/b", Damage::Empty)).await;
    change(&bed, damage("link", Damage::Empty)).await;
    change(&bed, damage("no/such", Damage::Empty)).await;
    assert_eq!(files(&bed).await[1], file("db/deep/b", b""));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(bed.provider.state("solo").await.unwrap(), end, "its end is what it was");

    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "));
    let after = bed.ask("solo", "/files").await;
    let expected = before.replace(" 10000;", " 5000;").replace(" 5;", " 0;").replace(" 1;", " 2;");
    assert_eq!(after, expected, "owners and modes stay");
    bed.finish().await;
}

async fn what_is_removed_is_made_anew_and_the_rest_stays(kind: Kind) {
    let (bed, outside) = (Bed::new(kind).await, Outside::new());
    stopped(&bed, outside.folder()).await;
    change(&bed, remove(&["db/deep", "db/none", "no/such", "link"])).await;
    assert_eq!(files(&bed).await, [file("db/a", &[b'a'; 10_000]), file("starts", b"x")]);
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "));
    let left = bed.ask("solo", "/files").await;
    outside.is_as_it_was();
    assert!(left.contains("a ") && !left.contains("deep") && !left.contains("link"), "{left}");

    bed.provider.kill("solo").await.unwrap();
    change(&bed, remove(&["."])).await;
    assert_eq!(files(&bed).await, []);
    let killed = NodeState::Exited { code: None, signal: Some(9) };
    assert_eq!(bed.provider.state("solo").await.unwrap(), killed);
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "), "from nothing");
    let log = bed.finish().await;
    for line in ["start 2", "bye 1"] {
        assert_eq!(log.iter().filter(|text| *text == line).count(), 1, "{line} in {log:?}");
    }
    assert_eq!(log.iter().filter(|text| *text == "start 1").count(), 2, "{log:?}");
}

async fn a_state_of_too_many_files_is_an_error(kind: Kind) {
    let bed = Bed::new(kind).await;
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    bed.provider.start(&launch(&slot, &[("FAKE_FILES", "10001")])).await.unwrap();
    bed.ask("solo", "/").await;
    bed.provider.stop("solo").await.unwrap();
    let error = bed.provider.injector().state_files("solo").await.unwrap_err();
    assert!(error.to_string().contains("more than 10000 files"), "{error}");
    bed.finish().await;
}

/// Whoever an image's user is: the state is theirs, before and after, and there is one volume of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_users_state_stays_theirs() {
    let image = Foreign::image(r#"["/opt/node"]"#);
    let bed = Bed::new(Kind::Docker).await;
    let (next, outside) = (NodeSource::Binary(fake(Fake::StaticOursNext)), Outside::new());
    let slot = bed.reserve_to_upgrade(image.source(), next.clone()).await.unwrap();
    bed.provider.start(&launch(&slot, &[("FAKE_STATE", outside.folder())])).await.unwrap();
    let before = bed.ask("solo", "/files").await;
    assert!(before.contains("a 1234 100640 10000;"), "{before}");
    bed.provider.stop("solo").await.unwrap();
    for _ in 0..2 {
        change(&bed, remove(&["db/deep"])).await;
    }
    change(&bed, damage("db/a", Damage::Truncate)).await;
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert_eq!(bed.ask("solo", "/").await, "starts=2 uid=1234");
    let files = bed.ask("solo", "/files").await;
    assert!(files.contains("a 1234 100640 5000;") && !files.contains("deep"), "{files}");
    let label = format!("label=org.hegemon.testbed.run={}", bed.run);
    let count = |what: &[&str]| docker_cli(&[what, &["--filter", &label]].concat()).lines().count();
    assert_eq!((count(&["volume", "ls", "-q"]), count(&["ps", "-aq"])), (1, 1), "no copies");

    // An image of another user takes it over as it is.
    bed.provider.stop("solo").await.unwrap();
    let changes = Changes { source: Some(next), ..Changes::default() };
    bed.provider.start_again("solo", &changes).await.unwrap();
    assert_eq!(bed.ask("solo", "/").await, "starts=3 uid=1234");
    bed.finish().await;
}

/// What stands in for a container is removed like one.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_after_a_change_leaves_no_volume() {
    let (bed, outside) = (Bed::new(Kind::Docker).await, Outside::new());
    stopped(&bed, outside.folder()).await;
    change(&bed, remove(&["db"])).await;
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_has_a_volume_with_the_runs_labels_and_nobody_elses_is_touched() {
    let foreign = docker_cli(&["volume", "create", "--label", "org.hegemon.testbed=1"]);
    let foreign = foreign.trim();
    let bed = Bed::new(Kind::Docker).await;
    for slot in bed.reserve(&["seed", "node-1"], source()).await.unwrap() {
        bed.provider.start(&launch(&slot, &[])).await.unwrap();
    }
    let label = format!("label=org.hegemon.testbed.run={}", bed.run);
    let listed = docker_cli(&["volume", "ls", "-q", "--filter", &label]);
    let mut names: Vec<&str> = listed.lines().collect();
    names.sort_unstable();
    let expected = ["node-1", "seed"].map(|node| format!("hegemon-{}-{node}", bed.run));
    assert_eq!(names, expected);
    for (name, node) in expected.iter().zip(["node-1", "seed"]) {
        let labels = docker_cli(&["volume", "inspect", "-f", "{{json .Labels}}", name]);
        for wanted in ["testbed.owner", "testbed.scratch", "testbed.kept"] {
            assert!(labels.contains(wanted), "{wanted} in {labels}");
        }
        let container = format!("hegemon-{}-{node}", bed.run);
        let mounts = docker_cli(&[
            "inspect",
            "-f",
            "{{range .Mounts}}{{.Name}} {{.Destination}}{{end}}",
            &container,
        ]);
        assert_eq!(mounts.trim(), format!("{name} /hegemon-data"));
    }
    let run = bed.run.clone();
    bed.finish().await;
    assert_eq!(engine_objects(&format!("org.hegemon.testbed.run={run}")), "");
    assert_ne!(docker_cli(&["volume", "rm", foreign]), "", "it has only half of the labels");
}
