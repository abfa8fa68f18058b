//! Whether a request comes from where it should, by its `Host` and `Origin`: a browser sends both
//! truly, whatever the page that it shows wants. Without this any page could ask the node, by the
//! page's own name once that is made to mean our address (DNS rebinding). RPC and metrics ask it.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    HeaderMap,
    header::{AsHeaderName, HOST, HeaderValue, ORIGIN},
    http::uri::Authority,
};

/// From where the server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From this machine.
    Loopback,
    /// From other machines as well.
    External,
}

impl Reach {
    /// Of a server that listens at `addr`.
    #[must_use]
    pub fn of(addr: SocketAddr) -> Self {
        if addr.ip().is_loopback() { Self::Loopback } else { Self::External }
    }
}

/// Why a request is refused. What it says goes into the body of the refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is not exactly one `Host`, or it is none.
    #[error("the request needs one Host header, HOST or HOST:PORT")]
    NoHost,
    /// By a name that can be anybody's.
    #[error(
        "Host \"{0}\" is not served here; ask by a loopback address or as localhost. A node that serves other machines (--rpc-external, --prometheus-external) is asked by any IP address, or by a name without a dot"
    )]
    Host(String),
    /// From a page that is not of this machine.
    #[error(
        "Origin \"{0}\" may not ask this node; pages of localhost and clients that send no Origin may"
    )]
    Origin(String),
}

/// Passes a request or says why not.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn admit(headers: &HeaderMap, reach: Reach) -> Result<(), Refusal> {
    let host = one(headers, HOST).map_err(|_| Refusal::NoHost)?.ok_or(Refusal::NoHost)?;
    let host = authority(host).ok_or(Refusal::NoHost)?;
    if !is_ours(&host, reach) {
        return Err(Refusal::Host(host.to_string()));
    }
    match one(headers, ORIGIN) {
        Ok(None) => Ok(()),
        Ok(Some(origin)) if is_local(origin, &host) => Ok(()),
        Ok(Some(origin)) | Err(origin) => {
            Err(Refusal::Origin(String::from_utf8_lossy(origin.as_bytes()).into_owned()))
        }
    }
}

/// A header's value if it is there once; the second if it is there again.
fn one(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&HeaderValue>, &HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.next().map_or(Ok(first), Err)
}

/// `HOST[:PORT]`, without a user.
fn authority(value: &HeaderValue) -> Option<Authority> {
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    // What parses may have a user, a port that is none, or a name behind an address.
    let rest = authority.as_str().strip_prefix(authority.host())?;
    let port = rest.strip_prefix(':').filter(|port| !port.starts_with('+'));
    let whole = rest.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_ok());
    (whole && !authority.host().is_empty()).then_some(authority)
}

/// Whether a name means this node whoever answers for it: an address is what it is, and a name
/// without a dot, as containers have them, is nobody's in the public DNS.
fn is_ours(host: &Authority, reach: Reach) -> bool {
    match reach {
        Reach::Loopback => is_loopback(host),
        Reach::External => is_loopback(host) || ip(host).is_some() || !host.host().contains('.'),
    }
}

fn is_loopback(host: &Authority) -> bool {
    host.host().eq_ignore_ascii_case("localhost")
        || ip(host).is_some_and(|ip| ip.to_canonical().is_loopback())
}

fn ip(host: &Authority) -> Option<IpAddr> {
    let host = host.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.map_or_else(|| host.parse().ok(), |v6| v6.parse().ok().map(IpAddr::V6))
}

/// Whether an origin is a page of the client's own machine, or this server itself, as some client
/// libraries say: we serve no pages.
fn is_local(origin: &HeaderValue, host: &Authority) -> bool {
    let known = ["http://", "https://", "ws://", "wss://"];
    let origin = origin.to_str().unwrap_or_default();
    let rest = known.iter().find_map(|scheme| origin.strip_prefix(scheme));
    let from = rest.and_then(|rest| authority(&HeaderValue::from_str(rest).ok()?));
    from.is_some_and(|from| is_loopback(&from) || from == *host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(reach: Reach, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        admit(&map, reach).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn on_loopback_only_loopback_is_a_host() {
        for host in ["127.0.0.1", "127.0.0.1:9944", "127.8.9.1:1", "localhost", "LocalHost:9944"] {
            assert_eq!(ask(Reach::Loopback, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["[::1]", "[::1]:9944", "[::ffff:127.0.0.1]:9944"] {
            assert_eq!(ask(Reach::Loopback, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9944",
            "127.0.0.1@evil.example",
            "evil@127.0.0.1",
            "node-a",
            "198.18.0.2:9944",
            "0.0.0.0:9944",
            "[::]:9944",
            "localhost.",
            "localhost:1e9",
            "localhost:+80",
            "localhost:65536",
            "[::1].evil.example",
            "[::1]evil.example:9944",
            "",
            ":9944",
            "[::1",
            "a b",
        ] {
            assert!(ask(Reach::Loopback, &[("host", host)]).is_err(), "{host}");
        }
    }

    #[test]
    fn from_outside_addresses_and_names_without_a_dot_are_hosts() {
        for host in ["198.18.0.2:9944", "[fd00::2]:9944", "node-a:9944", "node_a", "localhost"] {
            assert_eq!(ask(Reach::External, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example:9944", "node-a.", "198.18.0.2.evil.example", "evil@node-a"] {
            assert!(ask(Reach::External, &[("host", host)]).is_err(), "{host}");
        }
    }

    #[test]
    fn a_host_is_there_once() {
        assert!(ask(Reach::External, &[]).unwrap_err().contains("one Host"));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert!(ask(Reach::External, &twice).unwrap_err().contains("one Host"));
    }

    #[test]
    fn only_local_pages_and_the_server_itself_are_origins() {
        let with = |host, origin| ask(Reach::External, &[("host", host), ("origin", origin)]);
        for origin in [
            "http://localhost",
            "https://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://node-a:9944",
            "ws://node-a:9944",
        ] {
            assert_eq!(with("node-a:9944", origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "localhost",
            "https://evil.example",
            "http://node-a",
            "http://node-b:9944",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://localhost/x",
            "http://localhost:1e9",
            "file://localhost",
            "chrome-extension://localhost",
        ] {
            let refusal = with("node-a:9944", origin).unwrap_err();
            assert!(refusal.starts_with("Origin"), "{origin}: {refusal}");
        }
        let twice = [("host", "a"), ("origin", "http://localhost"), ("origin", "http://evil")];
        assert!(ask(Reach::External, &twice).is_err());
    }
}
