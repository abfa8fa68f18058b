//! A database of the layout before this one, as nodes have it that were stopped with it; and
//! databases that are refused.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::path::Path;

use hegemon_node::chain::{Best, Block, Chain, ChainParams, OpenError, Template};
use parity_scale_codec::{Decode, Encode};
use redb::{Database, ReadableDatabase, TableDefinition};

const BLOCKS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("blocks");
const CANONICAL: TableDefinition<'_, u32, [u8; 32]> = TableDefinition::new("canonical");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const START_MS: u64 = 1_800_000_000_000;
const NOW_MS: u64 = 2_000_000_000_000;

fn params() -> ChainParams {
    ChainParams::trivial("layout 1")
}

fn child(parent: &Block, author: u8) -> Block {
    let time = parent.header().pow_claim().unwrap().timestamp_ms.max(START_MS) + 1_000;
    Template::on(&params(), parent.header(), [author; 32], time, vec![vec![author; 9]]).mine(0)
}

/// Layout 1: no side tables, and of equally heavy blocks the one that came first is the best.
fn write_layout_1(path: &Path, canonical: &[Block], side: &[Block], work: impl Fn(&Block) -> u128) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut blocks = transaction.open_table(BLOCKS).unwrap();
        for block in canonical.iter().chain(side) {
            let record = (work(block), block.header(), block.body()).encode();
            blocks.insert(block.hash().0, record.as_slice()).unwrap();
        }
        let mut heights = transaction.open_table(CANONICAL).unwrap();
        for block in canonical {
            heights.insert(block.number(), block.hash().0).unwrap();
        }
        let tip = canonical.last().unwrap();
        let best = Best { hash: tip.hash(), number: tip.number(), total_work: work(tip) };
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("schema", 1u32.encode().as_slice()).unwrap();
        meta.insert("best", best.encode().as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn layout_1_opens_whole_with_its_side_branches_and_the_tie_rule() {
    let mut canonical = vec![params().genesis()];
    for _ in 0..5 {
        canonical.push(child(canonical.last().unwrap(), 1));
    }
    let mut side = vec![child(&canonical[2], 2)];
    side.push(child(&side[0], 2));
    // As heavy as the best block, came later, and has the lower hash.
    let rival = (3..=u8::MAX)
        .map(|author| child(&canonical[4], author))
        .find(|rival| rival.hash() < canonical[5].hash())
        .unwrap();
    side.push(rival.clone());

    let directory = tempfile::tempdir().unwrap();
    // Another chain says how much work that is.
    let judge = Chain::open(&directory.path().join("judge.redb"), params()).unwrap();
    let blocks: Vec<_> = canonical[1..].iter().chain(&side).cloned().collect();
    assert!(judge.import_batch(&blocks, NOW_MS).unwrap().iter().all(Result::is_ok));
    let path = directory.path().join("chain.redb");
    write_layout_1(&path, &canonical, &side, |block| {
        judge.total_work(&block.hash()).unwrap().unwrap()
    });

    for opening in ["the first", "the second"] {
        let chain = Chain::open(&path, params()).unwrap();
        let audit = chain.audit().unwrap_or_else(|unsound| panic!("{opening} time: {unsound}"));
        assert_eq!((audit, chain.best()), (judge.audit().unwrap(), judge.best()), "{opening}");
        assert_eq!((audit.side_blocks, chain.best().hash), (3, rival.hash()));
        for block in canonical.iter().chain(&side) {
            assert_eq!(chain.block(&block.hash()).unwrap().as_ref(), Some(block));
        }
    }
    let chain = Chain::open(&path, params()).unwrap();
    let next = child(&rival, 1);
    assert!(chain.import_batch(std::slice::from_ref(&next), NOW_MS).unwrap()[0].is_ok());
    assert_eq!((chain.best().hash, chain.audit().unwrap().side_blocks), (next.hash(), 3));
    drop(chain);

    assert_eq!(layout(&path), 2);
}

fn layout(path: &Path) -> u32 {
    let database = Database::open(path).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    let layout = meta.get("schema").unwrap().unwrap();
    u32::decode(&mut layout.value()).unwrap()
}

/// Whoever starts with the wrong flags can still go back to the node that wrote it.
#[test]
fn layout_1_of_another_chain_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chain.redb");
    write_layout_1(&path, &[params().genesis()], &[], |_| params().initial_difficulty());
    let another = Chain::open(&path, ChainParams::trivial("another"));
    assert!(matches!(another, Err(OpenError::OtherChain { .. })), "{another:?}");
    assert_eq!(layout(&path), 1);
    Chain::open(&path, params()).unwrap();
    assert_eq!(layout(&path), 2);
}

#[test]
fn a_best_block_that_does_not_decode_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chain.redb");
    drop(Chain::open(&path, params()).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("best", [7].as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    match Chain::open(&path, params()) {
        Err(OpenError::Damaged { path: named, .. }) => assert_eq!(named, path),
        opened => panic!("{opened:?}"),
    }
}
