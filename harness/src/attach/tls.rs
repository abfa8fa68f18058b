//! Whom this machine trusts. The roots are the system's own, not a list that is compiled in: what an
//! operator added or took away holds here as well, and nothing grows old in a binary.

use std::{io, path::PathBuf, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        CertificateError, ClientConfig, Error, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// What is trusted, ready to be used.
#[derive(Clone)]
pub struct Roots(TlsConnector);

/// Why nothing can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BadRoots {
    /// A file of the user's.
    #[error("{}: {why}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Neither the system nor the user names anybody.
    #[error(
        "this machine trusts no authority ({0}): install its CA certificates, or give --rpc-ca FILE"
    )]
    Nobody(String),
    /// The library's own.
    #[error("TLS: {0}")]
    Tls(#[from] Error),
}

impl Roots {
    /// The system's, and those in files of PEM certificates.
    ///
    /// # Errors
    ///
    /// If a file holds none, or nobody would be trusted.
    pub fn system_and(files: &[PathBuf]) -> Result<Self, BadRoots> {
        let mut roots = RootCertStore::empty();
        for path in files {
            let bad = |why: String| BadRoots::File { path: path.clone(), why };
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|why| bad(format!("cannot be read as PEM ({why})")))?;
            if certificates.is_empty() {
                return Err(bad("has no certificate (PEM) in it".to_owned()));
            }
            for certificate in certificates {
                roots.add(certificate).map_err(|why| bad(why.to_string()))?;
            }
        }
        let system = rustls_native_certs::load_native_certs();
        // A system may have a few that nobody can read.
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let why = system.errors.first().map_or("none found".to_owned(), ToString::to_string);
            return Err(BadRoots::Nobody(why));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Speaks TLS with a host, which must be who it is asked for as.
    pub(super) async fn shake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await.map_err(in_words)
    }
}

/// What people need to know, and no name that a certificate holds.
fn in_words(why: io::Error) -> io::Error {
    let of_tls = why.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(error) = of_tls else {
        if why.kind() == io::ErrorKind::UnexpectedEof {
            let words = "it hung up when it was spoken to in TLS: is it an http:// URL?";
            return io::Error::new(why.kind(), words);
        }
        return io::Error::new(why.kind(), format!("TLS: {why}"));
    };
    let words = if matches!(error, Error::InvalidMessage(_)) {
        "it does not speak TLS: is it an http:// URL?".to_owned()
    } else if let Error::InvalidCertificate(wrong) = error {
        certificate(wrong)
    } else {
        format!("TLS: {error}")
    };
    io::Error::other(words)
}

fn certificate(wrong: &CertificateError) -> String {
    use CertificateError as Wrong;
    if matches!(wrong, Wrong::UnknownIssuer | Wrong::BadSignature) {
        "its certificate is signed by nobody whom this machine trusts: --rpc-ca FILE adds an authority".to_owned()
    } else if matches!(wrong, Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) {
        "its certificate is for another name".to_owned()
    } else if matches!(wrong, Wrong::Expired | Wrong::ExpiredContext { .. }) {
        "its certificate has expired, or this machine's clock is wrong".to_owned()
    } else {
        format!("its certificate is refused: {wrong}")
    }
}
