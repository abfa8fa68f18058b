//! Three nodes on loopback, of which each knows the first and nobody else, find each other:
//!
//! ```text
//! cargo run -p hegemon-adapter --example three_nodes
//! ```
//!
//! `backend` is what an old node has, `adapter` is all that it writes.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is there to be read")]

mod adapter;
mod backend;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use hegemon_adapter::{Discovery, Limits, PeerStore, Seed, Settings};
use hegemon_discovery::{Config, Loopback, PeerId};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// 0 once everybody has found everybody, 1 if they do not within a minute.
#[tokio::main]
pub(crate) async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("three_nodes: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let base = tempfile::tempdir()?;
    let mut nodes = Vec::new();
    let mut seed = None;
    for (number, name) in (1..).zip(["alice", "bob", "carol"]) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let listen = listener.local_addr()?;
        let seed = *seed.get_or_insert(listen);
        let directory = base.path().join(name);
        std::fs::create_dir_all(&directory)?;
        let peer_id = [number; 32];
        let settings = settings(peer_id, listen, seed, &directory)?;
        let (network, events) = backend::PqNetworkHandle::start(peer_id, listener).await;
        nodes.push((name, peer_id, adapter::discover(network, events, settings)));
        println!("{name} listens on {listen}, and knows of {seed}");
    }
    let found = find_each_other(&nodes).await;
    for (_, _, discovery) in &nodes {
        discovery.shut_down().await;
    }
    base.close()?;
    found
}

fn settings(
    peer_id: [u8; 32],
    listen: SocketAddr,
    seed: SocketAddr,
    base_path: &Path,
) -> io::Result<Settings> {
    let seeds = vec![Seed { host: seed.ip().to_string(), port: seed.port() }];
    // A node leaves this line out: nobody learns loopback addresses but for trials.
    let discovery = Config { loopback: Loopback::Allowed, ..Config::new(listen, seeds.len()) };
    Ok(Settings {
        own: PeerId(peer_id),
        limits: Limits::within(50, discovery.target_outbound, seeds.len()),
        discovery,
        seeds,
        store: PeerStore::under(base_path),
        entropy: entropy()?,
    })
}

/// From the operating system; a node has its own way to it, for its keys.
fn entropy() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes)
}

async fn find_each_other(nodes: &[(&str, [u8; 32], Discovery)]) -> io::Result<()> {
    let (began, mut met) = (Instant::now(), Vec::new());
    while met.len() < nodes.len() * (nodes.len() - 1) {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("only {met:?} met in a minute")));
        }
        for (name, _, discovery) in nodes {
            let peers = discovery.peers().await;
            for (other, peer_id, _) in nodes {
                let found = peers.iter().any(|peer| peer.peer_id.0 == *peer_id && peer.counts);
                if found && !met.contains(&(*name, *other)) {
                    println!("{:>5} ms: {name} found {other}", began.elapsed().as_millis());
                    met.push((*name, *other));
                }
            }
        }
        sleep(Duration::from_millis(5)).await;
    }
    println!("everybody has found everybody");
    Ok(())
}
