//! What a block costs: `cargo bench -p hegemon-node --bench chain` prints how many headers are
//! checked, and how many blocks validated, stored and synced to disk, in a second.

use divan::{Bencher, counter::ItemsCount};
use hegemon_node::chain::{Block, Chain, ChainParams, Template, header_standalone};

/// After every timestamp that these blocks have.
const NOW_MS: u64 = 2_000_000_000_000;

/// One answer's worth, and one transaction's.
const BLOCKS: usize = 512;

fn main() {
    divan::main();
}

fn blocks(params: &ChainParams) -> Vec<Block> {
    let mut blocks = vec![params.genesis()];
    for number in 1..=BLOCKS as u64 {
        let parent = blocks[blocks.len() - 1].header();
        let time = 1_800_000_000_000 + number * 1_000;
        blocks.push(Template::on(params, parent, [1; 32], time, Vec::new()).mine(0));
    }
    blocks.split_off(1)
}

#[divan::bench]
fn headers_checked(bencher: Bencher<'_, '_>) {
    let params = ChainParams::trivial("bench");
    let blocks = blocks(&params);
    bencher.counter(ItemsCount::new(BLOCKS)).bench(|| {
        blocks.iter().filter(|block| header_standalone(&params, block.header()).is_ok()).count()
    });
}

#[divan::bench]
fn blocks_imported(bencher: Bencher<'_, '_>) {
    let params = ChainParams::trivial("bench");
    let blocks = blocks(&params);
    let fresh = || {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("chain.redb");
        (Chain::open(&path, params.clone()).expect("a database"), directory)
    };
    bencher.counter(ItemsCount::new(BLOCKS)).with_inputs(fresh).bench_values(
        |(chain, directory)| {
            let results = chain.import_batch(&blocks, NOW_MS).expect("a disk");
            assert!(results.iter().all(Result::is_ok));
            directory
        },
    );
}
