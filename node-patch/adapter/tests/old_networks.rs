//! Nodes over networks that behave as old nodes' do, in virtual time: they find each other, survive
//! their seed, and neither forget nor count anybody twice.

mod old_network;

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use tokio::time::sleep;

use self::old_network::{Node, World, amiss, converged};

const NODES: u8 = 6;

/// Nothing is stored.
fn nowhere() -> &'static Path {
    Path::new("/nonexistent")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn everybody_finds_everybody_whatever_the_network_drops_and_forgets() {
    let (mut times, mut met, mut lost) = (Vec::new(), [0; 3], 0);
    for run in 0..40 {
        let world = World::new(run);
        let mut nodes = Vec::new();
        for number in 1..=NODES {
            nodes.push(Node::start(&world, number, 1, nowhere()));
            // Together, or one after the other.
            sleep(Duration::from_millis(run % 4 * 30)).await;
        }
        times.push(converged(&nodes, seconds(120)).await);
        sleep(seconds(60)).await;
        assert_eq!(amiss(&nodes).await, Vec::<String>::new(), "run {run}: it stays so");
        for (count, happened) in
            met.iter_mut().zip([&world.dropped, &world.replaced, &world.forgotten])
        {
            *count += happened.load(Ordering::Relaxed);
        }
        lost += world.lost.load(Ordering::Relaxed);
        for node in nodes {
            node.stop().await;
        }
    }
    times.sort_unstable();
    println!("dropped, replaced, forgotten: {met:?}; converged after {times:?}");
    // By peer, what is said over a session may leave over the connection that just replaced it.
    assert!(lost <= met[1], "{lost} frames were lost with `Finish`: somebody spoke too soon");
    assert!(met.iter().all(|count| *count > 0), "{met:?}: the network was kinder than old ones");
    assert!(times[times.len() / 2] < seconds(10), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_network_outlives_its_seed_and_takes_it_back() {
    for run in 100..105 {
        let base = tempfile::tempdir().unwrap();
        let directory = |number: u8| {
            let directory = base.path().join(number.to_string());
            std::fs::create_dir_all(&directory).unwrap();
            directory
        };
        let world = World::new(run);
        let start = |number| Node::start(&world, number, 1, &directory(number));
        let mut nodes: Vec<Node> = (1..=NODES).map(start).collect();
        converged(&nodes, seconds(120)).await;
        // Long enough that sessions count as lasting, and stores are written.
        sleep(seconds(60)).await;

        nodes.remove(0).stop().await;
        converged(&nodes, seconds(60)).await;
        nodes.pop().unwrap().stop().await;
        nodes.push(start(NODES));
        let without_seed = converged(&nodes, seconds(60)).await;
        nodes.insert(0, start(1));
        let with_seed = converged(&nodes, seconds(60)).await;
        println!("run {run}: from its store after {without_seed:?}, the seed after {with_seed:?}");
        for node in nodes {
            node.stop().await;
        }
    }
}
