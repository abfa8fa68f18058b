//! Seeds by name. Names are resolved at every attempt: an address that moved is found again.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::time::timeout;

/// A lookup that takes longer has failed. A resolver whose first name server is dead asks the
/// second after five seconds; nobody but this seed waits for it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(15);

/// One entry of `HEGEMON_SEEDS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// A name or an IP.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Seed {
    /// All its addresses now.
    ///
    /// # Errors
    ///
    /// Its name is unknown, or the resolver silent.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        match timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(addrs) => addrs.map(Iterator::collect),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
