//! Questions to a node over JSON-RPC, and what its answers mean. A value of the wrong type is an
//! answer of the wrong type, never a default.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use harness_core::{
    check::FRESH,
    event::{Direction, Miss, Reading, Session, SessionList},
};
use serde_json::Value;

use crate::link::{Connect, NodeLink};

/// How long a node may take to answer: what takes longer is no longer fresh. A run that was asked for
/// patience stretches it.
const REQUEST_TIMEOUT: Duration = FRESH;

/// How long a node that should be down is given to prove the opposite.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(1);

/// Text of a node in our messages and evidence.
const LONGEST_QUOTE: usize = 120;

/// A node's JSON-RPC.
#[derive(Clone)]
pub(crate) struct Rpc {
    link: Arc<dyn NodeLink>,
    /// How it was made; nothing for a node that nobody here starts or stops.
    made: Option<(Arc<dyn Connect>, SocketAddr)>,
    timeout: Duration,
    patience: f64,
}

impl Rpc {
    /// Connects to nothing yet.
    pub(crate) fn new(connect: Arc<dyn Connect>, address: SocketAddr, patience: f64) -> Self {
        Self::with_timeout(connect, address, REQUEST_TIMEOUT, patience)
    }

    /// Over a link that is there.
    pub(crate) fn over(link: Arc<dyn NodeLink>, patience: f64) -> Self {
        Self { link, made: None, timeout: REQUEST_TIMEOUT.mul_f64(patience), patience }
    }

    /// Where it is, if we know: of a node that is somebody else's only its link does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.made.as_ref().map(|(_, address)| *address)
    }

    /// The same for a node that was stopped: the address of a container that is gone swallows
    /// questions, and nobody needs to wait long for an answer that must not come.
    pub(crate) fn of_stopped(&self) -> Self {
        match &self.made {
            Some((connect, address)) => {
                Self::with_timeout(Arc::clone(connect), *address, STOPPED_TIMEOUT, self.patience)
            }
            None => self.clone(),
        }
    }

    fn with_timeout(
        connect: Arc<dyn Connect>,
        address: SocketAddr,
        usual: Duration,
        patience: f64,
    ) -> Self {
        let timeout = usual.mul_f64(patience);
        let link = connect.connect(address, timeout);
        Self { link, made: Some((connect, address)), timeout, patience }
    }

    /// Waits until it is this node's turn: what is asked then is asked now.
    pub(crate) async fn ready(&self) {
        self.link.ready().await;
    }

    /// One round of questions: one request for all of them, or one for each where a node refuses
    /// that. `own` is the node's peer ID, if it has said one.
    pub(crate) async fn round(
        &self,
        also: Also,
        own: Option<&str>,
        batching: &mut Batching,
    ) -> Answers {
        if *batching == Batching::Whole {
            match self.batch(also, own).await {
                Ok(answers) => return answers,
                Err(miss) if miss.says_nothing() => return Answers::none(also, &miss),
                // It answers something, only not to this: what it is worth shows when it is asked
                // one by one.
                Err(_) => *batching = Batching::Single,
            }
        }
        let system_peers = async {
            if also.system_peers {
                Some(self.ask(SYSTEM_PEERS, &[], |value| distinct(value, own)).await)
            } else {
                None
            }
        };
        let sessions = async {
            if also.sessions { Some(self.ask(PEER_LIST, &[], sessions).await) } else { None }
        };
        let (health, height) = (self.call(HEALTH, &[]), self.ask(HEADER, &[], height));
        let (health, height, distinct, sessions) =
            tokio::join!(health, height, system_peers, sessions);
        let (peers, syncing) = read_health(health, also);
        Answers { peers, height, distinct, sessions, syncing }
    }

    async fn batch(&self, also: Also, own: Option<&str>) -> Result<Answers, Miss> {
        let methods: Vec<&str> = [HEALTH, HEADER]
            .into_iter()
            .chain(also.system_peers.then_some(SYSTEM_PEERS))
            .chain(also.sessions.then_some(PEER_LIST))
            .collect();
        self.link.turn().await?;
        let call = tokio::time::timeout(self.timeout, self.link.batch(&methods));
        let answers = call.await.map_err(|_| Miss::Timeout)??;
        // An answer that is left out is nobody's default.
        if answers.len() != methods.len() {
            return Err(Miss::Nonsense(format!(
                "{} answers to {} questions",
                answers.len(),
                methods.len()
            )));
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Err(Miss::Null));
        let (peers, syncing) = read_health(next(), also);
        Ok(Answers {
            peers,
            syncing,
            height: reading(HEADER, next(), height),
            distinct: also
                .system_peers
                .then(|| reading(SYSTEM_PEERS, next(), |value| distinct(value, own))),
            sessions: also.sessions.then(|| reading(PEER_LIST, next(), sessions)),
        })
    }

    /// Its own peer ID.
    pub(crate) async fn peer_id(&self) -> Reading<String> {
        self.ask("system_localPeerId", &[], peer_id).await
    }

    /// The hash of the best chain's block at a height.
    pub(crate) async fn block_hash(&self, height: u64) -> Reading<String> {
        self.ask("chain_getBlockHash", &[height.into()], |value| {
            let digits = value.as_str()?.strip_prefix("0x").filter(is_hash)?;
            Some(format!("0x{}", digits.to_ascii_lowercase()))
        })
        .await
    }

    /// The time of the best block, in milliseconds since 1970: a field that a header need not have.
    pub(crate) async fn block_time(&self) -> Reading<i64> {
        self.ask("chain_getHeader", &[], |header| header.get("timestamp")?.as_i64()).await
    }

    /// Names of all methods.
    pub(crate) async fn methods(&self) -> Reading<Vec<String>> {
        self.ask("rpc_methods", &[], |value| {
            value
                .get("methods")?
                .as_array()?
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect()
        })
        .await
    }

    async fn ask<T>(
        &self,
        method: &str,
        params: &[Value],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Reading<T> {
        reading(method, self.call(method, params).await, read)
    }

    /// Any method.
    pub(crate) async fn call(&self, method: &str, params: &[Value]) -> Result<Value, Miss> {
        self.link.turn().await?;
        // A link has a timeout of its own for the answer; this one covers whatever else could hang.
        let call = tokio::time::timeout(self.timeout, self.link.ask(method, params));
        call.await.unwrap_or(Err(Miss::Timeout))
    }
}

/// What is asked in a round beside peers and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Also {
    /// `system_peers`.
    pub(crate) system_peers: bool,
    /// `hegemon_peerList`.
    pub(crate) sessions: bool,
    /// Whether it is in sync: a part of an answer that is there anyway.
    pub(crate) syncing: bool,
}

/// How a round is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Batching {
    /// As one request.
    #[default]
    Whole,
    /// As a request for each question: the node did not answer a batch as one.
    Single,
}

/// What came back in a round.
#[derive(Debug)]
pub(crate) struct Answers {
    /// `system_health.peers`.
    pub(crate) peers: Reading<u64>,
    /// `number` of the best header.
    pub(crate) height: Reading<u64>,
    /// Distinct peer IDs of `system_peers`, if it was asked.
    pub(crate) distinct: Option<Reading<u64>>,
    /// `hegemon_peerList`, if it was asked.
    pub(crate) sessions: Option<Reading<Vec<Session>>>,
    /// `system_health.isSyncing`, if it was asked.
    pub(crate) syncing: Option<Reading<bool>>,
}

impl Answers {
    /// Nothing came back.
    pub(crate) fn none(also: Also, miss: &Miss) -> Self {
        Self {
            peers: Reading::Missing(miss.clone()),
            height: Reading::Missing(miss.clone()),
            distinct: also.system_peers.then(|| Reading::Missing(miss.clone())),
            sessions: also.sessions.then(|| Reading::Missing(miss.clone())),
            syncing: also.syncing.then(|| Reading::Missing(miss.clone())),
        }
    }
}

const HEALTH: &str = "system_health";
const HEADER: &str = "chain_getHeader";
const SYSTEM_PEERS: &str = "system_peers";
const PEER_LIST: &str = "hegemon_peerList";

fn reading<T>(
    method: &str,
    answer: Result<Value, Miss>,
    read: impl Fn(&Value) -> Option<T>,
) -> Reading<T> {
    match answer {
        Err(miss) => Reading::Missing(miss),
        Ok(Value::Null) => Reading::Missing(Miss::Null),
        Ok(value) => read(&value).map_or_else(
            || Reading::Missing(Miss::Nonsense(format!("{method}: {}", quote(&value.to_string())))),
            Reading::Value,
        ),
    }
}

/// Peers, and whether it is in sync if that is asked: of one answer.
fn read_health(answer: Result<Value, Miss>, also: Also) -> (Reading<u64>, Option<Reading<bool>>) {
    let syncing = |value: &Value| value.get("isSyncing")?.as_bool();
    let syncing = also.syncing.then(|| reading(HEALTH, answer.clone(), syncing));
    (reading(HEALTH, answer, peers), syncing)
}

fn peers(value: &Value) -> Option<u64> {
    value.get("peers")?.as_u64()
}

/// A node that lists itself lists nonsense: it is nobody's peer.
fn distinct(value: &Value, own: Option<&str>) -> Option<u64> {
    let ids: BTreeSet<&str> =
        value.as_array()?.iter().map(|peer| peer.get("peerId")?.as_str()).collect::<Option<_>>()?;
    let lists_itself = own.is_some_and(|own| ids.contains(own));
    (!lists_itself).then_some(ids.len() as u64)
}

fn height(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.get("number")?.as_str()?.strip_prefix("0x").filter(is_hex)?, 16).ok()
}

fn peer_id(value: &Value) -> Option<String> {
    /// Ours have 64 digits.
    const LONGEST: usize = 128;
    value.as_str().filter(|id| (1..=LONGEST).contains(&id.len())).map(harness_core::text::printable)
}

fn sessions(value: &Value) -> Option<Vec<Session>> {
    let session = |entry: &Value| {
        let direction = match entry.get("direction")?.as_str()? {
            "inbound" => Direction::Inbound,
            "outbound" => Direction::Outbound,
            _ => return None,
        };
        Some(Session { peer: peer_id(entry.get("peer_id")?)?, direction })
    };
    let entries = value.as_array().filter(|entries| entries.len() <= SessionList::MOST)?;
    entries.iter().map(session).collect()
}

/// 256 bits, not all of them zero: that is what stands for no hash at all.
fn is_hash(digits: &&str) -> bool {
    digits.len() == 64 && is_hex(digits) && digits.bytes().any(|digit| digit != b'0')
}

fn is_hex(digits: &&str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How long a node wants not to be asked, by what it answered: as it says, within reason, or a
/// moment.
pub(crate) fn wish<T>(reading: &Reading<T>) -> Duration {
    const MOMENT: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);
    match reading {
        Reading::Missing(Miss::Busy { retry_ms }) => {
            retry_ms.map_or(MOMENT, Duration::from_millis).min(LONGEST)
        }
        Reading::Missing(_) | Reading::Value(_) => Duration::ZERO,
    }
}

/// A node's words, short and without anything that a terminal would obey.
pub(crate) fn quote(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_QUOTE).collect();
    harness_core::text::printable(&short)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_not_its_own_peer() {
        let list = json!([{ "peerId": "a" }, { "peerId": "b" }, { "peerId": "b" }]);
        assert_eq!(distinct(&list, None), Some(2));
        assert_eq!(distinct(&list, Some("c")), Some(2));
        assert_eq!(distinct(&list, Some("b")), None);
        assert_eq!(distinct(&json!([{ "peer": "a" }]), None), None);
    }

    #[test]
    fn a_hash_has_256_bits_that_say_something() {
        let hash = "00".repeat(31) + "01";
        assert!(is_hash(&hash.as_str()));
        for wrong in
            ["", "0", "01", &hash[2..], &format!("{hash}00"), &"00".repeat(32), &"zz".repeat(32)]
        {
            assert!(!is_hash(&wrong), "{wrong}");
        }
    }
}
