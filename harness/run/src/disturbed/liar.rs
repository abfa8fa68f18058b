//! An HTTP proxy in front of a node's JSON-RPC that changes what it answers. A node that is down
//! looks down through it: the connection breaks without an answer.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use harness_core::control::{How, Lie};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::provider::Dial;

/// Questions and answers of a harness and a node of ours are a hundredth of it.
const LARGEST: usize = 4 * 1024 * 1024;

/// An upstream that takes longer is silent for the harness anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far below what the harness itself waits, on a machine that is busy with others' runs.
const SOON: Duration = Duration::from_millis(300);

/// The liars of one run; they end with it.
pub(super) struct Liars {
    lies: &'static [Lie],
    dialler: Arc<dyn Dial>,
    open: Mutex<BTreeMap<(String, SocketAddr, bool), Open>>,
}

struct Open {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Liars {
    /// `dialler` gets to the nodes.
    pub(super) fn new(lies: &'static [Lie], dialler: Arc<dyn Dial>) -> Self {
        Self { lies, dialler, open: Mutex::default() }
    }

    /// Where to reach a node: itself if nobody lies for it. `again`: it was started a second time.
    pub(super) async fn address(
        &self,
        node: &str,
        upstream: SocketAddr,
        again: bool,
    ) -> io::Result<SocketAddr> {
        let lies: Vec<Lie> =
            self.lies.iter().filter(|lie| lie.node == "*" || lie.node == node).copied().collect();
        if lies.is_empty() {
            return Ok(upstream);
        }
        let key = (node.to_owned(), upstream, again);
        if let Some(open) = self.lock().get(&key) {
            return Ok(open.address);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(serve(
            listener,
            Arc::new(Liar {
                upstream,
                dialler: Arc::clone(&self.dialler),
                lies,
                again,
                memory: Mutex::default(),
            }),
        ))
        .abort_handle();
        self.lock().insert(key, Open { address, serving });
        Ok(address)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, SocketAddr, bool), Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Liars {
    fn drop(&mut self) {
        self.lock().values().for_each(|open| open.serving.abort());
    }
}

struct Liar {
    upstream: SocketAddr,
    dialler: Arc<dyn Dial>,
    lies: Vec<Lie>,
    again: bool,
    /// What was answered: the first of a method that stays at it, the last of one that outlives its
    /// node.
    memory: Mutex<BTreeMap<String, Value>>,
}

async fn serve(listener: TcpListener, liar: Arc<Liar>) {
    while let Ok((stream, _)) = listener.accept().await {
        let liar = Arc::clone(&liar);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let liar = Arc::clone(&liar);
                async move { liar.answer(request).await }
            });
            // An error here is a connection that broke, which is what a silent node looks like.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Why nothing is answered; the connection then breaks.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Silence(String);

impl Liar {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Silence> {
        let silence = |why: &dyn std::fmt::Display| Silence(why.to_string());
        let body = Limited::new(request.into_body(), LARGEST)
            .collect()
            .await
            .map_err(|why| silence(&why))?
            .to_bytes();
        let question: Value = serde_json::from_slice(&body).map_err(|why| silence(&why))?;
        let methods = methods(&question);
        let lies = |how| self.lies.iter().any(|lie| lie.how == how);
        if lies(How::IsSilent) || (self.again && lies(How::IsSilentAfterwards)) {
            return Err(Silence("it was told to be silent".to_owned()));
        }
        // Nothing comes back from a container that is down: whoever can answer for it must not wait for that.
        let patience = if self.remembered(&question, &methods).is_some() { SOON } else { PATIENCE };
        let truth = tokio::time::timeout(patience, ask(self.upstream, self.dialler.as_ref(), body))
            .await
            .map_err(|why| silence(&why))
            .and_then(|answer| answer);
        let answer = match truth {
            Ok(mut answer) => {
                each(&mut answer, |one| self.change(one, &methods));
                answer
            }
            Err(silence) => self.remembered(&question, &methods).ok_or(silence)?,
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    fn change(&self, answer: &mut Value, methods: &BTreeMap<String, String>) {
        let Some(method) = methods.get(&id(answer)) else { return };
        for lie in self.lies.iter().filter(|lie| lie.method == method) {
            match lie.how {
                How::Says(text) => {
                    let result = serde_json::from_str(text).unwrap_or(Value::Null);
                    *answer = json!({ "jsonrpc": "2.0", "id": answer["id"], "result": result });
                }
                How::Denies => {
                    *answer = json!({ "jsonrpc": "2.0", "id": answer["id"], "error": { "code": -32601, "message": "Method not found" } })
                }
                How::StaysAtTheFirst => {
                    let first = self
                        .memory()
                        .entry(method.clone())
                        .or_insert_with(|| answer["result"].clone())
                        .clone();
                    answer["result"] = first;
                }
                How::RepeatsItself => {
                    if let Some(list) = answer["result"].as_array_mut()
                        && let Some(first) = list.first().cloned()
                    {
                        list.fill(first);
                    }
                }
                How::OutlivesTheNode => {
                    self.memory().insert(method.clone(), answer["result"].clone());
                }
                How::IsSilentAfterwards | How::IsSilent => {}
            }
        }
    }

    /// What a node that is down would have said, if everything that was asked is remembered.
    fn remembered(&self, question: &Value, methods: &BTreeMap<String, String>) -> Option<Value> {
        let outlives = |method: &String| {
            self.lies.iter().any(|lie| lie.method == method && lie.how == How::OutlivesTheNode)
        };
        let memory = self.memory();
        let one = |question: &Value| {
            let method = methods.get(&id(question)).filter(|method| outlives(method))?;
            Some(json!({ "jsonrpc": "2.0", "id": question["id"], "result": memory.get(method)? }))
        };
        match question.as_array() {
            Some(batch) => batch.iter().map(one).collect::<Option<Vec<Value>>>().map(Value::Array),
            None => one(question),
        }
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The method of each question, by its ID.
fn methods(question: &Value) -> BTreeMap<String, String> {
    let one = |question: &Value| Some((id(question), question["method"].as_str()?.to_owned()));
    question.as_array().map_or_else(
        || one(question).into_iter().collect(),
        |batch| batch.iter().filter_map(one).collect(),
    )
}

fn id(message: &Value) -> String {
    message["id"].to_string()
}

fn each(answer: &mut Value, mut change: impl FnMut(&mut Value)) {
    match answer {
        Value::Array(batch) => batch.iter_mut().for_each(change),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            change(answer)
        }
    }
}

/// One question to the node itself.
async fn ask(upstream: SocketAddr, dialler: &dyn Dial, body: Bytes) -> Result<Value, Silence> {
    let silence = |why: &dyn std::fmt::Display| Silence(why.to_string());
    let stream = dialler.dial(upstream).await.map_err(|why| silence(&why))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|why| silence(&why))?;
    let connection = tokio::spawn(connection);
    let question = Request::post("/")
        .header("host", upstream.to_string())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|why| silence(&why))?;
    let answer = async {
        let response = sender.send_request(question).await.map_err(|why| silence(&why))?;
        Limited::new(response.into_body(), LARGEST).collect().await.map_err(|why| silence(&why))
    };
    let answer = answer.await;
    connection.abort();
    serde_json::from_slice(&answer?.to_bytes()).map_err(|why| silence(&why))
}
