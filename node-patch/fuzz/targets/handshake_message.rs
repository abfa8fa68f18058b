//! The three handshake messages: what decodes is exact, and is read again as it was written.
#![no_main]

use hegemon_node::transport::message::{Finish, HandshakeMessage, InitHello, RespHello};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let expected = [InitHello::expect(bytes).is_ok(), RespHello::expect(bytes).is_ok(), Finish::expect(bytes).is_ok()];
    let decoded = HandshakeMessage::decode(bytes);
    assert!(expected.into_iter().filter(|is| *is).count() <= usize::from(decoded.is_ok()), "one message is of one kind");
    if let Ok(message) = decoded {
        assert_eq!(HandshakeMessage::decode(&message.encode()), Ok(message));
    }
});
