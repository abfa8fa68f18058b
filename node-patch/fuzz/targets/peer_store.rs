//! A peer store from the disk: ours, an earlier version's, an older node's, or anybody's bytes.
//! Each input is also read with a checksum that fits, or the fuzzer would not get past it.
#![no_main]

use std::time::Duration;

use hegemon_discovery::{
    Mono, Now,
    snapshot::{self, MAX_BYTES},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    read(input);
    read(&[input, &crc32fast::hash(input).to_le_bytes()].concat());
});

fn read(bytes: &[u8]) {
    let now = Now { mono: Mono(0), wall: Duration::from_secs(1_800_000_000) };
    if let Ok(stored) = snapshot::decode(bytes, now) {
        assert!(bytes.len() <= MAX_BYTES);
        assert!(stored.records.len() <= bytes.len(), "no record from nothing");
    }
}
