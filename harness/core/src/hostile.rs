//! Adversaries beside a network: which attacks there are, and what one says of itself. What it is
//! believed in is its own report alone: that the nodes bore it is for the checks.

use serde::{Deserialize, Serialize};

/// What `hegemon-hostile peer --attack` takes. The harness knows the program by its words only.
pub const ATTACKS: &[&str] = &[
    "silence",
    "slow-handshake",
    "half-handshake",
    "oversized-handshake",
    "tampered-handshake",
    "connect-flood",
    "finish-with-frames",
    "oversized-frame",
    "stalled-frame",
    "large-frames",
    "replayed-frame",
    "reordered-frames",
    "tampered-frame",
    "frame-flood",
    "address-flood",
    "dead-addresses",
    "never-reads",
    "self-id",
    "wrong-genesis",
    "future-blocks",
    "headers-without-bodies",
    "stale-tip",
];

/// Attacks that connect and say nothing: of them a connection is all that can be asked for.
const WORDLESS: &[&str] = &["silence", "connect-flood"];

/// The most that `--rate` takes.
pub const MOST_RATE: u32 = 1_000;

/// Targets that one of them takes.
pub const MOST_TARGETS: usize = 64;

/// Peers that one of them can be at once: each has an identity of its own, and a node may well count
/// it.
pub const MOST_PEERS: usize = 512;

/// What an adversary is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hostile {
    /// One of [`ATTACKS`].
    pub attack: String,
    /// New peers in a second; none: the attack's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl Hostile {
    /// The arguments of `hegemon-hostile`; `listen` is where it would be reached.
    pub fn args(&self, listen: &str) -> Vec<String> {
        let mut args = vec!["peer", "--attack", &self.attack, "--listen-addr", listen];
        let rate = self.rate.map(|rate| rate.to_string());
        args.extend(rate.iter().flat_map(|rate| ["--rate", rate]));
        args.into_iter().map(str::to_owned).collect()
    }
}

/// A line of an adversary: what it has done since it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it does.
    pub attack: String,
    /// Connections made.
    pub connected: u64,
    /// Handshakes that were completed.
    pub sessions: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
}

impl Report {
    /// What a line of its log says, if it is a report.
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }

    /// It reached somebody, and sent what such an attack sends.
    pub fn acted(&self) -> bool {
        self.connected.max(self.sessions) > 0
            && (self.bytes_sent > 0 || WORDLESS.contains(&self.attack.as_str()))
    }

    /// It did something since the other one.
    pub fn exceeds(&self, before: &Self) -> bool {
        self.connected > before.connected
            || self.sessions > before.sessions
            || self.bytes_sent > before.bytes_sent
    }

    /// In words.
    pub fn words(&self) -> String {
        let Self { attack, connected, sessions, bytes_sent } = self;
        format!("{attack}: {connected} connections, {sessions} sessions, {bytes_sent} bytes sent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_hegemon_hostile_is_read_and_no_other() {
        let line = r#"{"event":"progress","why":null,"attack":"address-flood","seconds":1.0,"connected":3,"refused":0,"sessions":2,"bytes_sent":700,"open":1,"targets":[]}"#;
        let report = Report::read(line).unwrap();
        assert!(report.acted());
        assert_eq!(report.words(), "address-flood: 3 connections, 2 sessions, 700 bytes sent");
        for other in ["", "{}", "villain starts", r#"{"attack":"silence","connected":-1}"#] {
            assert_eq!(Report::read(other), None, "{other}");
        }
    }

    #[test]
    fn who_reached_nobody_or_said_nothing_has_not_acted_but_for_attacks_that_say_nothing() {
        let of = |attack: &str, connected, bytes_sent| {
            Report { attack: attack.to_owned(), connected, sessions: 0, bytes_sent }.acted()
        };
        assert!(!of("address-flood", 0, 0) && !of("address-flood", 1, 0));
        assert!(of("address-flood", 1, 1));
        assert!(!of("connect-flood", 0, 0) && of("connect-flood", 1, 0));
    }

    #[test]
    fn it_is_started_with_what_it_takes() {
        let of =
            |rate| Hostile { attack: "silence".to_owned(), rate }.args("127.0.0.1:1").join(" ");
        assert_eq!(of(None), "peer --attack silence --listen-addr 127.0.0.1:1");
        assert_eq!(of(Some(7)), "peer --attack silence --listen-addr 127.0.0.1:1 --rate 7");
    }
}
