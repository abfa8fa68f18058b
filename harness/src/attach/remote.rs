//! A node behind a URL. Asks nothing but safe reads, each in its turn.

use std::{io, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{attached::READS, event::Miss};
use harness_run::{
    http::{self, Io, Open},
    link::{Answer, NodeLink},
};
use hyper::{
    HeaderMap, Uri,
    header::{HOST, HeaderValue},
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Endpoint, Hidden, Roots, Scheme, pace::Pace};

/// What is asked of a node that is somebody else's by itself. `system_peers` is not among it: nodes hold it
/// for unsafe, and a proxy may refuse a whole batch for it. A check of the user's own may ask [`READS`].
pub const SAFE: [&str; 6] = [
    "chain_getBlockHash",
    "chain_getHeader",
    "hegemon_peerList",
    "rpc_methods",
    "system_health",
    "system_localPeerId",
];

/// A node that runs already.
pub struct Remote {
    link: Arc<dyn NodeLink>,
    pace: Pace,
    hidden: Arc<Hidden>,
}

impl Remote {
    /// Connects to nothing yet. `roots` is for a URL with `https://`.
    pub fn new(
        endpoint: Endpoint,
        roots: Option<Roots>,
        mut headers: HeaderMap,
        hidden: Arc<Hidden>,
        (rate, patience): (f64, Duration),
    ) -> Self {
        // The client would say port 443, which some do not take for theirs.
        if let Ok(host) = HeaderValue::from_str(&endpoint.authority()) {
            headers.insert(HOST, host);
        }
        let url = endpoint.in_the_clear();
        let link = http::link(Arc::new(Opener { endpoint, roots }), &url, headers, patience);
        Self { link, pace: Pace::new(rate), hidden }
    }

    fn heard(&self, miss: Miss) -> Miss {
        self.pace.heard(&miss);
        self.hidden.miss(miss)
    }
}

impl NodeLink for Remote {
    fn ready(&self) -> BoxFuture<'_, ()> {
        self.pace.ready().boxed()
    }

    fn turn(&self) -> BoxFuture<'_, Result<(), Miss>> {
        self.pace.turn().boxed()
    }

    fn ask<'a>(&'a self, method: &'a str, params: &'a [Value]) -> BoxFuture<'a, Answer> {
        is_safe(method);
        async move {
            let answer = self.link.ask(method, params).await;
            answer.map(|value| self.hidden.value(value)).map_err(|miss| self.heard(miss))
        }
        .boxed()
    }

    fn batch<'a>(&'a self, methods: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Answer>, Miss>> {
        methods.iter().for_each(|method| is_safe(method));
        async move {
            let answers = self.link.batch(methods).await.map_err(|miss| self.heard(miss))?;
            let answers = answers.into_iter().map(|answer| {
                answer.map(|value| self.hidden.value(value)).map_err(|miss| self.heard(miss))
            });
            Ok(answers.collect())
        }
        .boxed()
    }
}

/// Whoever asks anything else has a bug, and nothing is sent.
fn is_safe(method: &str) {
    let is_read = SAFE.contains(&method) || READS.contains(&method);
    assert!(is_read, "`{method}` was about to be asked of a node that is not ours");
}

/// TCP, and TLS where the URL says so.
struct Opener {
    endpoint: Endpoint,
    roots: Option<Roots>,
}

impl Open for Opener {
    fn open(&self, _: Uri) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        async move {
            let Endpoint { host, port, .. } = &self.endpoint;
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match (self.endpoint.scheme, &self.roots) {
                (Scheme::Http, _) => Ok(Box::new(stream) as Box<dyn Io>),
                (Scheme::Https, Some(roots)) => {
                    Ok(Box::new(roots.shake(host, stream).await?) as Box<dyn Io>)
                }
                (Scheme::Https, None) => Err(io::Error::other("nobody is trusted")),
            }
        }
        .boxed()
    }
}
