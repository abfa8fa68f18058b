//! A listener's first state, and a dialler's, with whatever a stranger sends. No stranger who has
//! no key gets further.
#![no_main]

use std::sync::{Arc, LazyLock};

use hegemon_node::transport::{
    handshake::{ExpectInitHello, start},
    identity::Identity,
};
use libfuzzer_sys::fuzz_target;

static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::from_identity_seed(&[7; 32])));

fuzz_target!(|bytes: &[u8]| {
    // An `InitHello` that somebody recorded is answered: only the third message proves who is
    // there.
    if let Ok((state, answer)) = ExpectInitHello::new(IDENTITY.clone()).receive(bytes) {
        assert!(!answer.is_empty());
        assert!(state.receive(bytes).is_err(), "an InitHello is no Finish");
    }
    let (state, _) = start(IDENTITY.clone()).expect("the system has entropy");
    assert!(state.receive(bytes).is_err(), "nobody can sign over what we have just drawn");
});
