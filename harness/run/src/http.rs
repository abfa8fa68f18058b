//! Nodes over HTTP, as all real ones are reached.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};
use harness_core::event::Miss;
use hyper::{
    HeaderMap, StatusCode, Uri,
    body::Incoming,
    header::{DATE, RETRY_AFTER},
};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use jsonrpsee_core::{
    client::{ClientT, Error},
    http_helpers::HttpError,
    params::{ArrayParams, BatchRequestBuilder},
    rpc_params,
};
use jsonrpsee_http_client::{
    HttpBody, HttpClient, HttpRequest, HttpResponse, RpcService, RpcServiceBuilder, transport,
};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::{Service, ServiceBuilder};

use super::{
    link::{Answer, Connect, NodeLink},
    poll::rpc::quote,
};
use crate::provider::Dial;

/// A header or a list of peers is far smaller; a node that sends more must not fill our memory.
const LARGEST_ANSWER: u32 = 1024 * 1024;

/// Reaches nodes over HTTP.
#[derive(Clone)]
pub struct Http {
    dialler: Arc<dyn Dial>,
}

impl Http {
    /// In the way that a provider says.
    pub fn through(dialler: Arc<dyn Dial>) -> Self {
        Self { dialler }
    }
}

impl Connect for Http {
    fn connect(&self, node: SocketAddr, patience: Duration) -> Arc<dyn NodeLink> {
        let open = Arc::new(Dialled(Arc::clone(&self.dialler)));
        link(open, &format!("http://{node}"), HeaderMap::new(), patience)
    }
}

/// A link over HTTP to a URL that begins with `http://`: what the connections are made of is the opener's
/// to say. Every question has these headers.
pub fn link(
    open: Arc<dyn Open>,
    url: &str,
    headers: HeaderMap,
    patience: Duration,
) -> Arc<dyn NodeLink> {
    let client = HttpClient::builder()
        // Without the layer that logs what is asked and answered: it renders both, whether or
        // not anybody listens.
        .set_rpc_middleware(RpcServiceBuilder::new())
        .set_http_middleware(ServiceBuilder::new().layer_fn(move |_| Refusals(Backend::new(&open))))
        .set_headers(headers)
        .request_timeout(patience)
        .max_response_size(LARGEST_ANSWER)
        .build(url)
        .expect("a socket address, or what was parsed as one, makes a valid URL");
    Arc::new(HttpLink { client })
}

/// One start of one node.
struct HttpLink {
    /// Without a layer that logs.
    client: HttpClient<RpcService<Refusals<Backend>>>,
}

/// Connections to one node, kept open between questions. In place of the client's own, which connects
/// from the network of this process.
#[derive(Debug, Clone)]
struct Backend(Client<Connector, HttpBody>);

impl Backend {
    fn new(open: &Arc<dyn Open>) -> Self {
        let connector = Connector(Arc::clone(open));
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl Service<HttpRequest> for Backend {
    type Response = HttpResponse<Incoming>;
    type Error = transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(broken)
    }

    fn call(&mut self, question: HttpRequest) -> Self::Future {
        self.0.call(question).map_err(broken).boxed()
    }
}

fn broken(why: hyper_util::client::legacy::Error) -> transport::Error {
    transport::Error::Http(HttpError::Stream(why.into()))
}

/// What questions and answers go over.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Connection for Box<dyn Io> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Opens a connection to wherever a question is for.
pub trait Open: Send + Sync {
    /// Waits as long as the operating system does: the caller bounds it.
    fn open(&self, uri: Uri) -> BoxFuture<'_, io::Result<Box<dyn Io>>>;
}

/// An address, dialled as a provider says.
struct Dialled(Arc<dyn Dial>);

impl Open for Dialled {
    fn open(&self, uri: Uri) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        async move {
            let to = uri.authority().and_then(|at| at.as_str().parse().ok());
            let to = to.ok_or_else(|| io::Error::other(format!("{uri} has no socket address")))?;
            Ok(Box::new(self.0.dial(to).await?) as Box<dyn Io>)
        }
        .boxed()
    }
}

/// Opens what a question goes over.
#[derive(Clone)]
struct Connector(Arc<dyn Open>);

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Io>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let open = Arc::clone(&self.0);
        async move { open.open(uri).await.map(TokioIo::new) }.boxed()
    }
}

/// Sees a node's wish to be asked later, which the client above would reduce to a status.
#[derive(Debug, Clone)]
struct Refusals<S>(S);

/// HTTP 429, or 503 with a time to come back.
#[derive(Debug, thiserror::Error)]
#[error("asked to be asked later")]
struct Later {
    retry_ms: Option<u64>,
}

impl<S, Q, B> Service<Q> for Refusals<S>
where
    S: Service<Q, Response = HttpResponse<B>, Error = transport::Error>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, question: Q) -> Self::Future {
        let answer = self.0.call(question);
        async move {
            let answer = answer.await?;
            match later(answer.status(), answer.headers()) {
                Some(later) => Err(transport::Error::Http(HttpError::Stream(Box::new(later)))),
                None => Ok(answer),
            }
        }
        .boxed()
    }
}

fn later(status: StatusCode, headers: &HeaderMap) -> Option<Later> {
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    // A date is by the server's clock, which says in its answer what it shows. Without that, that it wants
    // to be asked later is enough.
    let by_date = |text: &str| {
        let now = headers.get(DATE).and_then(|value| date(value.to_str().ok()?))?;
        u64::try_from(date(text)?.duration_since(now).unwrap_or_default().as_millis()).ok()
    };
    let by_count =
        |text: &str| text.parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000));
    let retry_ms = after.map(str::trim).and_then(|text| by_count(text).or_else(|| by_date(text)));
    let refused = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::SERVICE_UNAVAILABLE && after.is_some());
    refused.then_some(Later { retry_ms })
}

impl NodeLink for HttpLink {
    fn ask<'a>(&'a self, method: &'a str, params: &'a [Value]) -> BoxFuture<'a, Answer> {
        async move {
            let mut all = ArrayParams::new();
            for param in params {
                all.insert(param).map_err(|why| Miss::Nonsense(why.to_string()))?;
            }
            self.client.request(method, all).await.map_err(miss)
        }
        .boxed()
    }

    fn batch<'a>(&'a self, methods: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Answer>, Miss>> {
        async move {
            let mut batch = BatchRequestBuilder::new();
            for method in methods {
                batch
                    .insert(method, rpc_params![])
                    .map_err(|why| Miss::Nonsense(why.to_string()))?;
            }
            let answers = self.client.batch_request::<Value>(batch).await.map_err(miss)?;
            let one = answers.into_iter().map(|answer| {
                answer.map_err(|object| Miss::Refused {
                    code: object.code(),
                    message: quote(object.message()),
                })
            });
            Ok(one.collect())
        }
        .boxed()
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
        Some(transport::Error::Rejected { status_code }) => {
            Miss::Nonsense(format!("HTTP status {status_code}"))
        }
        Some(transport::Error::Http(HttpError::TooLarge)) => {
            Miss::Nonsense(format!("an answer of more than {LARGEST_ANSWER} bytes"))
        }
        Some(transport::Error::Http(HttpError::Malformed)) => {
            Miss::Nonsense("an answer that is no JSON-RPC".to_owned())
        }
        Some(transport::Error::Http(HttpError::Stream(why))) if why.is::<Later>() => {
            Miss::Busy { retry_ms: why.downcast_ref::<Later>().and_then(|later| later.retry_ms) }
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

#[cfg(test)]
mod tests {
    use jsonrpsee::{
        Extensions, RpcModule,
        server::{BatchRequestConfig, Server, ServerConfig},
        types::{ErrorObjectOwned, Params},
    };
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        poll::rpc::{Also, Answers, Batching, Rpc},
        provider::Direct,
    };
    use harness_core::event::Reading;

    const ALL: Also = Also { system_peers: true, sessions: false, syncing: false };

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
        let answers = Rpc::new(Arc::new(Http::through(Arc::new(Direct))), address, 1.0)
            .round(ALL, None, &mut Batching::default())
            .await;
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
            (
                "a refusal of batches",
                http(
                    r#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"no batches"},"id":null}"#,
                ),
            ),
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

    /// A limit is no answer, and no reason to ask in another way.
    #[tokio::test]
    async fn a_wish_to_be_asked_later_is_neither_an_answer_nor_silence() {
        let refusal =
            |head: &str| format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").into_bytes();
        for (head, retry_ms) in [
            ("429 Too Many Requests\r\nretry-after: 3", Some(3000)),
            ("429 Too Many Requests", None),
            ("429 Too Many Requests\r\nretry-after: Thu, 26 Nov 2026 20:00:00 GMT", None),
            (
                "429 Too Many Requests\r\ndate: Thu, 26 Nov 2026 19:58:00 GMT\r\nretry-after: Thu, 26 Nov 2026 20:00:00 GMT",
                Some(120_000),
            ),
            ("503 Service Unavailable\r\nretry-after: 1", Some(1000)),
        ] {
            let answers = answered(refusal(head)).await;
            let busy = Reading::Missing(Miss::Busy { retry_ms });
            assert_eq!((&answers.peers, &answers.height), (&busy, &busy), "{head}");
        }
        let answers = answered(refusal("503 Service Unavailable")).await;
        assert!(matches!(answers.peers, Reading::Missing(Miss::Nonsense(_))), "{answers:?}");
    }

    #[tokio::test]
    async fn nothing_is_silence() {
        let answers = answered(Vec::new()).await;
        assert!(answers.peers.is_silent() && answers.height.is_silent(), "{answers:?}");
    }

    /// The innermost reason, and not three times that there is one.
    #[tokio::test]
    async fn why_nobody_was_reached_is_said_in_the_kernels_words() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let rpc = Rpc::new(Arc::new(Http::through(Arc::new(Direct))), nobody, 1.0);
        let answers = rpc.round(ALL, None, &mut Batching::default()).await;
        let why = "Connection refused (os error 111)".to_owned();
        assert_eq!(answers.height, Reading::Missing(Miss::Unreachable(why)));
    }

    /// A server as nodes have one, asked with or without a batch.
    #[tokio::test]
    async fn answers_come_through_in_one_request_and_in_single_ones() {
        for batches in [BatchRequestConfig::Unlimited, BatchRequestConfig::Disabled] {
            let mut module = RpcModule::new(());
            module.register_method("system_health", |_, (), _| json!({ "peers": 2 })).unwrap();
            module.register_method("chain_getHeader", |_, (), _| Value::Null).unwrap();
            let deny = |_: Params<'_>, (): &(), _: &Extensions| -> Result<Value, _> {
                Err(ErrorObjectOwned::owned(-32601, "Method not found", None::<()>))
            };
            module.register_method("system_peers", deny).unwrap();
            let hash = |params: Params<'_>, (): &(), _: &Extensions| -> Result<Value, _> {
                let height: u64 = params.one()?;
                Ok::<_, ErrorObjectOwned>(json!(format!("0x{height:064x}")))
            };
            module.register_method("chain_getBlockHash", hash).unwrap();
            let config = ServerConfig::builder().set_batch_request_config(batches).build();
            let server = Server::builder().set_config(config).build("127.0.0.1:0").await.unwrap();
            let rpc = Rpc::new(
                Arc::new(Http::through(Arc::new(Direct))),
                server.local_addr().unwrap(),
                1.0,
            );
            let serving = server.start(module);

            let mut batching = Batching::default();
            let answers = rpc.round(ALL, None, &mut batching).await;
            let whole = matches!(batches, BatchRequestConfig::Unlimited);
            assert_eq!(batching == Batching::Whole, whole);
            assert_eq!(answers.peers, Reading::Value(2));
            assert_eq!(answers.height, Reading::Missing(Miss::Null));
            let Some(Reading::Missing(denied)) = answers.distinct else { panic!("{batching:?}") };
            assert!(denied.is_unknown_method(), "{denied:?}");
            assert_eq!(rpc.block_hash(7).await, Reading::Value(format!("0x{:064x}", 7)));
            serving.stop().unwrap();
        }
    }
}
