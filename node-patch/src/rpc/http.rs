//! One HTTP request: who asks, what for, and which part answers.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, UPGRADE},
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{
    call, guard,
    health::{Health, Status},
    limits::MAX_REQUEST_BYTES,
    methods::Access,
    shared::{Room, Shared},
    websocket,
};

/// Every answer fits into memory, and into one write.
pub(super) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// One connection, for as long as anything of it is left.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    /// Its place among all.
    pub(super) place: Arc<OwnedSemaphorePermit>,
}

impl Connection {
    /// Answers one request.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let shared = Arc::clone(&self.shared);
        if let Err(refusal) = guard::admit(request.headers(), shared.reach) {
            tracing::debug!(peer = %self.peer, %refusal, "an RPC request is refused");
            return Ok(text(StatusCode::FORBIDDEN, format!("{refusal}\n")));
        }
        Ok(match (request.method(), request.uri().path()) {
            (&Method::GET, _) if asks_for_websocket(request.headers()) => self.upgrade(request),
            (&Method::GET, "/health") => {
                json(StatusCode::OK, Health::of(&shared.context).json().to_string())
            }
            (&Method::GET, "/health/readiness") => readiness(&shared),
            (&Method::POST, _) if is_json(request.headers()) => self.call(request).await,
            (&Method::POST, _) => text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "JSON-RPC needs the header Content-Type: application/json\n",
            ),
            _ => text(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC is asked by POST or by WebSocket; GET has /health and /health/readiness\n",
            ),
        })
    }

    async fn call(&self, request: Request<Incoming>) -> Answer {
        let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect();
        let body = match timeout(self.shared.patience.request, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => {
                let why = format!("a request has at most {MAX_REQUEST_BYTES} bytes\n");
                return text(StatusCode::PAYLOAD_TOO_LARGE, why);
            }
            Err(_) => {
                return text(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come\n");
            }
        };
        let access = self.access();
        let answer = call::answer(&body, |name, params| self.shared.call(access, name, params));
        let answer = answer.unwrap_or_default();
        match self.shared.room_for(&answer) {
            Some(room) => {
                respond(StatusCode::OK, JSON, Bytes::from_owner(Kept { answer, _room: room }))
            }
            None => busy("too many answers wait for clients that do not read; try again later\n"),
        }
    }

    fn upgrade(self, mut request: Request<Incoming>) -> Answer {
        let response = match create_response_with_body(&request, Full::default) {
            Ok(response) => response,
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        };
        let Ok(place) = Arc::clone(&self.shared.websockets).try_acquire_owned() else {
            return busy("all places for WebSockets are taken; ask by HTTP, or try again later\n");
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let tasks = self.shared.tasks.clone();
        tasks.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => websocket::serve(upgraded, &self.shared, self.access()).await,
                Err(error) => tracing::debug!(peer = %self.peer, %error, "no WebSocket came of it"),
            }
            drop((place, self.place));
        });
        response
    }

    fn access(&self) -> Access {
        self.shared.access(self.peer)
    }
}

/// An answer, and the room that it takes until hyper has written it.
struct Kept {
    answer: String,
    _room: Room,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.answer.as_bytes()
    }
}

fn readiness(shared: &Shared) -> Answer {
    let health = Health::of(&shared.context);
    let code = match health.status() {
        Status::Ready => StatusCode::OK,
        Status::NoPeers | Status::Syncing => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(code, health.status_json(&shared.context).to_string())
}

/// Any other upgrade (curl offers `h2c`) is an offer that we need not take.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let asked = headers.get(UPGRADE);
    asked.is_some_and(|asked| asked.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// A page can send any other type without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    ["application/json", "application/json-rpc"]
        .iter()
        .any(|json| essence.eq_ignore_ascii_case(json))
}

fn json(status: StatusCode, body: String) -> Answer {
    respond(status, JSON, body.into())
}

fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    respond(status, TEXT, body.into().into())
}

/// Whoever has asked for more already must come again.
fn busy(why: &str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, why);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    answer
}

fn respond(status: StatusCode, content: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content);
    answer
}
