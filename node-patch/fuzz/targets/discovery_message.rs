//! `Hello`, `GetAddrs`, `Addrs`: bounded before allocation, and read again as written.
#![no_main]

use hegemon_discovery::{Message, limits::ADDRS_DECODED};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::decode(bytes) else { return };
    if let Message::Addrs { addrs } = &message {
        assert!(addrs.len() <= ADDRS_DECODED);
    }
    assert_eq!(Message::decode(&message.encode()), Ok(message));
});
