//! Draws that depend on the run's seed and on what is drawn for, and not on how much was drawn
//! before: a pair's latency is the same whoever dials first.

use std::{hash::Hasher, net::SocketAddr, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

/// What a draw is for: two draws for different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Latency = 1,
    Fate = 2,
    Entropy = 3,
    Identity = 4,
    Lookup = 5,
    Silence = 6,
    Addresses = 7,
    Script = 8,
    Scenario = 9,
    Schedule = 10,
    Jitter = 11,
    Loss = 12,
    Disk = 13,
    Yield = 14,
    Ports = 15,
}

/// The seed of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// 64 bits for a purpose and two numbers.
    pub(crate) fn bits(self, purpose: Purpose, first: u64, second: u64) -> u64 {
        mix(mix(mix(mix(self.0) ^ purpose as u64) ^ first) ^ second)
    }

    /// A generator of its own.
    pub(crate) fn generator(self, purpose: Purpose, first: u64, second: u64) -> ChaCha12Rng {
        ChaCha12Rng::seed_from_u64(self.bits(purpose, first, second))
    }

    /// A length of time within bounds, uniformly.
    pub(crate) fn time(
        self,
        purpose: Purpose,
        (first, second): (u64, u64),
        (shortest, longest): (Duration, Duration),
    ) -> Duration {
        let span = u64::try_from(longest.saturating_sub(shortest).as_millis()).unwrap_or(u64::MAX);
        shortest + Duration::from_millis(self.bits(purpose, first, second) % span.saturating_add(1))
    }

    /// 32 bytes for a purpose: an engine's entropy, a peer's identity.
    pub(crate) fn bytes(self, purpose: Purpose, host: u64, life: u32) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, chunk) in (0..).zip(bytes.chunks_mut(8)) {
            chunk.copy_from_slice(
                &self.bits(purpose, host, u64::from(life) << 8 | place).to_le_bytes(),
            );
        }
        bytes
    }
}

/// An address as a number to draw for.
pub(crate) fn number(addr: SocketAddr) -> u64 {
    match addr {
        SocketAddr::V4(v4) => u64::from(v4.ip().to_bits()) << 16 | u64::from(v4.port()),
        SocketAddr::V6(v6) => v6.ip().to_bits() as u64 ^ u64::from(v6.port()),
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// For maps of which nobody asks the order: quick, and the same in every run.
#[derive(Debug, Default)]
pub(crate) struct Folding(u64);

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        self.write_u64(number);
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(23) ^ number;
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

/// Takes a number into a digest.
pub(crate) fn fold(digest: u64, value: u64) -> u64 {
    mix(digest.rotate_left(1) ^ value)
}
