//! Where the engine is found: what the Docker command line says of it, and TLS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use harness::provider::{
    NetworkChoice, Provider, ProviderError, ProviderOptions, docker::DockerProvider,
};
use harness_core::place::Environment;
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::support::{Bed, HARNESS, Kind, docker_cli, unique_run};

async fn connect<const N: usize>(
    variables: [(&str, &str); N],
) -> Result<DockerProvider, ProviderError> {
    let options = ProviderOptions {
        run_id: unique_run(),
        scratch: std::env::temp_dir(),
        profile: None,
        keep: false,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: HARNESS.into(),
    };
    DockerProvider::connect(options, &Environment::from(variables)).await
}

async fn refusal<const N: usize>(variables: [(&str, &str); N]) -> String {
    let error = connect(variables).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    error.to_string()
}

fn fact(provider: &DockerProvider, name: &str) -> String {
    provider.facts()["engine"][name].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_docker_host_is_none() {
    let provider = connect([("DOCKER_HOST", "")]).await.unwrap();
    assert_eq!(fact(&provider, "address"), "unix:///var/run/docker.sock");
    assert_eq!(fact(&provider, "found_by"), "the usual socket");
    let words = provider.engine();
    let start = "unix:///var/run/docker.sock (by the usual socket): engine ";
    assert!(words.starts_with(start) && words.contains(", API 1."), "{words}");
}

/// A context as the Docker command line itself makes it, to the same engine by another path.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_to_the_engine_that_the_docker_command_line_shows() {
    let dir = tempfile::tempdir().unwrap();
    let (config, socket) = (dir.path().join("config"), dir.path().join("other.sock"));
    std::os::unix::fs::symlink("/var/run/docker.sock", &socket).unwrap();
    let config = config.to_str().unwrap();
    let endpoint = format!("host=unix://{}", socket.display());
    let cli = |arguments: &[&str]| docker_cli(&[&["--config", config], arguments].concat());
    cli(&["context", "create", "other", "--docker", &endpoint]);
    cli(&["context", "use", "other"]);
    let shown = cli(&["context", "inspect", "-f", "{{.Endpoints.docker.Host}}"]);

    let provider = connect([("DOCKER_CONFIG", config)]).await.unwrap();
    assert_eq!(fact(&provider, "address"), shown.trim());
    let by = format!("the context `other` (current in {config}/config.json)");
    assert_eq!(fact(&provider, "found_by"), by);

    cli(&["context", "use", "default"]);
    let by_name = connect([("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "other")]).await.unwrap();
    assert_eq!(fact(&by_name, "found_by"), "the context `other` (DOCKER_CONTEXT)");
    let usual = connect([("DOCKER_CONFIG", config)]).await.unwrap();
    assert_eq!(fact(&usual, "found_by"), "the usual socket");
}

/// Docker in Docker, or a machine for containers: what it publishes is dialled where it is.
#[tokio::test(flavor = "multi_thread")]
async fn ports_that_another_host_publishes_are_dialled_there() {
    let bed = Bed::new(Kind::DockerRemote).await;
    bed.one(&[]).await;
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    assert_eq!(bed.provider.rpc("solo").await.unwrap().ip().to_string(), "127.0.0.2");
    assert_eq!(bed.provider.facts()["network"]["rpc"], "port published on the engine's host");
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_says_what_to_do() {
    let words = refusal([("DOCKER_HOST", "ssh://me@there")]).await;
    assert!(words.contains("does not speak SSH") && words.contains("on the engine's own host"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_with_tls_is_reached_by_who_is_known_and_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certificates::new(dir.path(), "engine");
    let port = engine_with_tls(&certs).await;
    let host = format!("tcp://127.0.0.1:{port}");
    let named = ("DOCKER_HOST", host.as_str());
    let verify = ("DOCKER_TLS_VERIFY", "1");

    let path = certs.dir.to_str().unwrap().to_owned();
    let provider = connect([named, verify, ("DOCKER_CERT_PATH", &path)]).await.unwrap();
    assert_eq!(fact(&provider, "address"), host);
    let id = docker_cli(&["info", "-f", "{{.ID}}"]);
    assert_eq!(fact(&provider, "id"), id.trim());

    let other = Certificates::new(dir.path(), "other");
    let path = other.dir.to_str().unwrap().to_owned();
    let words = refusal([named, verify, ("DOCKER_CERT_PATH", &path)]).await;
    assert!(words.contains("certificate"), "nobody vouches for this engine: {words}");
    let words = refusal([named, verify, ("DOCKER_CERT_PATH", "/nowhere")]).await;
    assert!(words.contains("/nowhere/ca.pem cannot be read"), "{words}");
}

/// An authority of its own, and a certificate for both sides that it has signed.
struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    fn new(parent: &Path, name: &str) -> Self {
        let dir = parent.join(name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
        let openssl = |arguments: &str| {
            let output = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(&dir)
                .output()
                .expect("these tests need openssl");
            assert!(output.status.success(), "{output:?}");
        };
        let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("{new} -x509 -days 2 -subj /CN={name} -keyout ca.key -out ca.pem"));
        openssl(&format!("{new} -subj /CN=both -keyout key.pem -out request.pem"));
        openssl(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
        );
        Self { dir }
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let file = self.dir.join(name);
        CertificateDer::pem_file_iter(file).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// The real engine behind TLS, open only to those whom the same authority knows.
async fn engine_with_tls(certs: &Certificates) -> u16 {
    let mut roots = RootCertStore::empty();
    certs.chain("ca.pem").into_iter().for_each(|root| roots.add(root).unwrap());
    // Made first: it settles which cryptography this process has.
    let builder = ServerConfig::builder();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(certs.dir.join("key.pem")).unwrap();
    let config =
        builder.with_client_cert_verifier(clients).with_single_cert(certs.chain("cert.pem"), key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
            });
        }
    });
    port
}
