//! A node's page of metrics: one request, bounded in size and time.

use std::time::Duration;

use harness_core::{
    check::{FRESH, metric::page::LARGEST},
    event::Miss,
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::{poll::rpc::quote, testbed::Testbed};

/// Both formats that a page may have.
const FORMATS: &str =
    "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5";

/// The page of a node that was told to serve one.
///
/// # Errors
///
/// Why there is none.
pub(super) async fn page(bed: &Testbed, name: &str) -> Result<String, Miss> {
    let patience: Duration = FRESH.mul_f64(bed.patience());
    tokio::time::timeout(patience, ask(bed, name)).await.map_err(|_| Miss::Timeout)?
}

/// Ends with its question.
struct Connection(JoinHandle<Result<(), hyper::Error>>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn ask(bed: &Testbed, name: &str) -> Result<String, Miss> {
    let unreachable = |why: &dyn std::fmt::Display| Miss::Unreachable(quote(&why.to_string()));
    let nonsense = |why: &dyn std::fmt::Display| Miss::Nonsense(quote(&why.to_string()));
    let address = bed.provider.metrics(name).await.map_err(|why| unreachable(&why))?;
    let stream = bed.provider.dialler().dial(address).await.map_err(|why| unreachable(&why))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|why| unreachable(&why))?;
    let _connection = Connection(tokio::spawn(connection));
    let question = Request::get("/metrics")
        .header(HOST, address.to_string())
        .header(ACCEPT, FORMATS)
        .body(Empty::<Bytes>::new())
        .map_err(|why| nonsense(&why))?;
    let answer = sender.send_request(question).await.map_err(|why| unreachable(&why))?;
    if answer.status() != StatusCode::OK {
        return Err(nonsense(&format!("HTTP status {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let bytes = body.map_err(|why| nonsense(&format!("its page of metrics: {why}")))?.to_bytes();
    String::from_utf8(bytes.to_vec()).map_err(|why| nonsense(&why))
}
