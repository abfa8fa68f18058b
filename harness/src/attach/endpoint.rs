//! A URL of a node's JSON-RPC, read strictly. What stands after host and port may be a key to it, so
//! it is never shown.

use std::fmt;

use hyper::Uri;

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name or an IP address; one of version 6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query, as written.
    path: String,
}

/// What is wrong with a URL. Says nothing that stands after the host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Not one at all.
    #[error("is no URL: write http://HOST:PORT or https://HOST/PATH")]
    NoUrl,
    /// `ws://`, or none.
    #[error("its scheme is `{0}`: nodes are asked over http:// or https://")]
    Scheme(String),
    /// It names a user, and may name a password.
    #[error(
        "it names a user: whoever lists processes sees that; give it with --rpc-header authorization:@FILE"
    )]
    User,
    /// Port 0, or one that is no number.
    #[error("its port is none that a node could listen at")]
    Port,
}

impl Scheme {
    fn words(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Endpoint {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        // A fragment is nothing that a server sees; it is a mistake.
        let uri: Uri = Some(text)
            .filter(|text| !text.contains('#'))
            .ok_or(BadUrl::NoUrl)?
            .parse()
            .map_err(|_| BadUrl::NoUrl)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(other) => return Err(BadUrl::Scheme(other.to_owned())),
            None => return Err(BadUrl::Scheme("none".to_owned())),
        };
        let authority = uri.authority().ok_or(BadUrl::NoUrl)?;
        if authority.as_str().contains('@') {
            return Err(BadUrl::User);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(BadUrl::NoUrl);
        }
        let after = authority.as_str()[authority.host().len()..].strip_prefix(':');
        let port = match after {
            None => scheme.port(),
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or(BadUrl::Port)?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { scheme, host, port, path })
    }

    /// `Host` of a question: the port is left out where the scheme says it.
    pub(super) fn authority(&self) -> String {
        let host = self.bracketed();
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }

    /// For a client that speaks HTTP and is given what TLS has opened.
    pub(super) fn in_the_clear(&self) -> String {
        format!("http://{}:{}{}", self.bracketed(), self.port, self.path)
    }

    /// What of path and query may be a key: keys are longer than the words of a path.
    pub(super) fn keys(&self) -> Vec<String> {
        const SHORTEST: usize = 8;
        let parts = self.path.split(['/', '?', '&', '=']);
        parts.filter(|part| part.len() >= SHORTEST).map(str::to_owned).collect()
    }

    /// All texts that would give it away, longest first.
    pub(super) fn traces(&self) -> Vec<String> {
        let (host, port) = (self.bracketed(), self.port);
        vec![
            format!("{}://{host}:{port}", self.scheme.words()),
            format!("{host}:{port}"),
            host,
            self.host.clone(),
        ]
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// Without what may be a key.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.path == "/" { "" } else { "/…" };
        write!(formatter, "{}://{}{more}", self.scheme.words(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_shown_without_what_may_be_a_key() {
        for (text, shown, clear, authority) in [
            (
                "http://10.0.0.5:9944",
                "http://10.0.0.5:9944",
                "http://10.0.0.5:9944/",
                "10.0.0.5:9944",
            ),
            (
                "https://node.example/v2/KEY?token=1",
                "https://node.example/…",
                "http://node.example:443/v2/KEY?token=1",
                "node.example",
            ),
            ("http://[::1]:9944/", "http://[::1]:9944", "http://[::1]:9944/", "[::1]:9944"),
            ("http://localhost", "http://localhost", "http://localhost:80/", "localhost"),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.in_the_clear(), clear);
            assert_eq!(endpoint.authority(), authority);
        }
    }

    #[test]
    fn what_is_no_url_of_a_node_says_why() {
        for (text, why) in [
            ("", BadUrl::NoUrl),
            ("10.0.0.5:9944", BadUrl::Scheme("none".to_owned())),
            ("ws://10.0.0.5:9944", BadUrl::Scheme("ws".to_owned())),
            ("http://", BadUrl::NoUrl),
            ("http://a b", BadUrl::NoUrl),
            ("http://user:secret@node", BadUrl::User),
            ("http://node:0", BadUrl::Port),
            ("http://node:70000", BadUrl::Port),
            ("http://node/#part", BadUrl::NoUrl),
        ] {
            assert_eq!(Endpoint::parse(text), Err(why), "{text}");
        }
    }
}
