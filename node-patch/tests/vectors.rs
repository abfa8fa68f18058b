//! A handshake and its sessions, recorded from a node that we did not write, checked item by item.
//! The recorded peer's ML-KEM keys come from seeds, which aws-lc does not import: the RustCrypto
//! crates, an implementation of their own, give the shared secrets.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;

use hegemon_node::transport::{
    envelope::{self, Protocol},
    handshake,
    identity::{self, Identity},
    keys::{SessionKeys, Transcript, finish_digest, init_hello_digest, resp_hello_digest},
    message::{Finish, HandshakeMessage, InitHello, RespHello, transcript_bytes},
    record::{Opener, RecordError, Sealer},
};
use ml_kem::{DecapsulationKey, KeyExport, MlKem1024, kem::Decapsulate};
use serde_json::Value;
use sha2::{Digest, Sha256};

struct Recorded(Value);

impl Recorded {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("../vectors/pq-handshake.json")).unwrap())
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(&self.0[name])
    }

    fn key(&self, name: &str) -> [u8; 32] {
        self.bytes(name).try_into().unwrap()
    }

    fn messages(&self) -> (InitHello, RespHello, Finish) {
        let init = InitHello::expect(&self.bytes("init_hello")).unwrap();
        let resp = RespHello::expect(&self.bytes("resp_hello")).unwrap();
        (init, resp, Finish::expect(&self.bytes("finish")).unwrap())
    }
}

fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// The recorded peer's static KEM key.
fn static_kem_key(seed: &[u8]) -> DecapsulationKey<MlKem1024> {
    let k = Sha256::new().chain_update(seed).chain_update(b"kem").finalize();
    let half = |label: &[u8]| Sha256::new().chain_update(label).chain_update(k).finalize();
    let seed = [half(b"ml-kem-1024-d"), half(b"ml-kem-1024-z")].concat();
    DecapsulationKey::from_seed(seed.as_slice().try_into().unwrap())
}

fn shared_secret(seed: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    static_kem_key(seed).decapsulate(&ciphertext.try_into().unwrap()).to_vec()
}

#[test]
fn keys_and_peer_ids_come_from_the_seeds() {
    let recorded = Recorded::load();
    for role in ["initiator", "responder"] {
        let seed = recorded.bytes(&format!("{role}_seed"));
        let identity = Identity::from_transport_seed(&seed);
        assert_eq!(hex::encode(identity.public_key()), recorded.0[format!("{role}_identity_key")]);
        assert_eq!(identity.peer_id().to_string(), recorded.0[format!("{role}_peer_id")]);
        let kem = static_kem_key(&seed);
        assert_eq!(
            hex::encode(kem.encapsulation_key().to_bytes()),
            recorded.0[format!("{role}_kem_key")]
        );
    }
}

#[test]
fn messages_are_read_and_written_byte_for_byte() {
    let recorded = Recorded::load();
    for name in ["init_hello", "resp_hello", "finish"] {
        let bytes = recorded.bytes(name);
        assert_eq!(HandshakeMessage::decode(&bytes).unwrap().encode(), bytes, "{name}");
        assert!(
            HandshakeMessage::decode(&[bytes.as_slice(), &[0]].concat()).is_err(),
            "{name} with a byte after it"
        );
        assert!(HandshakeMessage::decode(&bytes[..bytes.len() - 1]).is_err(), "{name} cut short");
    }
    let (init, resp, _) = recorded.messages();
    assert_eq!(hex::encode(init.identity_key), recorded.0["initiator_identity_key"]);
    assert_eq!(hex::encode(init.kem_public_key), recorded.0["initiator_kem_key"]);
    assert_eq!(hex::encode(resp.identity_key), recorded.0["responder_identity_key"]);
    assert_eq!(hex::encode(resp.kem_public_key), recorded.0["responder_kem_key"]);
}

#[test]
fn signatures_verify_over_their_digests_and_over_no_other() {
    let recorded = Recorded::load();
    let (init, resp, finish) = recorded.messages();
    let mut transcript = Transcript::default();
    let init_digest = init_hello_digest(&init);
    transcript.add(&transcript_bytes(&init));
    let resp_digest = resp_hello_digest(&resp, &transcript.hash());
    transcript.add(&transcript_bytes(&resp));
    let finish_digest = finish_digest(&finish, &transcript.hash());

    assert!(identity::verify(&init.identity_key, &init_digest, &init.signature));
    assert!(identity::verify(&resp.identity_key, &resp_digest, &resp.signature));
    assert!(identity::verify(&init.identity_key, &finish_digest, &finish.signature));
    assert!(!identity::verify(&resp.identity_key, &init_digest, &init.signature));
    assert!(!identity::verify(&init.identity_key, &resp_digest, &finish.signature));
}

fn derived(recorded: &Recorded) -> SessionKeys {
    let (init, resp, finish) = recorded.messages();
    let mut transcript = Transcript::default();
    transcript.add(&transcript_bytes(&init));
    transcript.add(&transcript_bytes(&resp));
    transcript.add(&transcript_bytes(&finish));
    let ss1 = shared_secret(&recorded.bytes("initiator_seed"), &resp.kem_ciphertext);
    let ss2 = shared_secret(&recorded.bytes("responder_seed"), &finish.kem_ciphertext);
    SessionKeys::derive(&ss1, &ss2, &transcript.hash())
}

#[test]
fn session_keys_prove_both_secrets_and_the_transcript() {
    let recorded = Recorded::load();
    let keys = derived(&recorded);
    assert_eq!(hex::encode(*keys.initiator_to_responder), recorded.0["initiator_to_responder_key"]);
    assert_eq!(hex::encode(*keys.responder_to_initiator), recorded.0["responder_to_initiator_key"]);
    assert_eq!(hex::encode(*keys.aad), recorded.0["session_aad"]);
}

#[test]
fn every_ciphertext_in_both_directions() {
    let recorded = Recorded::load();
    let directions = [
        ("discovery", "framed", "initiator_to_responder_ciphertext", "initiator_to_responder_key"),
        (
            "responder_frames",
            "plaintext",
            "responder_to_initiator_ciphertext",
            "responder_to_initiator_key",
        ),
    ];
    for (list, plain, cipher, key) in directions {
        let (key, aad) = (recorded.key(key), recorded.key("session_aad"));
        let (mut sealer, mut opener) = (Sealer::new(&key, &aad), Opener::new(&key, &aad));
        for item in recorded.0[list].as_array().unwrap() {
            let (plaintext, ciphertext) = (unhex(&item[plain]), unhex(&item[cipher]));
            let mut frame = plaintext.clone();
            sealer.seal(&mut frame).unwrap();
            assert_eq!(hex::encode(&frame), hex::encode(&ciphertext));
            let len = opener.open(&mut frame).unwrap();
            assert_eq!(frame[..len], plaintext);
        }
        let mut replayed = unhex(&recorded.0[list][0][cipher]);
        assert_eq!(opener.open(&mut replayed), Err(RecordError::Forged), "a frame counts once");
    }
}

#[test]
fn envelopes_of_the_recorded_messages() {
    let recorded = Recorded::load();
    for item in recorded.0["discovery"].as_array().unwrap() {
        let (data, framed) = (unhex(&item["encoded"]), unhex(&item["framed"]));
        assert_eq!(hex::encode(envelope::encode(Protocol::Discovery, &data)), hex::encode(&framed));
        assert_eq!(envelope::decode(&framed), Some((Protocol::Discovery, data.as_slice())));
    }
    for item in recorded.0["responder_frames"].as_array().unwrap() {
        assert_eq!(envelope::decode(&unhex(&item["plaintext"])), None, "no envelope is no error");
    }
}

#[test]
fn a_recorded_handshake_cannot_be_replayed() {
    let recorded = Recorded::load();
    let listener = Arc::new(Identity::from_transport_seed(&recorded.bytes("responder_seed")));
    let (expect_finish, _) =
        handshake::ExpectInitHello::new(listener).receive(&recorded.bytes("init_hello")).unwrap();
    let replayed = expect_finish.receive(&recorded.bytes("finish"));
    assert_eq!(replayed.err(), Some(handshake::HandshakeError::Signature("Finish")));

    let dialer = Arc::new(Identity::from_transport_seed(&recorded.bytes("initiator_seed")));
    let (expect_resp, _) = handshake::start(dialer).unwrap();
    let replayed = expect_resp.receive(&recorded.bytes("resp_hello"));
    assert_eq!(replayed.err(), Some(handshake::HandshakeError::Signature("RespHello")));
}

#[test]
fn two_of_ours_agree_and_one_knows_itself() {
    let (alice, bob) = (
        Arc::new(Identity::from_identity_seed(&[1; 32])),
        Arc::new(Identity::from_identity_seed(&[2; 32])),
    );
    let (dialer, init) = handshake::start(alice.clone()).unwrap();
    let (listener, resp) = handshake::ExpectInitHello::new(bob.clone()).receive(&init).unwrap();
    let (mut dialled, finish) = dialer.receive(&resp).unwrap();
    let mut accepted = listener.receive(&finish).unwrap();
    assert_eq!((dialled.peer, accepted.peer), (bob.peer_id(), alice.peer_id()));
    assert_eq!(dialled.transcript, accepted.transcript);
    let mut frame = b"over there".to_vec();
    dialled.sealer.seal(&mut frame).unwrap();
    let len = accepted.opener.open(&mut frame).unwrap();
    assert_eq!(&frame[..len], b"over there");

    let (dialer, init) = handshake::start(alice.clone()).unwrap();
    let (listener, resp) = handshake::ExpectInitHello::new(alice.clone()).receive(&init).unwrap();
    let (dialled, finish) = dialer.receive(&resp).unwrap();
    let accepted = listener.receive(&finish).unwrap();
    let own = alice.peer_id();
    assert_eq!((dialled.peer, accepted.peer), (own, own), "both ends know who they are");
}

#[test]
fn every_changed_byte_of_a_message_is_noticed() {
    let identity = Arc::new(Identity::from_identity_seed(&[3; 32]));
    let (_, init) = handshake::start(identity.clone()).unwrap();
    for at in (0..init.len()).step_by(61) {
        let mut changed = init.clone();
        changed[at] ^= 0x40;
        assert!(
            handshake::ExpectInitHello::new(identity.clone()).receive(&changed).is_err(),
            "byte {at}"
        );
    }
}
