//! The node as it is shipped runs on the real world and on nothing else: of every seam there is one
//! implementation in it, and no randomness that a seed decides.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod implementors;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use implementors::Names;

#[test]
fn the_shipped_binary_has_the_real_implementation_of_each_seam_and_no_other() {
    let names = Names::of(env!("CARGO_BIN_EXE_hegemon-node"));
    let seams = [
        ("hegemon_node..host..entropy..Entropy", "fill", "hegemon_node..host..entropy..System"),
        ("hegemon_node..host..net..Net", "dial", "hegemon_node..host..tcp..Tcp"),
        ("hegemon_adapter..clock..Wall", "since_1970", "hegemon_adapter..clock..System"),
        ("hegemon_adapter..tasks..Spawn", "spawn", "hegemon_adapter..tasks..Runtime"),
        (
            "hegemon_adapter..peer_store..Snapshots",
            "save",
            "hegemon_adapter..peer_store..PeerStore",
        ),
    ];
    for (path, method, real) in seams {
        let found = names.implementors(path, method);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [real], "{path}");
    }
}

/// The world, as source has it.
const WORLD: [&str; 11] = [
    "tokio::spawn",
    "spawn_blocking",
    "block_on",
    "lookup_host",
    "TcpListener",
    "TcpSocket",
    "TcpStream",
    "UdpSocket",
    "thread::",
    "rand::fill",
    "std::env",
];

/// What nobody there has of the standard library: time is tokio's, or handed in.
const OF_STD: [&str; 3] = ["Instant", "SystemTime", "thread"];

/// What stands at the world's edge, and why: the binary's alone, or a seam's real side.
const EDGE: [(&str, &str); 11] = [
    ("base_path.rs", "the state directory"),
    ("bin/", "another program"),
    ("host/", "the seams"),
    ("identity_file.rs", "the secret's file"),
    ("main.rs", "the binary"),
    ("metrics/", "its own listener"),
    ("miner.rs", "threads, where there are any"),
    ("randomness.rs", "aws-lc's, early"),
    ("rpc/", "its own listener and thread"),
    ("shutdown.rs", "signals"),
    ("transport/", "keys and nonces, drawn as the library draws keys"),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_whole_nodes_in_virtual_time_are_made_of_reaches_the_world_by_seams_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut used = BTreeSet::new();
    let mut reaching = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        // Tests of a file may do as they like.
        let code = text.split("#[cfg(test)]").next().unwrap();
        let imports = || code.split("std::").skip(1).filter_map(|rest| rest.split(';').next());
        let of_std = |word: &&&str| imports().any(|import| import.contains(**word));
        let ambient = OF_STD.iter().filter(of_std);
        let world = WORLD.iter().filter(|word| code.contains(**word));
        let Some(word) = world.chain(ambient).next() else { continue };
        match EDGE.iter().find(|(edge, _)| name.starts_with(edge)) {
            Some((edge, _)) => drop(used.insert(*edge)),
            None => reaching.push(format!("{name}: {word}")),
        }
    }
    assert!(reaching.is_empty(), "{reaching:?}; ARCHITECTURE.md has the seams");
    assert!(used.contains("host/") && used.contains("miner.rs"), "the look sees nothing: {used:?}");
}
