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
        within_time(self.lookup()).await
    }

    /// What the operating system's resolver says, whenever it does.
    ///
    /// # Errors
    ///
    /// Its name is unknown.
    pub async fn lookup(&self) -> io::Result<Vec<SocketAddr>> {
        tokio::net::lookup_host((self.host.as_str(), self.port)).await.map(Iterator::collect)
    }
}

/// A lookup that fails when it has taken too long.
///
/// # Errors
///
/// The lookup's, or that time was up.
pub async fn within_time(
    lookup: impl Future<Output = io::Result<Vec<SocketAddr>>>,
) -> io::Result<Vec<SocketAddr>> {
    timeout(LOOKUP_TIMEOUT, lookup).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
