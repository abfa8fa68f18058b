//! A way to an engine.

use std::{fmt, net::IpAddr, path::PathBuf};

/// The ports that engines have by custom, without and with TLS.
const PORTS: (u16, u16) = (2375, 2376);

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this host.
    Unix(PathBuf),
    /// A host, perhaps this one.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// Its port.
        port: u16,
        /// How it proves who it is, and we who we are.
        tls: Option<Tls>,
    },
}

/// Files in PEM. An engine that does not ask who we are needs the first alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Who vouches for the engine.
    pub ca: PathBuf,
    /// Who we are.
    pub cert: PathBuf,
    /// The key to that.
    pub key: PathBuf,
}

impl Tls {
    /// Under the names that Docker gives them.
    pub(super) fn of_directory(dir: &std::path::Path) -> Self {
        Self { ca: dir.join("ca.pem"), cert: dir.join("cert.pem"), key: dir.join("key.pem") }
    }
}

/// A text that names no way to an engine that we could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Ssh,
    Scheme,
    Form,
}

impl Address {
    /// Reads `unix:///path` or `tcp://host:port`; the latter with these files, if there are any.
    pub(super) fn parse(text: &str, tls: Option<Tls>) -> Result<Self, Unfit> {
        let (scheme, rest) = text.split_once("://").ok_or(Unfit::Form)?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let (host, port) = host_and_port(rest.trim_end_matches('/')).ok_or(Unfit::Form)?;
                let usual = if tls.is_some() { PORTS.1 } else { PORTS.0 };
                Ok(Self::Tcp { host, port: port.unwrap_or(usual), tls })
            }
            "unix" => Err(Unfit::Form),
            "ssh" => Err(Unfit::Ssh),
            _ => Err(Unfit::Scheme),
        }
    }

    /// The host that it is on, where that is another one, or looks like one.
    pub fn other_host(&self) -> Option<&str> {
        let Self::Tcp { host, .. } = self else { return None };
        let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        (!here).then_some(host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } if host.contains(':') => {
                write!(formatter, "tcp://[{host}]:{port}")
            }
            Self::Tcp { host, port, .. } => write!(formatter, "tcp://{host}:{port}"),
        }
    }
}

/// `host`, `host:port`, `[::1]`, `[::1]:port`.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(str::parse).transpose().ok()?;
    let fits = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#']);
    fits.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_again() {
        for (text, shown) in [
            ("unix:///run/a b.sock", "unix:///run/a b.sock"),
            ("tcp://docker:2375", "tcp://docker:2375"),
            ("tcp://docker", "tcp://docker:2375"),
            ("http://10.0.0.1:1/", "tcp://10.0.0.1:1"),
            ("tcp://[::1]:2376", "tcp://[::1]:2376"),
            ("tcp://[fd00::7]", "tcp://[fd00::7]:2375"),
        ] {
            assert_eq!(Address::parse(text, None).unwrap().to_string(), shown);
        }
        let tls = Tls::of_directory("/certs".as_ref());
        assert_eq!(Address::parse("tcp://a", Some(tls)).unwrap().to_string(), "tcp://a:2376");
    }

    #[test]
    fn what_is_no_address_is_none() {
        for (text, unfit) in [
            ("", Unfit::Form),
            ("docker:2375", Unfit::Form),
            ("unix://run/docker.sock", Unfit::Form),
            ("tcp://", Unfit::Form),
            ("tcp://:2375", Unfit::Form),
            ("tcp://a:b", Unfit::Form),
            ("tcp://a:70000", Unfit::Form),
            ("tcp://u@a:1", Unfit::Form),
            ("tcp://a/b", Unfit::Form),
            ("tcp://[::1", Unfit::Form),
            ("ssh://me@host", Unfit::Ssh),
            ("npipe:////./pipe/docker_engine", Unfit::Scheme),
            ("fd://", Unfit::Scheme),
        ] {
            assert_eq!(Address::parse(text, None), Err(unfit), "{text}");
        }
    }

    #[test]
    fn a_loopback_address_is_this_host() {
        for (text, other) in [
            ("unix:///run/docker.sock", None),
            ("tcp://localhost:1", None),
            ("tcp://127.0.0.2:1", None),
            ("tcp://[::1]:1", None),
            ("tcp://docker:1", Some("docker")),
            ("tcp://192.0.2.7:1", Some("192.0.2.7")),
        ] {
            assert_eq!(Address::parse(text, None).unwrap().other_host(), other, "{text}");
        }
    }
}
