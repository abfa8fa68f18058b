//! Processes in network namespaces of their own: what a node sees there, that the host sees nothing of
//! it, that nothing is left, and what happens where there are none.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use harness::provider::{Changes, NetworkChoice, ProviderError, process::ProcessProvider};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeSource},
    state::Port,
};

use super::only_process::{ChildHarness, child_harness_in, child_harness_with};
use crate::support::{Bed, Fake, Kind, PATIENCE, fake, launch, processes_in, source};

/// A process's namespace of this kind.
fn namespace(process: &str, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).ok()
}

fn text(incarnation: &Incarnation, file: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{file}", incarnation.pid)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_node_lives_on_a_network_that_ends_at_its_bridge() {
    let bed = Bed::new(Kind::Process).await;
    let released = NodeSource::Binary(fake(Fake::StaticForeign));
    let wished = Some("198.18.7.0/24");
    let slots = bed.reserve_in(&["a", "b"], released, wished).await.unwrap();
    assert!(slots.iter().all(|slot| !slot.loopback));
    let at: Vec<String> = slots.iter().map(|slot| slot.p2p.to_string()).collect();
    assert_eq!(at, ["198.18.7.2:30333", "198.18.7.3:30333"]);
    let first = bed.provider.start(&launch(&slots[0], &[])).await.unwrap();
    bed.provider.start(&launch(&slots[1], &[])).await.unwrap();
    for (name, address) in [("a", "198.18.7.2:9944"), ("b", "198.18.7.3:9944")] {
        assert_eq!(bed.provider.rpc(name).await.unwrap().to_string(), address);
        bed.ask(name, "/").await;
    }
    assert_ne!(namespace(&first.pid.to_string(), "net"), namespace("self", "net"));
    let routes = text(&first, "net/route");
    let destinations: Vec<&str> =
        routes.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(destinations, ["000712C6"], "its own network and no other: {routes}");
    let links = text(&first, "net/dev");
    let links: Vec<&str> =
        links.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(links, ["lo", "eth0"]);
    let facts = bed.provider.facts();
    assert_eq!(facts["network"]["kind"], "namespaces");
    assert_eq!(facts["network"]["subnet"], "198.18.7.0/24");
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_sees_no_link_no_route_and_no_port_of_it() {
    let host = || {
        let links = fs::read_to_string("/proc/net/dev").unwrap();
        let names = links.lines().skip(2).filter_map(|line| line.split(':').next());
        // Engines' links come and go with the tests beside this one.
        let ours =
            names.map(str::trim).filter(|name| name.starts_with("node") || *name == "bridge");
        let routes = fs::read_to_string("/proc/net/route").unwrap();
        (ours.count(), routes.contains("000012C6"))
    };
    let bed = Bed::new(Kind::Process).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    assert_eq!(host().0, 0);
    for port in [9944, 30333] {
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }
    bed.finish().await;
}

/// On an idle machine within 0.04 and 0.2 s: `--nocapture` says how long.
#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_are_there() {
    for count in [3, 30] {
        let names: Vec<String> = (0..count).map(|number| format!("node-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let began = Instant::now();
        let bed = Bed::new(Kind::Process).await;
        let held = began.elapsed();
        let slots = bed.reserve(&names, source()).await.unwrap();
        let reserved = began.elapsed();
        for slot in &slots {
            bed.provider.start(&launch(slot, &[])).await.unwrap();
        }
        let started = began.elapsed();
        for name in &names {
            bed.ask(name, "/").await;
        }
        let answered = began.elapsed();
        println!(
            "{count} nodes: keeper {held:?}, reserved {reserved:?}, started {started:?}, all answer {answered:?}"
        );
        bed.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_held_greets_and_is_free_again() {
    let bed = Bed::new(Kind::Process).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let injector = bed.provider.injector();
    assert!(injector.occupy("solo", Port::Rpc).await.is_err(), "the node has it");
    bed.provider.stop("solo").await.unwrap();
    assert!(injector.greeting("solo", Port::Rpc).await.is_err(), "nobody is there");
    for port in [Port::Rpc, Port::P2p] {
        injector.occupy("solo", port).await.unwrap();
        assert_eq!(injector.greeting("solo", port).await.unwrap(), b"harness\n");
        injector.release("solo", port).await.unwrap();
        assert!(injector.greeting("solo", port).await.is_err(), "nobody is there any more");
    }
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "));
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_nodes_are_known_to_nodes_and_can_be_given_to_others() {
    let bed = Bed::new(Kind::Process).await;
    assert!(bed.provider.capabilities().contains(&Capability::Names));
    let slots = bed.reserve(&["seed", "a"], source()).await.unwrap();
    for slot in &slots {
        bed.provider.start(&launch(slot, &[])).await.unwrap();
    }
    let hosts = fs::read_to_string("/etc/hosts").unwrap();
    let injector = bed.provider.injector();
    for (address, to) in [("198.18.0.2", "seed"), ("198.18.0.3", "a"), ("198.18.0.2", "seed")] {
        injector.rename("seed", to).await.unwrap();
        let found = injector.lookup("a", "seed").await.unwrap();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [address]);
        let answer = bed.ask("a", "/resolve/seed").await;
        assert!(answer.starts_with(&format!("{address} ")), "the node itself: {answer}");
    }
    let answer = bed.ask("a", "/resolve/nobody.example").await;
    let (unknown, took) = answer.split_once(' ').unwrap();
    assert!(
        unknown == "unknown" && took.parse::<u64>().unwrap() < 4_000,
        "a resolver that waits does so for five seconds: {answer}"
    );
    assert!(injector.lookup("a", "nobody.example").await.is_err());
    assert_eq!(fs::read_to_string("/etc/hosts").unwrap(), hosts, "the host's own is as it was");
    bed.finish().await;
}

/// Everybody who is in one of these namespaces.
fn inhabitants(spaces: &BTreeSet<PathBuf>) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| namespace(name, "net").is_some_and(|space| spaces.contains(&space)))
        .collect()
}

fn assert_nothing_outlives(mut child: ChildHarness, scratch: &Path) {
    let spaces: BTreeSet<PathBuf> = processes_in(scratch)
        .iter()
        .filter_map(|process| namespace(process.strip_prefix("/proc/")?, "net"))
        .collect();
    assert_eq!(spaces.len(), 2, "the node's, and the run's: {spaces:?}");
    assert!(!spaces.contains(&namespace("self", "net").unwrap()));
    child.process.kill().unwrap();
    child.process.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !processes_in(scratch).is_empty() || !inhabitants(&spaces).is_empty() {
        assert!(
            Instant::now() < deadline,
            "{:?} {:?}",
            processes_in(scratch),
            inhabitants(&spaces)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn namespaces_and_their_keeper_end_with_a_harness_that_is_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let child = child_harness_in(scratch.path(), false);
    assert_nothing_outlives(child, scratch.path());
}

#[test]
fn nobody_needs_to_be_root() {
    const NOBODY: u32 = 65534;
    if !is_root() {
        // Then every other test here was run without.
        return;
    }
    fake(Fake::StaticOurs);
    let scratch = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(scratch.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let child = child_harness_with(scratch.path(), |command| {
        command.uid(NOBODY).gid(NOBODY).env("CHILD_INSISTS", "1");
    });
    let node = &processes_in(&scratch.path().join("nodes"))[0];
    let node = node.strip_prefix("/proc/").unwrap();
    assert_ne!(namespace(node, "user"), namespace("self", "user"));
    let status = fs::read_to_string(format!("/proc/{node}/status")).unwrap();
    assert!(status.contains(&format!("Uid:\t{NOBODY}\t{NOBODY}")), "{status}");
    assert_nothing_outlives(child, scratch.path());
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program that is no keeper stands for a machine that has no namespaces.
#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_namespaces_it_says_so_and_runs_on_loopback_unless_they_were_insisted_on()
 {
    let bed = Bed::with(Kind::Process, |options| {
        options.network = NetworkChoice::Auto;
        options.program = "/bin/false".into();
    })
    .await;
    assert!(!bed.provider.capabilities().contains(&Capability::Lines));
    let said = Mutex::new(Vec::new());
    let request = [harness::provider::NodeRequest {
        name: "solo".to_owned(),
        source: source(),
        upgrades: Vec::new(),
    }];
    let say = |line: String| said.lock().unwrap().push(line);
    let slots = bed.provider.reserve(&request, None, &say).await.unwrap();
    assert!(slots[0].loopback);
    let said = said.into_inner().unwrap();
    let why = "nodes live on this host's loopback addresses: the keeper of namespaces cannot be started (it ended without a word)";
    assert!(said.iter().any(|line| line == why), "{said:?}");
    assert_eq!(bed.provider.facts()["network"]["kind"], "loopback");
    bed.provider.start(&launch(&slots[0], &[])).await.unwrap();
    bed.ask("solo", "/").await;
    let alone = [("solo".to_owned(), "solo".to_owned())];
    let few = harness_core::line::Datagrams::Few;
    let refused = bed.provider.injector().probe(&alone, few).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unsupported(_)), "{refused}");
    bed.finish().await;

    let scratch = tempfile::tempdir().unwrap();
    let options = harness::provider::ProviderOptions {
        run_id: "insists".to_owned(),
        scratch: scratch.path().to_owned(),
        profile: None,
        keep: false,
        network: NetworkChoice::Namespace,
        build: Default::default(),
        program: "/bin/false".into(),
    };
    let refused = ProcessProvider::create(options).unwrap_err();
    assert!(matches!(refused, ProviderError::Unavailable { .. }), "{refused}");
    assert!(refused.to_string().contains("user.max_user_namespaces"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_somebody_ends_is_noticed() {
    let bed = Bed::new(Kind::Process).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let nodes = processes_in(&bed.scratch.path().join("nodes"));
    let keeper = processes_in(bed.scratch.path());
    let keeper = keeper.iter().find(|process| !nodes.contains(process)).unwrap();
    let number = keeper.strip_prefix("/proc/").unwrap();
    assert!(std::process::Command::new("kill").args(["-9", number]).status().unwrap().success());
    let deadline = Instant::now() + PATIENCE;
    let noticed = loop {
        if let Err(noticed) = bed.provider.state("solo").await {
            break noticed;
        }
        assert!(Instant::now() < deadline, "nobody notices");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(matches!(noticed, ProviderError::Disturbed(_)), "{noticed}");
    bed.finish().await;
}
