//! What a handshake and a session cost. `cargo bench -p hegemon-node` prints the time of one
//! handshake, both sides on one core, next to the same public-key operations done with the
//! pure-Rust crates in the same run, and the session's throughput.

use std::{hint::black_box, sync::Arc};

use divan::{Bencher, counter::BytesCount};
use hegemon_node::transport::{
    handshake::{self, Established, ExpectInitHello},
    identity::Identity,
};
use ml_dsa::MlDsa65;
use ml_kem::{DecapsulationKey, MlKem1024, kem::Decapsulate};

fn main() {
    divan::main();
}

fn both_sides(dialler: &Arc<Identity>, listener: &Arc<Identity>) -> (Established, Established) {
    let (dialling, init) = handshake::start(dialler.clone()).expect("entropy");
    let (listening, resp) =
        ExpectInitHello::new(listener.clone()).receive(&init).expect("a good InitHello");
    let (dialled, finish) = dialling.receive(&resp).expect("a good RespHello");
    (dialled, listening.receive(&finish).expect("a good Finish"))
}

/// All three messages, both sides, encodings included.
#[divan::bench]
fn handshake_both_sides(bencher: Bencher<'_, '_>) {
    let (dialler, listener) = (
        Arc::new(Identity::from_identity_seed(&[1; 32])),
        Arc::new(Identity::from_identity_seed(&[2; 32])),
    );
    bencher.bench(|| both_sides(&dialler, &listener));
}

/// The public-key operations of one handshake alone, by the RustCrypto crates: two KEM keys, two
/// encapsulations and decapsulations, three signatures and verifications.
#[divan::bench]
fn handshake_operations_pure_rust(bencher: Bencher<'_, '_>) {
    let signing = ml_dsa::ExpandedSigningKey::<MlDsa65>::from_seed(&[1; 32].into());
    let verifying = signing.verifying_key();
    bencher.bench(|| {
        for side in 0..2_u8 {
            let kem = DecapsulationKey::<MlKem1024>::from_seed([side; 64].into());
            let (ciphertext, _) =
                kem.encapsulation_key().encapsulate_deterministic(&[side; 32].into());
            black_box(kem.decapsulate(&ciphertext));
        }
        for message in 0..3_u8 {
            let signature =
                signing.sign_deterministic(&[message; 32], &[]).expect("an empty context fits");
            assert!(verifying.verify_with_context(&[message; 32], &[], &signature));
        }
    });
}

/// Sealing and opening one frame on one core.
#[divan::bench(args = [1_024, 1_048_576])]
fn session(bencher: Bencher<'_, '_>, len: usize) {
    let (dialler, listener) = (
        Arc::new(Identity::from_identity_seed(&[1; 32])),
        Arc::new(Identity::from_identity_seed(&[2; 32])),
    );
    let (mut ours, mut theirs) = both_sides(&dialler, &listener);
    bencher.counter(BytesCount::new(len)).with_inputs(|| vec![7; len]).bench_local_values(
        |mut frame: Vec<u8>| {
            ours.sealer.seal(&mut frame).expect("a counter that lasts");
            theirs.opener.open(&mut frame).expect("our own frame")
        },
    );
}
