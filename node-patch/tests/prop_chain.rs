//! Properties of headers and of fork choice.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::collections::HashMap;

use hegemon_node::chain::{
    Block, Chain, ChainParams, DigestItem, Hash, Header, ImportError, Imported, SideLimits,
    Template,
};
use parity_scale_codec::Encode;
use proptest::prelude::*;

/// After every timestamp that these tests put into blocks.
const NOW_MS: u64 = 2_000_000_000_000;
const START_MS: u64 = 1_800_000_000_000;

fn digest_item() -> impl Strategy<Value = DigestItem> {
    let data = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        (any::<[u8; 4]>(), data()).prop_map(|(engine, data)| DigestItem::PreRuntime(engine, data)),
        (any::<[u8; 4]>(), data()).prop_map(|(engine, data)| DigestItem::Consensus(engine, data)),
        (any::<[u8; 4]>(), data()).prop_map(|(engine, data)| DigestItem::Seal(engine, data)),
        data().prop_map(DigestItem::Other),
        Just(DigestItem::RuntimeEnvironmentUpdated),
    ]
}

prop_compose! {
    fn header()(
        parent in any::<[u8; 32]>(),
        number in any::<u32>(),
        state in any::<[u8; 32]>(),
        extrinsics in any::<[u8; 32]>(),
        digest in proptest::collection::vec(digest_item(), 0..8),
    ) -> Header {
        Header { parent_hash: Hash(parent), number, state_root: Hash(state), extrinsics_root: Hash(extrinsics), digest }
    }
}

proptest! {
    #[test]
    fn a_header_survives_its_encoding(header in header()) {
        prop_assert_eq!(Header::from_bytes(&header.encode()), Ok(header));
    }

    /// What decodes encodes to the same bytes: nobody can give one header two hashes.
    #[test]
    fn mutated_bytes_never_panic_and_never_alias(header in header(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = header.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = Header::from_bytes(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Header::from_bytes(&bytes);
    }
}

/// A tree of valid blocks: the parent of block n + 1 is one of genesis and blocks 1..=n.
fn tree(params: &ChainParams, parents: &[prop::sample::Index], delays: &[u64]) -> Vec<Block> {
    let mut headers = vec![params.genesis().header().clone()];
    let mut blocks = Vec::new();
    for (index, (parent, delay)) in parents.iter().zip(delays).enumerate() {
        let parent = &headers[parent.index(headers.len())];
        let time = parent.pow_claim().unwrap().timestamp_ms.max(START_MS) + delay;
        let mut author = [0; 32];
        author[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let block = Template::on(params, parent, author, time, Vec::new()).mine(0);
        headers.push(block.header().clone());
        blocks.push(block);
    }
    blocks
}

/// Fork choice as one would write it on a napkin: everything in memory, no index.
struct Model {
    blocks: HashMap<Hash, (Block, u128)>,
    best: Hash,
}

impl Model {
    fn new(params: &ChainParams) -> Self {
        let genesis = params.genesis();
        let best = genesis.hash();
        Self { blocks: HashMap::from([(best, (genesis, params.initial_difficulty()))]), best }
    }

    fn import(&mut self, block: &Block) {
        let Some((_, parent_work)) = self.blocks.get(&block.parent_hash()) else {
            return;
        };
        let work = parent_work + block.header().pow_claim().unwrap().difficulty;
        if self.blocks.contains_key(&block.hash()) {
            return;
        }
        self.blocks.insert(block.hash(), (block.clone(), work));
        let best = self.blocks[&self.best].1;
        if work > best || (work == best && block.hash() < self.best) {
            self.best = block.hash();
        }
    }

    /// From the best block down to genesis.
    fn best_chain(&self) -> Vec<Hash> {
        let mut chain = vec![self.best];
        while let Some((block, _)) = self.blocks.get(chain.last().unwrap())
            && block.number() > 0
        {
            chain.push(block.parent_hash());
        }
        chain
    }
}

fn assert_same(chain: &Chain, model: &Model) {
    let expected = model.best_chain();
    let best = chain.best();
    assert_eq!(best.hash, model.best);
    assert_eq!(best.total_work, model.blocks[&model.best].1);
    for (number, hash) in (0..=best.number).rev().zip(&expected) {
        assert_eq!(chain.hash_at(number).unwrap(), Some(*hash));
    }
    assert_eq!(chain.hash_at(best.number + 1).unwrap(), None);
    let audit = chain.audit().unwrap();
    assert_eq!(audit.side_blocks, model.blocks.len() - expected.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the order and the batches in which blocks come, best block and canonical index are
    /// the model's; and a reopened database says the same.
    #[test]
    fn fork_choice_is_the_models(
        parents in proptest::collection::vec(any::<prop::sample::Index>(), 1..30),
        delays in proptest::collection::vec(1..20_000u64, 30),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..60),
        batch in 1..6usize,
    ) {
        let params = ChainParams::trivial("fork choice");
        let blocks = tree(&params, &parents, &delays);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        let mut model = Model::new(&params);
        {
            let chain = Chain::open(&path, params.clone()).unwrap();
            // At random first, with unknown parents and repetitions; then all, so that everything
            // is there in the end.
            let random: Vec<_> = order.iter().map(|index| index.get(&blocks).clone()).collect();
            for blocks in random.chunks(batch).chain(blocks.chunks(batch)) {
                let results = chain.import_batch(blocks, NOW_MS).unwrap();
                for (block, result) in blocks.iter().zip(results) {
                    let before = model.best;
                    let known = model.blocks.contains_key(&block.hash());
                    model.import(block);
                    match result {
                        Ok(Imported::AlreadyKnown) => prop_assert!(known),
                        Ok(Imported::NewBest { .. }) => prop_assert_eq!(model.best, block.hash()),
                        Ok(Imported::Side) => prop_assert_eq!(model.best, before),
                        Err(ImportError::UnknownParent(parent)) => prop_assert!(!model.blocks.contains_key(&parent)),
                        Err(error) => prop_assert!(false, "{error}"),
                    }
                }
                assert_same(&chain, &model);
            }
        }
        assert_same(&Chain::open(&path, params).unwrap(), &model);
    }
}

fn branch(params: &ChainParams, parent: &Block, author: u8, length: usize) -> Vec<Block> {
    let mut blocks = vec![parent.clone()];
    for _ in 0..length {
        let parent = blocks.last().unwrap().header();
        let time = parent.pow_claim().unwrap().timestamp_ms.max(START_MS) + 1_000;
        let body = vec![vec![author; 100]];
        blocks.push(Template::on(params, parent, [author; 32], time, body).mine(0));
    }
    blocks.split_off(1)
}

fn import(chain: &Chain, blocks: &[Block]) {
    for block in blocks {
        chain.import(block, NOW_MS).unwrap().unwrap();
    }
}

#[test]
fn two_that_have_the_same_blocks_agree_whatever_came_first() {
    let params = ChainParams::trivial("ties");
    let rivals: Vec<_> =
        (1..=8).map(|author| branch(&params, &params.genesis(), author, 1).remove(0)).collect();
    let lowest = rivals.iter().map(Block::hash).min().unwrap();
    for first in 0..rivals.len() {
        let directory = tempfile::tempdir().unwrap();
        let chain = Chain::open(&directory.path().join("chain.redb"), params.clone()).unwrap();
        let (later, sooner) = rivals.split_at(first);
        import(&chain, &[sooner, later].concat());
        assert_eq!(chain.best().hash, lowest);
    }
}

#[test]
fn a_branch_that_no_longer_grows_is_forgotten_and_may_come_again() {
    let params = ChainParams::trivial("old branches");
    let directory = tempfile::tempdir().unwrap();
    let chain = Chain::open(&directory.path().join("chain.redb"), params.clone())
        .unwrap()
        .with_side_limits(SideLimits { depth: 10, bytes: u64::MAX });
    let best = branch(&params, &params.genesis(), 1, 60);
    import(&chain, &best[..20]);
    // A stem of five, with two tips of which one goes on to grow.
    let stem = branch(&params, &best[4], 2, 5);
    let (still, grows) = (branch(&params, &stem[4], 3, 4), branch(&params, &stem[4], 4, 6));
    import(&chain, &stem);
    import(&chain, &still);
    import(&chain, &grows[..3]);
    assert_eq!(chain.audit().unwrap().side_blocks, 12);
    import(&chain, &best[20..25]);
    import(&chain, &grows[3..4]);
    import(&chain, &best[25..31]);
    // The best one was at 20 when the still tip came, and is at 31.
    assert_eq!(chain.audit().unwrap().side_blocks, 9);
    assert!(still.iter().all(|block| !chain.contains(&block.hash()).unwrap()));
    assert!(stem.iter().chain(&grows[..4]).all(|block| chain.contains(&block.hash()).unwrap()));
    import(&chain, &best[31..36]);
    assert_eq!(chain.audit().unwrap().side_blocks, 0);
    // It is no offence to bring it again, and it may still win.
    let heavier = branch(&params, &stem[4], 5, 60);
    import(&chain, &stem);
    import(&chain, &heavier);
    assert_eq!(chain.best().hash, heavier[59].hash());
    // And what was the best chain is a branch that no longer grows.
    assert_eq!(chain.audit().unwrap().side_blocks, 0);
}

#[test]
fn branches_that_take_too_much_are_forgotten_those_first_that_grew_longest_ago() {
    let params = ChainParams::trivial("many branches");
    let directory = tempfile::tempdir().unwrap();
    let limits = SideLimits { depth: 1_000_000, bytes: 10_000 };
    let chain = Chain::open(&directory.path().join("chain.redb"), params.clone())
        .unwrap()
        .with_side_limits(limits);
    let best = branch(&params, &params.genesis(), 1, 20);
    import(&chain, &best);
    let mine = branch(&params, &best[0], 2, 15);
    for (index, block) in mine.iter().enumerate() {
        import(&chain, std::slice::from_ref(block));
        // An attacker makes many branches meanwhile.
        for author in 0..2 {
            import(&chain, &branch(&params, &best[index], 100 + author, 1));
        }
        let audit = chain.audit().unwrap();
        assert!(audit.side_bytes <= limits.bytes, "{audit:?}");
        assert!(chain.contains(&mine[0].hash()).unwrap(), "what grows stays, with its stem");
    }
    assert_eq!(chain.best().hash, best[19].hash());
}

#[test]
fn reorganisations_say_how_deep_they_were() {
    let params = ChainParams::trivial("depth");
    let directory = tempfile::tempdir().unwrap();
    let chain = Chain::open(&directory.path().join("chain.redb"), params.clone()).unwrap();
    let genesis = params.genesis();
    let (first, second) = (branch(&params, &genesis, 1, 3), branch(&params, &genesis, 2, 4));
    for block in &first {
        let result = chain.import(block, NOW_MS).unwrap();
        assert!(matches!(result, Ok(Imported::NewBest { reorg_depth: 0 })), "{result:?}");
    }
    let results: Vec<_> =
        chain.import_batch(&second, NOW_MS).unwrap().into_iter().map(Result::unwrap).collect();
    // Each of the first three is as heavy as its rival: the lower hash decides.
    assert_eq!(
        results[3],
        Imported::NewBest { reorg_depth: if second[2].hash() < first[2].hash() { 0 } else { 3 } }
    );
    assert_eq!(chain.hash_at(1).unwrap(), Some(second[0].hash()));
    assert_eq!(chain.block(&first[2].hash()).unwrap(), Some(first[2].clone()));
}
