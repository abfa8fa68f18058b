//! The environment's half of the configuration: every variable, its check and its default.

use std::{ffi::OsString, path::PathBuf};

use zeroize::Zeroizing;

use super::DEFAULT_PORT;
use crate::net::{discovery_driver::Seed, listener::PENDING_PER_IP};

/// What `--help` says about the environment.
pub const ENVIRONMENT_HELP: &str = "\
Environment:
  HEGEMON_SEEDS                            host[:port],… to stay connected with; port 30333 if left out
  HEGEMON_MINE                             1 mines [default: 0]
  HEGEMON_MINE_THREADS                     mining threads, 1 to 64 [default: 1]
  HEGEMON_MAX_PEERS                        session limit, 2 to 1000 [default: 50]
  HEGEMON_PENDING_PER_IP                   handshakes of strangers at once from one IP, 1 to 1024; in total four times that, at least 64 [default: 16]
  HEGEMON_PQ_IDENTITY_SEED                 32-byte secret in hex; or
  HEGEMON_PQ_IDENTITY_SEED_PATH            the file that holds it [default: <base-path>/pq-identity.seed, made if missing]
  HEGEMON_PQ_DISCOVERY                     on or off: exchange addresses with peers [default: on]
  HEGEMON_PQ_DISCOVERY_MIN_PEERS           outbound sessions below which it is urgent, 1 to 100 [default: 4]
  HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND     outbound sessions to fill up to, MIN_PEERS to 100 [default: 8]
  HEGEMON_PQ_DISCOVERY_TICK_SECS           refresh interval in seconds, 5 to 86400 [default: 30]
  HEGEMON_PQ_DISCOVERY_GROUPS              on or off: prefer peers of distinct /16 (IPv6: /32), bound a group's share
                                           of the address book; off for a network in one subnet [default: on]
  HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK      1 shares and dials loopback addresses: several nodes on one host [default: 0]
  HEGEMON_BLOCK_TIME_MS                    block time that dev difficulty aims at, 100 to 600000 [default: 2000]
  HEGEMON_CLOCK_OFFSET_MS                  how far the wall clock is taken to be off, -86400000 to 86400000: for tests of
                                           clocks that are wrong [default: 0]";

/// Seeds that one node may have; each is a lookup and a dial for ever.
const SEEDS_MAX: usize = 64;

/// Outbound sessions below which it is urgent, unless given.
const DEFAULT_MIN: usize = 4;
/// Outbound sessions to fill up to, unless given.
const DEFAULT_TARGET: usize = 8;

/// What the environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `HEGEMON_SEEDS`.
    pub seeds: Vec<Seed>,
    /// `HEGEMON_MINE`.
    pub mine: bool,
    /// `HEGEMON_MINE_THREADS`.
    pub mine_threads: usize,
    /// `HEGEMON_MAX_PEERS`.
    pub max_peers: usize,
    /// `HEGEMON_PENDING_PER_IP`.
    pub pending_per_ip: usize,
    /// `HEGEMON_PQ_IDENTITY_SEED` or `…_PATH`.
    pub identity: IdentitySource,
    /// `HEGEMON_PQ_DISCOVERY`.
    pub discovery: bool,
    /// `HEGEMON_PQ_DISCOVERY_MIN_PEERS`.
    pub min_peers: usize,
    /// `HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND`.
    pub target_outbound: usize,
    /// `HEGEMON_PQ_DISCOVERY_TICK_SECS`.
    pub tick_secs: u64,
    /// `HEGEMON_PQ_DISCOVERY_GROUPS`.
    pub groups: bool,
    /// `HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK`.
    pub allow_loopback: bool,
    /// `HEGEMON_BLOCK_TIME_MS`.
    pub block_time_ms: u64,
    /// `HEGEMON_CLOCK_OFFSET_MS`.
    pub clock_offset_ms: i64,
}

/// Where the identity comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// The file under the base path, made if it is missing.
    BasePath,
    /// A file that must exist.
    File(PathBuf),
    /// Given outright.
    Seed(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for IdentitySource {
    /// Never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BasePath => f.write_str("BasePath"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Seed(_) => f.write_str("Seed(…)"),
        }
    }
}

/// One malformed variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value:?}: {accepted}")]
pub struct EnvError {
    /// Its name.
    pub variable: &'static str,
    /// What it says; a secret is not repeated.
    pub value: String,
    /// What it may say.
    pub accepted: String,
}

impl Environment {
    /// Reads all variables through `lookup`; all errors at once.
    ///
    /// # Errors
    ///
    /// One [`EnvError`] per malformed variable.
    pub fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Vec<EnvError>> {
        let mut reader = Reader { lookup, errors: Vec::new() };
        let mut environment = Self {
            seeds: reader.seeds(),
            mine: reader.flag("HEGEMON_MINE"),
            mine_threads: reader.number("HEGEMON_MINE_THREADS", 1, 1, 64),
            max_peers: reader.number("HEGEMON_MAX_PEERS", 50, 2, 1_000),
            pending_per_ip: reader.number("HEGEMON_PENDING_PER_IP", PENDING_PER_IP, 1, 1_024),
            identity: reader.identity(),
            discovery: reader.choice("HEGEMON_PQ_DISCOVERY", &[("on", true), ("off", false)], true),
            min_peers: reader.number("HEGEMON_PQ_DISCOVERY_MIN_PEERS", 0, 1, 100),
            target_outbound: reader.number("HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND", 0, 1, 100),
            tick_secs: reader.number("HEGEMON_PQ_DISCOVERY_TICK_SECS", 30, 5, 86_400),
            groups: reader.choice(
                "HEGEMON_PQ_DISCOVERY_GROUPS",
                &[("on", true), ("off", false)],
                true,
            ),
            allow_loopback: reader.flag("HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK"),
            block_time_ms: reader.number("HEGEMON_BLOCK_TIME_MS", 2_000, 100, 600_000),
            clock_offset_ms: reader.number("HEGEMON_CLOCK_OFFSET_MS", 0, -86_400_000, 86_400_000),
        };
        environment.fit_targets(&mut reader.errors);
        if reader.errors.is_empty() { Ok(environment) } else { Err(reader.errors) }
    }

    /// Defaults that were not given follow the ones that were; all three must agree in the end.
    fn fit_targets(&mut self, errors: &mut Vec<EnvError>) {
        const MIN: &str = "HEGEMON_PQ_DISCOVERY_MIN_PEERS";
        const TARGET: &str = "HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND";
        let (given_min, given_target) = (self.min_peers, self.target_outbound);
        if given_target == 0 {
            self.target_outbound = given_min.max(DEFAULT_TARGET.min((self.max_peers / 2).max(1)));
        }
        if given_min == 0 {
            self.min_peers = DEFAULT_MIN.min(self.target_outbound);
        }
        let error = |variable, value: usize, accepted| EnvError {
            variable,
            value: value.to_string(),
            accepted,
        };
        if self.target_outbound < self.min_peers {
            errors.push(error(
                TARGET,
                self.target_outbound,
                format!("must not be below {MIN}, which is {}", self.min_peers),
            ));
        }
        if self.target_outbound >= self.max_peers {
            let (variable, value) =
                if given_target == 0 { (MIN, given_min) } else { (TARGET, given_target) };
            errors.push(error(
                variable,
                value,
                format!("must be below HEGEMON_MAX_PEERS, which is {}", self.max_peers),
            ));
        }
    }
}

struct Reader<F> {
    lookup: F,
    errors: Vec<EnvError>,
}

impl<F: Fn(&str) -> Option<OsString>> Reader<F> {
    /// A variable's text, if it is set. What is no text is not repeated: it may be a secret.
    fn text(&mut self, variable: &'static str) -> Option<String> {
        let text = (self.lookup)(variable)?.into_string().ok();
        if text.is_none() {
            self.reject(variable, "…", "must be valid UTF-8");
        }
        text
    }

    fn reject(&mut self, variable: &'static str, value: &str, accepted: impl Into<String>) {
        self.errors.push(EnvError { variable, value: value.to_owned(), accepted: accepted.into() });
    }

    fn number<T>(&mut self, variable: &'static str, default: T, least: T, most: T) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let Some(text) = self.text(variable) else { return default };
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => number,
            Ok(_) | Err(_) => {
                self.reject(
                    variable,
                    &text,
                    format!("must be a whole number from {least} to {most}"),
                );
                default
            }
        }
    }

    fn flag(&mut self, variable: &'static str) -> bool {
        self.choice(variable, &[("1", true), ("0", false)], false)
    }

    fn choice(
        &mut self,
        variable: &'static str,
        choices: &[(&str, bool); 2],
        default: bool,
    ) -> bool {
        let Some(text) = self.text(variable) else { return default };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => *value,
            None => {
                self.reject(
                    variable,
                    &text,
                    format!("must be {} or {}", choices[0].0, choices[1].0),
                );
                default
            }
        }
    }

    fn seeds(&mut self) -> Vec<Seed> {
        const VARIABLE: &str = "HEGEMON_SEEDS";
        let text = self.text(VARIABLE).filter(|text| !text.trim().is_empty()).unwrap_or_default();
        let mut seeds: Vec<Seed> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
            match parse_seed(entry) {
                // One that is there twice would be dialled twice.
                Some(seed) if seeds.contains(&seed) => {}
                Some(seed) => seeds.push(seed),
                None => self.reject(VARIABLE, entry, "must be host[:port] entries, separated by commas; IPv6 with a port as [address]:port"),
            }
        }
        if seeds.len() > SEEDS_MAX {
            self.reject(VARIABLE, &text, format!("must name at most {SEEDS_MAX} seeds"));
        }
        seeds
    }

    fn identity(&mut self) -> IdentitySource {
        const SEED: &str = "HEGEMON_PQ_IDENTITY_SEED";
        const PATH: &str = "HEGEMON_PQ_IDENTITY_SEED_PATH";
        let seed = self.text(SEED).map(Zeroizing::new);
        match (seed, self.text(PATH)) {
            (Some(_), Some(path)) => {
                self.reject(PATH, &path, format!("must not be set together with {SEED}"));
                IdentitySource::BasePath
            }
            (Some(text), None) => match parse_secret(&text) {
                Some(secret) => IdentitySource::Seed(secret),
                None => {
                    self.reject(SEED, "…", "must be 32 bytes as 64 hex digits");
                    IdentitySource::BasePath
                }
            },
            (None, Some(path)) => IdentitySource::File(path.into()),
            (None, None) => IdentitySource::BasePath,
        }
    }
}

/// 64 hex digits; `0x` and white space around them are tolerated, as older nodes do.
#[must_use]
pub fn parse_secret(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, secret.as_mut_slice()).ok()?;
    Some(secret)
}

fn parse_seed(entry: &str) -> Option<Seed> {
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None if entry.parse::<std::net::Ipv6Addr>().is_ok() => (entry, None),
        None => match entry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (entry, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => DEFAULT_PORT,
    };
    let named =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
    named.then(|| Seed { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        };
        Environment::read(lookup)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    fn seeds(text: &str) -> Result<Vec<String>, String> {
        read(&[("HEGEMON_SEEDS", text)])
            .map(|environment| environment.seeds.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_set_is_the_contract_s_defaults() {
        let environment = read(&[]).unwrap();
        assert_eq!(
            (environment.mine, environment.mine_threads, environment.max_peers),
            (false, 1, 50)
        );
        assert_eq!(environment.pending_per_ip, 16);
        assert_eq!(
            (environment.min_peers, environment.target_outbound, environment.tick_secs),
            (4, 8, 30)
        );
        assert_eq!(
            (environment.discovery, environment.allow_loopback, environment.block_time_ms),
            (true, false, 2_000)
        );
        assert_eq!(environment.identity, IdentitySource::BasePath);
        assert!(environment.seeds.is_empty());
    }

    #[test]
    fn few_peers_mean_few_targets_and_contradictions_are_named() {
        let targets = |variables: &[(&str, &str)]| {
            read(variables).map(|environment| (environment.min_peers, environment.target_outbound))
        };
        assert_eq!(targets(&[("HEGEMON_MAX_PEERS", "2")]), Ok((1, 1)));
        assert_eq!(targets(&[("HEGEMON_MAX_PEERS", "10")]), Ok((4, 5)));
        assert_eq!(targets(&[("HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND", "2")]), Ok((2, 2)));
        assert_eq!(targets(&[("HEGEMON_PQ_DISCOVERY_MIN_PEERS", "12")]), Ok((12, 12)));
        assert!(
            targets(&[("HEGEMON_PQ_DISCOVERY_MIN_PEERS", "100")])
                .unwrap_err()
                .starts_with("HEGEMON_PQ_DISCOVERY_MIN_PEERS=\"100\"")
        );
        assert!(
            targets(&[("HEGEMON_MAX_PEERS", "4"), ("HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND", "4")])
                .is_err()
        );
    }

    #[test]
    fn seeds_in_every_form() {
        assert_eq!(seeds("").unwrap(), Vec::<String>::new());
        assert_eq!(seeds("seed").unwrap(), ["seed:30333"]);
        assert_eq!(
            seeds(" seed:1 , 198.18.0.2:30334,seed:1").unwrap(),
            ["seed:1", "198.18.0.2:30334"]
        );
        assert_eq!(
            seeds("::1,[fd00::2],[fd00::3]:40000").unwrap(),
            ["::1:30333", "fd00::2:30333", "fd00::3:40000"]
        );
        for bad in [
            "seed:",
            "seed:0",
            "seed:65536",
            "seed:x",
            ",",
            "a,,b",
            "[::1",
            "[seed]:1",
            "a b",
            "http://seed",
            ":30333",
        ] {
            assert!(seeds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_malformed_value_is_named_and_all_at_once() {
        let errors = read(&[
            ("HEGEMON_MINE", "yes"),
            ("HEGEMON_MINE_THREADS", "0"),
            ("HEGEMON_MAX_PEERS", ""),
            ("HEGEMON_PENDING_PER_IP", "1025"),
            ("HEGEMON_PQ_DISCOVERY", "OFF"),
            ("HEGEMON_PQ_DISCOVERY_TICK_SECS", "4"),
            ("HEGEMON_PQ_DISCOVERY_MIN_PEERS", "4"),
            ("HEGEMON_PQ_DISCOVERY_TARGET_OUTBOUND", "3"),
            ("HEGEMON_BLOCK_TIME_MS", "2s"),
            ("HEGEMON_CLOCK_OFFSET_MS", "1m"),
            ("HEGEMON_PQ_IDENTITY_SEED", "secret"),
        ])
        .unwrap_err();
        insta::assert_snapshot!(errors);
    }

    #[test]
    fn a_secret_is_read_as_older_nodes_wrote_it_and_never_shown() {
        let digits = "ab".repeat(32);
        for text in [digits.clone(), format!("0x{digits}"), format!(" {digits}\n")] {
            assert_eq!(*parse_secret(&text).unwrap(), [0xab; 32]);
        }
        assert_eq!(parse_secret(&digits[1..]), None);
        let environment = read(&[("HEGEMON_PQ_IDENTITY_SEED", &digits)]).unwrap();
        assert!(!format!("{environment:?}").contains("abab"));
    }
}
