//! Questions to a node over JSON-RPC, and what its answers mean. A value of the wrong type is an answer of the wrong type, never a default.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use jsonrpsee_core::{
    client::{ClientT, Error},
    params::ArrayParams,
    rpc_params,
};
use jsonrpsee_http_client::{HttpClient, transport};
use serde_json::Value;

use crate::event::{Miss, Reading};

/// How long a node may take to answer: what takes longer is no longer fresh.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a node that should be down is given to prove the opposite.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(1);

/// A header or a list of peers is far smaller; a node that sends more must not fill our memory.
const LARGEST_ANSWER: u32 = 1024 * 1024;

/// Text of a node in our messages and evidence.
const LONGEST_QUOTE: usize = 120;

/// A node's JSON-RPC.
#[derive(Debug, Clone)]
pub(crate) struct Rpc {
    client: HttpClient,
    address: SocketAddr,
    timeout: Duration,
}

impl Rpc {
    /// Connects to nothing yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with_timeout(address, REQUEST_TIMEOUT)
    }

    /// The same for a node that was stopped: the address of a container that is gone swallows questions, and nobody needs to wait long for an answer that must not come.
    pub(crate) fn of_stopped(&self) -> Self {
        Self::with_timeout(self.address, STOPPED_TIMEOUT)
    }

    fn with_timeout(address: SocketAddr, timeout: Duration) -> Self {
        let client = HttpClient::builder()
            .request_timeout(timeout)
            .max_response_size(LARGEST_ANSWER)
            .build(format!("http://{address}"))
            .expect("a socket address makes a valid URL");
        Self { client, address, timeout }
    }

    /// `system_health.peers`.
    pub(crate) async fn peers(&self) -> Reading<u64> {
        self.ask("system_health", rpc_params![], |value| value.get("peers")?.as_u64()).await
    }

    /// Distinct peer IDs of `system_peers`.
    pub(crate) async fn distinct_peers(&self) -> Reading<u64> {
        self.ask("system_peers", rpc_params![], |value| {
            let ids: Option<BTreeSet<&str>> = value.as_array()?.iter().map(|peer| peer.get("peerId")?.as_str()).collect();
            Some(ids?.len() as u64)
        })
        .await
    }

    /// `number` of the best header.
    pub(crate) async fn height(&self) -> Reading<u64> {
        self.ask("chain_getHeader", rpc_params![], |value| u64::from_str_radix(value.get("number")?.as_str()?.strip_prefix("0x").filter(is_hex)?, 16).ok())
            .await
    }

    /// The hash of the best chain's block at a height.
    pub(crate) async fn block_hash(&self, height: u64) -> Reading<String> {
        self.ask("chain_getBlockHash", rpc_params![height], |value| {
            let digits = value.as_str()?.strip_prefix("0x").filter(is_hex)?;
            Some(format!("0x{}", digits.to_ascii_lowercase()))
        })
        .await
    }

    /// Names of all methods.
    pub(crate) async fn methods(&self) -> Reading<Vec<String>> {
        self.ask("rpc_methods", rpc_params![], |value| value.get("methods")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()).await
    }

    async fn ask<T>(&self, method: &str, params: ArrayParams, read: impl Fn(&Value) -> Option<T>) -> Reading<T> {
        // The client's own timeout covers the answer; this one covers whatever else could hang.
        let call = tokio::time::timeout(self.timeout, self.client.request::<Value, _>(method, params));
        match call.await {
            Err(_) => Reading::Missing(Miss::Timeout),
            Ok(Err(error)) => Reading::Missing(miss(error)),
            Ok(Ok(Value::Null)) => Reading::Missing(Miss::Null),
            Ok(Ok(value)) => read(&value).map_or_else(|| Reading::Missing(Miss::Nonsense(format!("{method}: {}", quote(&value.to_string())))), Reading::Value),
        }
    }
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
        Some(transport::Error::Rejected { status_code }) => Miss::Nonsense(format!("HTTP status {status_code}")),
        Some(_) | None => Miss::Unreachable(quote(&chain(why.as_ref()))),
    }
}

/// The innermost reason: the outer ones say "HTTP error" three times.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn is_hex(digits: &&str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A node's words, short and without anything that a terminal would obey.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(LONGEST_QUOTE).collect();
    crate::report::printable(&short)
}
