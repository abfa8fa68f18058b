//! Proof of work: blake3 over the unsealed header's hash and a nonce, below a threshold.

use super::hash::Hash;

/// blake3 of `pre_hash` and the nonce (little-endian), read as a big-endian number by [`meets`].
#[must_use]
pub fn work(pre_hash: &Hash, nonce: u64) -> [u8; 32] {
    let mut input = [0; 40];
    input[..32].copy_from_slice(&pre_hash.0);
    input[32..].copy_from_slice(&nonce.to_le_bytes());
    *blake3::hash(&input).as_bytes()
}

/// Whether `work`, as a big-endian 256-bit number, times `difficulty` stays below 2^256; in other
/// words, whether it is at most ⌊(2^256 − 1) / difficulty⌋. A hash does so with probability 1 /
/// `difficulty`. No work meets difficulty 0.
#[must_use]
pub fn meets(work: &[u8; 32], difficulty: u128) -> bool {
    if difficulty == 0 {
        return false;
    }
    // The most significant limb alone turns down nearly all: a miner does nothing else.
    let top = u64::from_be_bytes(work[..8].try_into().expect("a slice of eight bytes"));
    if u128::from(top).checked_mul(difficulty).is_none_or(|product| product >> 64 != 0) {
        return false;
    }
    // Schoolbook multiplication in base 2^64: four limbs times two, least significant first. Exact;
    // only the two limbs above 2^256 matter.
    let factors = [difficulty as u64, (difficulty >> 64) as u64];
    let mut product = [0u64; 6];
    for (i, limb) in work.rchunks_exact(8).enumerate() {
        let limb = u64::from_be_bytes(limb.try_into().expect("chunks are eight bytes"));
        let mut carry = 0u128;
        for (j, factor) in factors.into_iter().enumerate() {
            // At most (2^64 − 1)² + 2 (2^64 − 1) = 2^128 − 1: cannot overflow.
            let sum = u128::from(limb) * u128::from(factor) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 2] = carry as u64;
    }
    product[4] == 0 && product[5] == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(high: u128, low: u128) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&high.to_be_bytes());
        bytes[16..].copy_from_slice(&low.to_be_bytes());
        bytes
    }

    #[test]
    fn the_threshold_is_exact() {
        // ⌊(2^256 − 1) / 3⌋ = 0x5555…55, exactly a third.
        let third = u128::MAX / 3;
        assert!(meets(&number(third, third), 3));
        assert!(!meets(&number(third, third + 1), 3));
        // A power of two: 2^256 / 2^100 itself is already too large.
        assert!(meets(&number((1 << 28) - 1, u128::MAX), 1 << 100));
        assert!(!meets(&number(1 << 28, 0), 1 << 100));
        // The largest difficulty: 2^256 − 1 = (2^128 − 1)(2^128 + 1).
        assert!(meets(&number(1, 1), u128::MAX));
        assert!(!meets(&number(1, 2), u128::MAX));
    }

    #[test]
    fn the_ends_of_the_range() {
        assert!(meets(&number(u128::MAX, u128::MAX), 1));
        assert!(!meets(&number(u128::MAX, u128::MAX), 2));
        assert!(meets(&number(0, 0), u128::MAX));
        assert!(!meets(&number(0, 0), 0));
    }

    #[test]
    fn one_hash_in_difficulty_meets_it() {
        let hits = (0..64_000).filter(|nonce| meets(&work(&Hash([9; 32]), *nonce), 64)).count();
        assert!((850..1150).contains(&hits), "{hits}");
    }
}
