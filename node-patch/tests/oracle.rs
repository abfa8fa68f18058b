//! Our transport against one that shares nothing with it: written from the wire document, encodings
//! by hand, cryptography by the RustCrypto crates. Both roles, many seeds.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hegemon_node::transport::{
    handshake::{self, Established, ExpectInitHello, HandshakeError},
    identity::Identity,
    message::MessageFault,
};
use hkdf::Hkdf;
use ml_dsa::{EncodedVerifyingKey, MlDsa65, Signature, SigningKey, VerifyingKey};
use ml_kem::{DecapsulationKey, EncapsulationKey, KeyExport, MlKem1024, kem::Decapsulate};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const KEM: usize = 1_568;
const KEY: usize = 1_952;
const SIGNATURE: usize = 3_309;

/// The other side: everything from one seed.
struct Oracle {
    seed: [u8; 32],
    signing: ml_dsa::ExpandedSigningKey<MlDsa65>,
    identity: Vec<u8>,
    kem: DecapsulationKey<MlKem1024>,
}

/// Session keys as the document derives them.
struct Keys {
    i2r: [u8; 32],
    r2i: [u8; 32],
    aad: [u8; 32],
}

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

impl Oracle {
    fn new(seed: [u8; 32]) -> Self {
        let xi = sha(&[b"ml-dsa-65-xi", &seed]);
        let signing = ml_dsa::ExpandedSigningKey::<MlDsa65>::from_seed(&xi.into());
        let identity = signing.verifying_key().encode().to_vec();
        let kem_seed = [sha(&[b"d", &seed]), sha(&[b"z", &seed])].concat();
        Self {
            seed,
            signing,
            identity,
            kem: DecapsulationKey::from_seed(kem_seed.as_slice().try_into().unwrap()),
        }
    }

    fn kem_key(&self) -> Vec<u8> {
        self.kem.encapsulation_key().to_bytes().to_vec()
    }

    fn nonce(&self) -> u64 {
        u64::from_le_bytes(self.seed[..8].try_into().unwrap())
    }

    fn sign(&self, digest: &[u8; 32]) -> Vec<u8> {
        self.signing.sign_deterministic(digest, &[]).unwrap().encode().to_vec()
    }

    fn encapsulate(&self, key: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let key = EncapsulationKey::<MlKem1024>::new(key.try_into().unwrap()).unwrap();
        let (ciphertext, secret) = key.encapsulate_deterministic(&sha(&[b"m", &self.seed]).into());
        (ciphertext.to_vec(), secret.to_vec())
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Vec<u8> {
        self.kem.decapsulate(&ciphertext.try_into().unwrap()).to_vec()
    }
}

fn verify(key: &[u8], digest: &[u8; 32], signature: &[u8]) {
    let key =
        VerifyingKey::<MlDsa65>::decode(&EncodedVerifyingKey::<MlDsa65>::try_from(key).unwrap());
    let signature = Signature::<MlDsa65>::decode(signature.try_into().unwrap()).unwrap();
    assert!(key.verify_with_context(digest, &[], &signature));
}

/// bincode's varint.
fn varint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=250 => out.push(u8::try_from(value).unwrap()),
        251..=0xffff => {
            out.push(0xfb);
            out.extend(u16::try_from(value).unwrap().to_le_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfc);
            out.extend(u32::try_from(value).unwrap().to_le_bytes());
        }
        0x1_0000_0000.. => {
            out.push(0xfd);
            out.extend(value.to_le_bytes());
        }
    }
}

fn read_varint(bytes: &mut &[u8]) -> u64 {
    let (first, rest) = bytes.split_first().unwrap();
    let width = match first {
        0xfb => 2,
        0xfc => 4,
        0xfd => 8,
        small => {
            *bytes = rest;
            return u64::from(*small);
        }
    };
    let (number, rest) = rest.split_at(width);
    *bytes = rest;
    number.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn read_bytes(bytes: &mut &[u8], expected: usize) -> Vec<u8> {
    let len = usize::try_from(read_varint(bytes)).unwrap();
    assert_eq!(len, expected);
    let (taken, rest) = bytes.split_at(len);
    *bytes = rest;
    taken.to_vec()
}

/// A message's fields in order; `Version` and `Nonce` are the only ones that are no byte strings.
enum Field<'a> {
    Version,
    Bytes(&'a [u8]),
    Nonce(u64),
}

fn wire(tag: u64, fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, tag);
    for field in fields {
        match field {
            Field::Version => out.push(1),
            Field::Bytes(bytes) => {
                varint(&mut out, bytes.len() as u64);
                out.extend(*bytes);
            }
            Field::Nonce(nonce) => varint(&mut out, *nonce),
        }
    }
    out
}

fn fixed(fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        match field {
            Field::Version => out.push(1),
            Field::Bytes(bytes) => {
                out.extend((bytes.len() as u64).to_le_bytes());
                out.extend(*bytes);
            }
            Field::Nonce(nonce) => out.extend(nonce.to_le_bytes()),
        }
    }
    out
}

fn derive(ss1: &[u8], ss2: &[u8], transcript: &[u8; 32]) -> Keys {
    let kdf = Hkdf::<Sha256>::new(Some(transcript), &[ss1, ss2].concat());
    let expand = |info: &str| {
        let mut out = [0; 32];
        kdf.expand(info.as_bytes(), &mut out).unwrap();
        out
    };
    Keys {
        i2r: expand("hegemon-pq-noise-v1-i2r"),
        r2i: expand("hegemon-pq-noise-v1-r2i"),
        aad: expand("hegemon-pq-noise-v1-aad"),
    }
}

fn crypt(key: &[u8; 32], aad: &[u8; 32], counter: u64, text: &[u8], seal: bool) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.into());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    let payload = Payload { msg: text, aad };
    if seal {
        cipher.encrypt(&nonce.into(), payload).unwrap()
    } else {
        cipher.decrypt(&nonce.into(), payload).unwrap()
    }
}

const PROTOCOL: &[u8] = b"/hegemon/pq-noise/1.0.0";

/// The oracle dials, ours listens.
fn oracle_dials(oracle: &Oracle, ours: &Arc<Identity>) -> (Keys, [u8; 32], Established) {
    let (kem_key, nonce) = (oracle.kem_key(), oracle.nonce());
    let signature =
        oracle.sign(&sha(&[b"init-hello", &[1], &kem_key, &oracle.identity, &nonce.to_be_bytes()]));
    let init = [
        Field::Version,
        Field::Bytes(&kem_key),
        Field::Bytes(&oracle.identity),
        Field::Nonce(nonce),
        Field::Bytes(&signature),
    ];
    let (state, resp) = ExpectInitHello::new(ours.clone()).receive(&wire(0, &init)).unwrap();
    let after_init = [PROTOCOL, &fixed(&init)].concat();

    let mut rest = resp.as_slice();
    assert_eq!((read_varint(&mut rest), read_varint(&mut rest)), (1, 1));
    let (their_kem, ciphertext, key) =
        (read_bytes(&mut rest, KEM), read_bytes(&mut rest, KEM), read_bytes(&mut rest, KEY));
    let their_nonce = read_varint(&mut rest);
    let their_signature = read_bytes(&mut rest, SIGNATURE);
    assert!(rest.is_empty());
    assert_eq!(key, ours.public_key());
    verify(
        &key,
        &sha(&[
            b"resp-hello",
            &[1],
            &their_kem,
            &ciphertext,
            &key,
            &their_nonce.to_be_bytes(),
            &sha(&[&after_init]),
        ]),
        &their_signature,
    );
    let resp = [
        Field::Version,
        Field::Bytes(&their_kem),
        Field::Bytes(&ciphertext),
        Field::Bytes(&key),
        Field::Nonce(their_nonce),
        Field::Bytes(&their_signature),
    ];
    let after_resp = [after_init, fixed(&resp)].concat();

    let ss1 = oracle.decapsulate(&ciphertext);
    let (finish_ciphertext, ss2) = oracle.encapsulate(&their_kem);
    let signature = oracle.sign(&sha(&[
        b"finish",
        &finish_ciphertext,
        &nonce.to_be_bytes(),
        &sha(&[&after_resp]),
    ]));
    let finish = [Field::Bytes(&finish_ciphertext), Field::Nonce(nonce), Field::Bytes(&signature)];
    let established = state.receive(&wire(2, &finish)).unwrap();
    let transcript = sha(&[&after_resp, &fixed(&finish)]);
    (derive(&ss1, &ss2, &transcript), transcript, established)
}

/// Ciphertext, nonce and signature of a `Finish`.
fn read_finish(finish: &[u8]) -> (Vec<u8>, u64, Vec<u8>) {
    let mut rest = finish;
    assert_eq!(read_varint(&mut rest), 2);
    let ciphertext = read_bytes(&mut rest, KEM);
    let nonce = read_varint(&mut rest);
    let signature = read_bytes(&mut rest, SIGNATURE);
    assert!(rest.is_empty());
    (ciphertext, nonce, signature)
}

/// Ours dials, the oracle listens.
fn oracle_listens(oracle: &Oracle, ours: &Arc<Identity>) -> (Keys, [u8; 32], Established) {
    let (state, init) = handshake::start(ours.clone()).unwrap();
    let mut rest = init.as_slice();
    assert_eq!((read_varint(&mut rest), read_varint(&mut rest)), (0, 1));
    let (their_kem, key) = (read_bytes(&mut rest, KEM), read_bytes(&mut rest, KEY));
    let their_nonce = read_varint(&mut rest);
    let their_signature = read_bytes(&mut rest, SIGNATURE);
    assert!(rest.is_empty());
    verify(
        &key,
        &sha(&[b"init-hello", &[1], &their_kem, &key, &their_nonce.to_be_bytes()]),
        &their_signature,
    );
    let init = [
        Field::Version,
        Field::Bytes(&their_kem),
        Field::Bytes(&key),
        Field::Nonce(their_nonce),
        Field::Bytes(&their_signature),
    ];
    let after_init = [PROTOCOL, &fixed(&init)].concat();

    let (kem_key, nonce) = (oracle.kem_key(), oracle.nonce());
    let (ciphertext, ss1) = oracle.encapsulate(&their_kem);
    let signature = oracle.sign(&sha(&[
        b"resp-hello",
        &[1],
        &kem_key,
        &ciphertext,
        &oracle.identity,
        &nonce.to_be_bytes(),
        &sha(&[&after_init]),
    ]));
    let resp = [
        Field::Version,
        Field::Bytes(&kem_key),
        Field::Bytes(&ciphertext),
        Field::Bytes(&oracle.identity),
        Field::Nonce(nonce),
        Field::Bytes(&signature),
    ];
    let (established, finish) = state.receive(&wire(1, &resp)).unwrap();
    let after_resp = [after_init, fixed(&resp)].concat();

    let (finish_ciphertext, finish_nonce, finish_signature) = read_finish(&finish);
    verify(
        &key,
        &sha(&[b"finish", &finish_ciphertext, &finish_nonce.to_be_bytes(), &sha(&[&after_resp])]),
        &finish_signature,
    );
    let ss2 = oracle.decapsulate(&finish_ciphertext);
    let finish = [
        Field::Bytes(&finish_ciphertext),
        Field::Nonce(finish_nonce),
        Field::Bytes(&finish_signature),
    ];
    let transcript = sha(&[&after_resp, &fixed(&finish)]);
    (derive(&ss1, &ss2, &transcript), transcript, established)
}

/// Frames in both directions, several in a row, in lengths around the block size.
fn talk(out: &[u8; 32], back: &[u8; 32], aad: &[u8; 32], mut ours: Established) {
    for (counter, len) in [0_usize, 1, 15, 16, 17, 4_096].into_iter().enumerate() {
        let text: Vec<u8> = (0..len).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
        let mut frame = text.clone();
        ours.sealer.seal(&mut frame).unwrap();
        assert_eq!(crypt(back, aad, counter as u64, &frame, false), text);
        let mut frame = crypt(out, aad, counter as u64, &text, true);
        let opened = ours.opener.open(&mut frame).unwrap();
        assert_eq!(frame[..opened], text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_roles_agree_on_identity_transcript_and_keys(oracle_seed: [u8; 32], our_seed: [u8; 32]) {
        let (oracle, ours) = (Oracle::new(oracle_seed), Arc::new(Identity::from_identity_seed(&our_seed)));
        let (keys, transcript, established) = oracle_dials(&oracle, &ours);
        prop_assert_eq!(established.peer.0, sha(&[&oracle.identity]));
        prop_assert_eq!(established.transcript, transcript);
        talk(&keys.i2r, &keys.r2i, &keys.aad, established);
        let (keys, transcript, established) = oracle_listens(&oracle, &ours);
        prop_assert_eq!(established.peer.0, sha(&[&oracle.identity]));
        prop_assert_eq!(established.transcript, transcript);
        talk(&keys.r2i, &keys.i2r, &keys.aad, established);
    }

    /// Garbage of any length, in every state, is an error by its name and never a panic.
    #[test]
    fn no_state_panics(garbage in prop::collection::vec(any::<u8>(), 0..8_000)) {
        let ours = Arc::new(Identity::from_identity_seed(&[1; 32]));
        let (dialler, init) = handshake::start(ours.clone()).unwrap();
        prop_assert!(dialler.receive(&garbage).is_err());
        prop_assert!(ExpectInitHello::new(ours.clone()).receive(&garbage).is_err());
        let (listener, _) = ExpectInitHello::new(ours).receive(&init).unwrap();
        prop_assert!(listener.receive(&garbage).is_err());
    }
}

#[test]
fn every_fault_has_its_own_name() {
    let (oracle, ours) = (Oracle::new([5; 32]), Arc::new(Identity::from_identity_seed(&[6; 32])));
    let listen = |frame: &[u8]| ExpectInitHello::new(ours.clone()).receive(frame).err().unwrap();
    let (kem_key, nonce) = (oracle.kem_key(), oracle.nonce());
    let signature =
        oracle.sign(&sha(&[b"init-hello", &[1], &kem_key, &oracle.identity, &nonce.to_be_bytes()]));
    let init = |kem_key: &[u8], signature: &[u8]| {
        wire(
            0,
            &[
                Field::Version,
                Field::Bytes(kem_key),
                Field::Bytes(&oracle.identity),
                Field::Nonce(nonce),
                Field::Bytes(signature),
            ],
        )
    };
    let good = init(&kem_key, &signature);
    let named = |fault| HandshakeError::Message(fault);
    assert_eq!(listen(&[]), named(MessageFault::Malformed));
    assert_eq!(listen(&[good.as_slice(), &[0]].concat()), named(MessageFault::Trailing));
    assert_eq!(
        listen(&init(&kem_key[1..], &signature)),
        named(MessageFault::Length { field: "KEM key", got: KEM - 1 })
    );
    assert_eq!(
        listen(&init(&kem_key, &signature[1..])),
        named(MessageFault::Length { field: "signature", got: SIGNATURE - 1 })
    );
    let mut version = good.clone();
    version[1] = 2;
    assert_eq!(listen(&version), named(MessageFault::Version(2)));
    let finish = wire(2, &[Field::Bytes(&kem_key), Field::Nonce(1), Field::Bytes(&signature)]);
    assert_eq!(
        listen(&finish),
        named(MessageFault::OutOfOrder { expected: "InitHello", got: "Finish" })
    );
    let mut forged = signature.clone();
    forged[100] ^= 1;
    assert_eq!(listen(&init(&kem_key, &forged)), HandshakeError::Signature("InitHello"));
    // Signed, and not a KEM key: a coefficient above the modulus.
    let bad_key = vec![0xff; KEM];
    let signature =
        oracle.sign(&sha(&[b"init-hello", &[1], &bad_key, &oracle.identity, &nonce.to_be_bytes()]));
    assert_eq!(listen(&init(&bad_key, &signature)), HandshakeError::Kem("KEM key"));
}

#[test]
fn the_oracle_s_identity_is_the_one_we_derive() {
    let oracle = Oracle::new(*b"thirty-two bytes of a test seed!");
    assert_eq!(Identity::from_transport_seed(&oracle.seed).public_key(), oracle.identity);
    let _: SigningKey<MlDsa65> =
        SigningKey::from_seed(&sha(&[b"ml-dsa-65-xi", &oracle.seed]).into());
}
