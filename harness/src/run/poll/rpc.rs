//! Questions to a node over JSON-RPC, and what its answers mean. A value of the wrong type is an
//! answer of the wrong type, never a default.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use harness_core::event::{Direction, Miss, Reading, Session, SessionList};
use jsonrpsee_core::{
    client::{ClientT, Error},
    http_helpers::HttpError,
    params::{ArrayParams, BatchRequestBuilder},
    rpc_params,
};
use jsonrpsee_http_client::{HttpBackend, HttpClient, RpcService, RpcServiceBuilder, transport};
use serde_json::Value;

/// How long a node may take to answer: what takes longer is no longer fresh.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a node that should be down is given to prove the opposite.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(1);

/// A header or a list of peers is far smaller; a node that sends more must not fill our memory.
const LARGEST_ANSWER: u32 = 1024 * 1024;

/// Text of a node in our messages and evidence.
const LONGEST_QUOTE: usize = 120;

/// Without a layer that logs.
type Client = HttpClient<RpcService<HttpBackend>>;

/// A node's JSON-RPC.
#[derive(Debug, Clone)]
pub(crate) struct Rpc {
    client: Arc<Client>,
    address: SocketAddr,
    timeout: Duration,
}

impl Rpc {
    /// Connects to nothing yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with_timeout(address, REQUEST_TIMEOUT)
    }

    /// The same for a node that was stopped: the address of a container that is gone swallows
    /// questions, and nobody needs to wait long for an answer that must not come.
    pub(crate) fn of_stopped(&self) -> Self {
        Self::with_timeout(self.address, STOPPED_TIMEOUT)
    }

    fn with_timeout(address: SocketAddr, timeout: Duration) -> Self {
        let client = HttpClient::builder()
            // Without the layer that logs what is asked and answered: it renders both, whether or
            // not anybody listens.
            .set_rpc_middleware(RpcServiceBuilder::new())
            .request_timeout(timeout)
            .max_response_size(LARGEST_ANSWER)
            .build(format!("http://{address}"))
            .expect("a socket address makes a valid URL");
        Self { client: Arc::new(client), address, timeout }
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
                Err(miss) if miss.is_silence() => return Answers::none(also, &miss),
                // It answers something, only not to this: what it is worth shows when it is asked
                // one by one.
                Err(_) => *batching = Batching::Single,
            }
        }
        let system_peers = async {
            if also.system_peers {
                Some(self.ask(SYSTEM_PEERS, rpc_params![], |value| distinct(value, own)).await)
            } else {
                None
            }
        };
        let sessions = async {
            if also.sessions {
                Some(self.ask(PEER_LIST, rpc_params![], sessions).await)
            } else {
                None
            }
        };
        let (peers, height) =
            (self.ask(HEALTH, rpc_params![], peers), self.ask(HEADER, rpc_params![], height));
        let (peers, height, distinct, sessions) =
            tokio::join!(peers, height, system_peers, sessions);
        Answers { peers, height, distinct, sessions }
    }

    async fn batch(&self, also: Also, own: Option<&str>) -> Result<Answers, Miss> {
        let methods: Vec<&str> = [HEALTH, HEADER]
            .into_iter()
            .chain(also.system_peers.then_some(SYSTEM_PEERS))
            .chain(also.sessions.then_some(PEER_LIST))
            .collect();
        let mut batch = BatchRequestBuilder::new();
        for method in &methods {
            batch.insert(method, rpc_params![]).map_err(|why| Miss::Nonsense(why.to_string()))?;
        }
        let call = tokio::time::timeout(self.timeout, self.client.batch_request::<Value>(batch));
        let answers = call.await.map_err(|_| Miss::Timeout)?.map_err(miss)?;
        // An answer that is left out is nobody's default.
        if answers.len() != methods.len() {
            return Err(Miss::Nonsense(format!(
                "{} answers to {} questions",
                answers.len(),
                methods.len()
            )));
        }
        let mut answers = answers.into_iter().map(|answer| {
            answer.map_err(|object| Miss::Refused {
                code: object.code(),
                message: quote(object.message()),
            })
        });
        let mut next = || answers.next().unwrap_or(Err(Miss::Null));
        Ok(Answers {
            peers: reading(HEALTH, next(), peers),
            height: reading(HEADER, next(), height),
            distinct: also
                .system_peers
                .then(|| reading(SYSTEM_PEERS, next(), |value| distinct(value, own))),
            sessions: also.sessions.then(|| reading(PEER_LIST, next(), sessions)),
        })
    }

    /// Its own peer ID.
    pub(crate) async fn peer_id(&self) -> Reading<String> {
        self.ask("system_localPeerId", rpc_params![], peer_id).await
    }

    /// The hash of the best chain's block at a height.
    pub(crate) async fn block_hash(&self, height: u64) -> Reading<String> {
        self.ask("chain_getBlockHash", rpc_params![height], |value| {
            let digits = value.as_str()?.strip_prefix("0x").filter(is_hash)?;
            Some(format!("0x{}", digits.to_ascii_lowercase()))
        })
        .await
    }

    /// Names of all methods.
    pub(crate) async fn methods(&self) -> Reading<Vec<String>> {
        self.ask("rpc_methods", rpc_params![], |value| {
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
        params: ArrayParams,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Reading<T> {
        // The client's own timeout covers the answer; this one covers whatever else could hang.
        let call =
            tokio::time::timeout(self.timeout, self.client.request::<Value, _>(method, params));
        let answer = match call.await {
            Err(_) => Err(Miss::Timeout),
            Ok(answer) => answer.map_err(miss),
        };
        reading(method, answer, read)
    }
}

/// What is asked in a round beside peers and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Also {
    /// `system_peers`.
    pub(crate) system_peers: bool,
    /// `hegemon_peerList`.
    pub(crate) sessions: bool,
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
}

impl Answers {
    /// Nothing came back.
    pub(crate) fn none(also: Also, miss: &Miss) -> Self {
        Self {
            peers: Reading::Missing(miss.clone()),
            height: Reading::Missing(miss.clone()),
            distinct: also.system_peers.then(|| Reading::Missing(miss.clone())),
            sessions: also.sessions.then(|| Reading::Missing(miss.clone())),
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

fn miss(error: Error) -> Miss {
    if let Error::Call(object) = &error {
        return Miss::Refused { code: object.code(), message: quote(object.message()) };
    }
    if matches!(error, Error::RequestTimeout) {
        return Miss::Timeout;
    }
    let Error::Transport(why) = &error else {
        return Miss::Nonsense(quote(&error.to_string()));
    };
    match why.downcast_ref::<transport::Error>() {
        Some(transport::Error::Rejected { status_code }) => {
            Miss::Nonsense(format!("HTTP status {status_code}"))
        }
        Some(transport::Error::Http(HttpError::TooLarge)) => {
            Miss::Nonsense(format!("an answer of more than {LARGEST_ANSWER} bytes"))
        }
        Some(transport::Error::Http(HttpError::Malformed)) => {
            Miss::Nonsense("an answer that is no JSON-RPC".to_owned())
        }
        Some(transport::Error::Http(HttpError::Stream(why))) if is_an_answer(why.as_ref()) => {
            Miss::Nonsense(quote(&chain(why.as_ref())))
        }
        Some(_) | None => Miss::Unreachable(quote(&chain(why.as_ref()))),
    }
}

/// Something did come back: bytes that are no HTTP, or more of them than we take.
fn is_an_answer(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_parse = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    is_parse
        || error.is::<http_body_util::LengthLimitError>()
        || error.source().is_some_and(is_an_answer)
}

/// The innermost reason: the outer ones say "HTTP error" three times.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// 256 bits, not all of them zero: that is what stands for no hash at all.
fn is_hash(digits: &&str) -> bool {
    digits.len() == 64 && is_hex(digits) && digits.bytes().any(|digit| digit != b'0')
}

fn is_hex(digits: &&str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A node's words, short and without anything that a terminal would obey.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_QUOTE).collect();
    harness_core::text::printable(&short)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const ALL: Also = Also { system_peers: true, sessions: false };

    /// What a round says of a node that sends these bytes after every question and hangs up.
    async fn answered(bytes: Vec<u8>) -> Answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 4096];
                let _ = stream.read(&mut question).await;
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        });
        let answers = Rpc::new(address).round(ALL, None, &mut Batching::default()).await;
        serving.abort();
        answers
    }

    fn http(body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Silence may be a lost packet and breaks no span; an answer that is wrong is an answer.
    #[tokio::test]
    async fn whatever_comes_back_is_no_silence() {
        let large = format!("[{}]", " ".repeat(2 * 1024 * 1024));
        let unlimited = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{large}")
            .into_bytes();
        for (what, bytes) in [
            ("null", http("null")),
            ("a page", http("<html></html>")),
            ("nothing", http("")),
            ("half of it", http("{")),
            ("too much", http(&large)),
            ("too much, without a length", unlimited),
            ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
            (
                "a status",
                b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_vec(),
            ),
        ] {
            let answers = answered(bytes).await;
            for reading in [&answers.peers, &answers.height, answers.distinct.as_ref().unwrap()] {
                assert!(
                    matches!(reading, Reading::Missing(miss) if !miss.is_silence()),
                    "{what}: {reading:?}"
                );
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_silence() {
        let answers = answered(Vec::new()).await;
        assert!(answers.peers.is_silent() && answers.height.is_silent(), "{answers:?}");
    }

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
