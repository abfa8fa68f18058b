//! What makes a block valid: first by itself, then on its parent.

use super::{
    block::{Block, MAX_BLOCK_BYTES, extrinsics_root},
    difficulty,
    header::{Header, PowClaim},
    params::{ChainParams, MAX_DIFFICULTY},
    pow,
};

/// How far a block's timestamp may be ahead of our clock, in milliseconds. A node whose clock is a
/// minute off, as some are, must not be alone with its blocks.
///
/// What a liar gains: timestamps rise from block to block, so the chain's time runs ahead of the
/// clocks by this once, which is worth `MAX_DRIFT_MS / T` blocks in all (T: block time). Miners who all
/// lie may besides trade one block that seems late, and halves difficulty, for a dozen that
/// seem to come at once, and so keep a pace at most 40 % above the chain's; from 9 T on that does
/// not depend on how far they may lie. Nobody gains work by it, which is what chains are compared by:
/// an easier block counts less. `liars_keep_no_pace_that_grows_with_the_drift` measures it.
pub const MAX_DRIFT_MS: u64 = 90_000;

/// Why a block can never become part of this chain. Whoever passed it on did not check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It belongs to a chain with other parameters.
    #[error("a block of another chain: its state root is not the hash of our parameters")]
    OtherChain,
    /// It claims to be a first block, and there is one already.
    #[error("another genesis")]
    OtherGenesis,
    /// Header and body exceed [`MAX_BLOCK_BYTES`].
    #[error("larger than {MAX_BLOCK_BYTES} bytes")]
    TooLarge,
    /// Digest items missing, surplus or malformed.
    #[error("its digest is not one `pow_` pre-runtime item and one `pow_` seal")]
    Digest,
    /// The body is not the one that the header commits to.
    #[error("its body does not hash to its extrinsics root")]
    ExtrinsicsRoot,
    /// The nonce does not meet the difficulty that the header states.
    #[error("its work does not meet its difficulty")]
    Work,
    /// Not the parent's number plus one.
    #[error("its number is not its parent's plus one")]
    Number,
    /// Not later than the parent.
    #[error("it is not later than its parent")]
    Timestamp,
    /// Not the difficulty that follows from the parent.
    #[error("its difficulty does not follow from its parent's")]
    Difficulty,
}

/// Checks everything that can be told without the parent: the chain, the sizes, the work. Cheap:
/// three hashes.
///
/// # Errors
/// The first rule that the block breaks.
pub fn standalone(params: &ChainParams, block: &Block) -> Result<PowClaim, Invalid> {
    let claim = header_standalone(params, block.header())?;
    if block.size() > MAX_BLOCK_BYTES {
        return Err(Invalid::TooLarge);
    }
    if block.header().extrinsics_root != extrinsics_root(block.body()) {
        return Err(Invalid::ExtrinsicsRoot);
    }
    Ok(claim)
}

/// As [`standalone`], for a header that came without its body.
///
/// # Errors
/// The first rule that the header breaks.
pub fn header_standalone(params: &ChainParams, header: &Header) -> Result<PowClaim, Invalid> {
    if header.state_root != params.state_root() {
        return Err(Invalid::OtherChain);
    }
    if header.number == 0 {
        return Err(Invalid::OtherGenesis);
    }
    let claim = header.pow_claim().ok_or(Invalid::Digest)?;
    let nonce = header.nonce().ok_or(Invalid::Digest)?;
    if !(params.min_difficulty()..=MAX_DIFFICULTY).contains(&claim.difficulty) {
        return Err(Invalid::Difficulty);
    }
    if !pow::meets(&pow::work(&header.pre_hash(), nonce), claim.difficulty) {
        return Err(Invalid::Work);
    }
    Ok(claim)
}

/// Checks a header with claim `claim` against its parent, which is valid.
///
/// # Errors
/// The first rule that the header breaks.
pub fn header_on_parent(
    params: &ChainParams,
    parent: &Header,
    header: &Header,
    claim: &PowClaim,
) -> Result<(), Invalid> {
    let parent_claim = parent.pow_claim().expect("a stored block has a claim");
    if parent.number.checked_add(1) != Some(header.number) {
        return Err(Invalid::Number);
    }
    if claim.timestamp_ms <= parent_claim.timestamp_ms {
        return Err(Invalid::Timestamp);
    }
    if claim.difficulty
        != difficulty::next(params, parent.number, &parent_claim, claim.timestamp_ms)
    {
        return Err(Invalid::Difficulty);
    }
    Ok(())
}

/// Whether a block of that timestamp has to wait: it is not wrong, perhaps our clock is.
#[must_use]
pub(super) fn is_from_the_future(claim: &PowClaim, now_ms: u64) -> bool {
    claim.timestamp_ms > now_ms.saturating_add(MAX_DRIFT_MS)
}

const _: () = assert!(MAX_BLOCK_BYTES * 8 <= 16 * 1024 * 1024, "a frame must hold several blocks");

#[cfg(test)]
mod tests {
    use parity_scale_codec::Encode;

    use super::*;
    use crate::chain::{DigestItem, Hash, POW_ENGINE, Template};

    fn params() -> ChainParams {
        ChainParams::trivial("validate")
    }

    fn child_of_genesis() -> Block {
        let genesis = params().genesis();
        Template::on(&params(), genesis.header(), [7; 32], 1_800_000_000_000, Vec::new()).mine(0)
    }

    /// Mines `header` again after a change, so that only the changed rule is broken.
    fn resealed(change: impl FnOnce(&mut Header, &mut PowClaim)) -> Block {
        let (mut header, body) = child_of_genesis().into_parts();
        let mut claim = header.pow_claim().unwrap();
        change(&mut header, &mut claim);
        header.digest = vec![DigestItem::PreRuntime(POW_ENGINE, claim.encode())];
        Template::from_unsealed(header, body, claim.difficulty.max(1)).mine(0)
    }

    fn verdict(block: &Block) -> Result<(), Invalid> {
        let claim = standalone(&params(), block)?;
        header_on_parent(&params(), params().genesis().header(), block.header(), &claim)
    }

    #[test]
    fn every_rule_is_checked() {
        assert_eq!(verdict(&child_of_genesis()), Ok(()));
        assert_eq!(
            verdict(&resealed(|header, _| header.state_root = Hash([1; 32]))),
            Err(Invalid::OtherChain)
        );
        assert_eq!(verdict(&resealed(|header, _| header.number = 0)), Err(Invalid::OtherGenesis));
        assert_eq!(verdict(&resealed(|header, _| header.number = 2)), Err(Invalid::Number));
        assert_eq!(
            verdict(&resealed(|header, _| header.extrinsics_root = Hash([1; 32]))),
            Err(Invalid::ExtrinsicsRoot)
        );
        assert_eq!(verdict(&resealed(|_, claim| claim.difficulty += 1)), Err(Invalid::Difficulty));
        assert_eq!(verdict(&resealed(|_, claim| claim.difficulty = 0)), Err(Invalid::Difficulty));
        let genesis_time = params().genesis().header().pow_claim().unwrap().timestamp_ms;
        assert_eq!(
            verdict(&resealed(|_, claim| claim.timestamp_ms = genesis_time)),
            Err(Invalid::Timestamp)
        );
    }

    #[test]
    fn a_seal_must_be_there_and_do_the_work() {
        let (header, body) = child_of_genesis().into_parts();
        let mut unsealed = header.clone();
        unsealed.digest.pop();
        assert_eq!(verdict(&Block::new(unsealed, body.clone())), Err(Invalid::Digest));

        let difficulty = header.pow_claim().unwrap().difficulty;
        let lazy = (0u64..)
            .find(|nonce| !pow::meets(&pow::work(&header.pre_hash(), *nonce), difficulty))
            .unwrap();
        let mut wrong = header;
        wrong.digest[1] = DigestItem::Seal(POW_ENGINE, lazy.encode());
        assert_eq!(verdict(&Block::new(wrong, body)), Err(Invalid::Work));
    }

    #[test]
    fn a_body_must_fit() {
        let genesis = params().genesis();
        let body = vec![vec![0; MAX_BLOCK_BYTES]];
        let block =
            Template::on(&params(), genesis.header(), [7; 32], 1_800_000_000_000, body).mine(0);
        assert_eq!(verdict(&block), Err(Invalid::TooLarge));
    }

    #[test]
    fn the_future_begins_after_the_drift() {
        let claim = PowClaim { author: [0; 32], timestamp_ms: 95_000, difficulty: 1 };
        assert!(!is_from_the_future(&claim, 5_000));
        assert!(is_from_the_future(&claim, 4_999));
        assert!(!is_from_the_future(&claim, u64::MAX));
    }

    /// Blocks in an hour of miners that find one after `difficulty` milliseconds at the honest pace, and
    /// stamp it as they like, so far as it is accepted with this drift.
    fn blocks_in_an_hour(drift_ms: u64, stamp: impl Fn(u64, u64) -> u64) -> u64 {
        const SCALE: u128 = 1 << 40;
        let params = ChainParams::dev(2_000).expect("a block time");
        let mut claim = PowClaim { author: [0; 32], timestamp_ms: 0, difficulty: 2_000 * SCALE };
        let (mut now, mut blocks) = (0_u64, 0);
        while now < 3_600_000 {
            let latest = now + drift_ms;
            let timestamp_ms = stamp(claim.timestamp_ms, latest)
                .clamp(claim.timestamp_ms + 1, latest.max(claim.timestamp_ms + 1));
            claim.difficulty = difficulty::next(&params, 1, &claim, timestamp_ms);
            claim.timestamp_ms = timestamp_ms;
            now += u64::try_from(claim.difficulty / SCALE).expect("milliseconds").max(1);
            blocks += 1;
        }
        blocks
    }

    #[test]
    fn liars_keep_no_pace_that_grows_with_the_drift() {
        let honest = blocks_in_an_hour(0, |_, latest| latest);
        assert!((1_750..1_850).contains(&honest), "{honest} in an hour of 2 s each");
        // As late as they may: the chain's time runs ahead, once.
        let early = blocks_in_an_hour(MAX_DRIFT_MS, |_, latest| latest);
        assert!((honest..honest + 2 * MAX_DRIFT_MS / 2_000).contains(&early), "{early}");
        // As late as halves difficulty, then as early as can be until there is room for that again.
        let trade = |parent: u64, latest: u64| {
            if latest >= parent + 18_000 { parent + 18_000 } else { parent }
        };
        let traded = blocks_in_an_hour(MAX_DRIFT_MS, trade);
        let more = blocks_in_an_hour(100 * MAX_DRIFT_MS, trade);
        assert!(traded < honest * 3 / 2, "{traded} instead of {honest}");
        assert!(
            more < traded + 200 * MAX_DRIFT_MS / 2_000,
            "{more} with a drift a hundred times as large, {traded} with this"
        );
    }
}
