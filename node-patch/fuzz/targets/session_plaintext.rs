//! What lies in a session's frame: the envelope, and then what its protocol says.
#![no_main]

use hegemon_node::{
    sync::message::{BlockAnnounce, SyncMessage, decode},
    transport::envelope::{self, Protocol},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|plaintext: &[u8]| {
    let Some((protocol, data)) = envelope::decode(plaintext) else { return };
    assert!(data.len() < plaintext.len());
    let again = envelope::encode(protocol, data);
    assert_eq!(envelope::decode(&again), Some((protocol, data)));
    match protocol {
        Protocol::Discovery => drop(hegemon_discovery::Message::decode(data)),
        Protocol::BlockAnnounces => drop(decode::<BlockAnnounce>(data)),
        Protocol::Sync => drop(decode::<SyncMessage>(data)),
    }
});
