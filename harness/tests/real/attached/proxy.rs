//! A proxy before a node: counts what is asked, lets nothing but safe reads through, speaks TLS if it is
//! asked to, and refuses as busy servers do.

use std::{
    collections::BTreeSet,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use harness::attach::SAFE;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// An authority of its own, and a certificate that it has signed for a name or address.
pub(super) struct Certificates(PathBuf);

impl Certificates {
    pub(super) fn new(parent: &Path, name: &str, holder: &str) -> Self {
        let dir = parent.join(name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("names"), format!("subjectAltName={holder}")).unwrap();
        let openssl = |arguments: &str| {
            let arguments = arguments.split(' ');
            let made = Command::new("openssl").args(arguments).current_dir(&dir).output();
            let made = made.expect("these tests need openssl");
            assert!(made.status.success(), "{made:?}");
        };
        let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("{new} -x509 -days 2 -subj /CN={name} -keyout ca.key -out ca.pem"));
        openssl(&format!("{new} -subj /CN=proxy -keyout key.pem -out request.pem"));
        openssl(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
        );
        Self(dir)
    }

    pub(super) fn authority(&self) -> String {
        self.0.join("ca.pem").display().to_string()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(self.0.join("cert.pem")).unwrap();
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(self.0.join("key.pem")).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// What a proxy does beside passing on.
#[derive(Default)]
pub(super) struct Manner {
    /// It speaks TLS.
    pub(super) tls: Option<Arc<Certificates>>,
    /// So many requests, the first ones after `after`, are refused with HTTP 429.
    pub(super) busy: usize,
    pub(super) after: usize,
    /// What `Retry-After` says then.
    pub(super) retry: u64,
    /// Without this header's value a request is refused with HTTP 401.
    pub(super) key: Option<&'static str>,
}

/// What a proxy has seen.
#[derive(Default)]
pub(super) struct Seen {
    /// When each request came, and whether it was refused as too early.
    pub(super) requests: Vec<(Instant, bool)>,
    pub(super) methods: BTreeSet<String>,
    /// Methods that are none of the safe ones.
    pub(super) unsafe_ones: Vec<String>,
}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn before(node: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, manner) = (Arc::new(Mutex::new(Seen::default())), Arc::new(manner));
        let shared = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            let acceptor = manner.tls.as_ref().map(|certificates| certificates.acceptor());
            // Dropped with this task, and all connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, manner) = (Arc::clone(&shared), Arc::clone(&manner));
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    match acceptor {
                        None => drop(serve(stream, node, &manner, &seen).await),
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drop(serve(stream, node, &manner, &seen).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, serving }
    }

    pub(super) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn https(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(super) fn requests(&self) -> usize {
        self.seen.lock().unwrap().requests.len()
    }

    /// Nobody answers here any more.
    pub(super) fn end(&self) {
        self.serving.abort();
    }

    /// Nothing but safe reads came, and in no span more than `rate` allows.
    pub(super) fn assert_gentle(&self, rate: f64) {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.unsafe_ones, Vec::<String>::new());
        assert!(seen.methods.contains("chain_getHeader"), "it was asked at all");
        let at: Vec<Instant> = seen.requests.iter().map(|(at, _)| *at).collect();
        // Both ends of a span are in it; a late thread makes two of them come closer: by 400 ms on a busy machine once, in
        // four of twice the rate there is less than what is left.
        for span in [4_usize, 10, 20] {
            let fair = Duration::from_secs_f64(span as f64 / rate)
                .saturating_sub(Duration::from_millis(800));
            for pair in at.windows(span + 1) {
                let took = pair[span].duration_since(pair[0]);
                assert!(took >= fair, "{span} requests after the first in {took:?}");
            }
        }
    }
}

/// Requests of one connection, one after another.
async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    node: SocketAddr,
    manner: &Manner,
    seen: &Mutex<Seen>,
) -> io::Result<()> {
    while let Some((head, body)) = request(&mut client).await? {
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let calls = asked.as_array().cloned().unwrap_or_else(|| vec![asked.clone()]);
        let methods: Vec<String> =
            calls.iter().map(|call| call["method"].as_str().unwrap_or("none").to_owned()).collect();
        let (number, bad) = {
            let mut seen = seen.lock().unwrap();
            let number = seen.requests.len();
            let busy = (manner.after..manner.after.saturating_add(manner.busy)).contains(&number);
            seen.requests.push((Instant::now(), busy));
            let bad: Vec<String> =
                methods.iter().filter(|method| !SAFE.contains(&method.as_str())).cloned().collect();
            seen.methods.extend(methods);
            seen.unsafe_ones.extend(bad.clone());
            (busy, !bad.is_empty())
        };
        let refusal = if manner.key.is_some_and(|key| !head.contains(key)) {
            Some("401 Unauthorized\r\n".to_owned())
        } else if number {
            Some(format!("429 Too Many Requests\r\nretry-after: {}\r\n", manner.retry))
        } else {
            bad.then(|| "403 Forbidden\r\n".to_owned())
        };
        let answer = match refusal {
            Some(refusal) => format!("HTTP/1.1 {refusal}content-length: 0\r\n\r\n").into_bytes(),
            None => pass_on(node, &body).await?,
        };
        client.write_all(&answer).await?;
    }
    Ok(())
}

async fn request(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.split_once("content-length:").map_or("0", |(_, rest)| rest);
    let length = length.split("\r\n").next().unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    Ok(Some((head, body)))
}

/// As a proxy under another name does: with a `Host` that the node takes.
async fn pass_on(node: SocketAddr, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(node).await?;
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {node}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    upstream.write_all(head.as_bytes()).await?;
    upstream.write_all(body).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    // The connection to the client stays.
    let text = String::from_utf8_lossy(&answer).replace("connection: close\r\n", "");
    Ok(text.into_bytes())
}
