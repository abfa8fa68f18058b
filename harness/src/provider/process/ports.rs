//! Ports of this run on 127.0.0.1 that no other run takes and that no kernel gives away.
//!
//! A node's port must stay its own while the node is down: other nodes keep dialling it. Two things
//! could take it. The kernel, as the source port of some connection (even of the very dial to it,
//! which then connects to itself): so ports come from outside the ephemeral range. And another run:
//! so every TCP port is claimed through its UDP twin, which no node uses, bound from reservation to
//! teardown; a killed harness loses its claims with its process.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    ops::Range,
};

use crate::provider::descriptors;

/// Below are ports of well-known services.
const LOWEST: u16 = 10_000;
/// With fewer ports than these below the ephemeral range, all are used.
const ENOUGH: usize = 2_000;
/// Defaults of a node (P2P, RPC, metrics): a person's own node would want them while we run.
const DEFAULTS: [u16; 3] = [30333, 9944, 9615];

/// A TCP port of this run for as long as it lives.
#[derive(Debug)]
pub(super) struct PortClaim {
    /// The port.
    pub(super) port: u16,
    _twin: UdpSocket,
}

/// Claims ports. They are free on every address of the host at this moment.
///
/// # Errors
/// There are not so many free ports.
pub(super) fn claim(count: usize) -> io::Result<Vec<PortClaim>> {
    claim_among(candidates(ephemeral_range()), count)
}

fn claim_among(ports: Vec<u16>, count: usize) -> io::Result<Vec<PortClaim>> {
    let mut claims = Vec::new();
    for port in ports {
        if claims.len() == count {
            break;
        }
        match claim_one(port) {
            Ok(claim) => claims.push(claim),
            Err(why) if descriptors::is_exhausted(&why) => {
                let text = format!(
                    "{why}: {} of {count} sockets are open, and this process may have {} descriptors; raise its hard limit (as root, prlimit --pid $$ --nofile=65536)",
                    claims.len(),
                    descriptors::limit()
                );
                return Err(io::Error::other(text));
            }
            // Somebody has it.
            Err(_) => {}
        }
    }
    if claims.len() == count {
        Ok(claims)
    } else {
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{} of {count} ports are free", claims.len()),
        ))
    }
}

/// The twin first: whoever holds it may probe and use the port.
fn claim_one(port: u16) -> io::Result<PortClaim> {
    let twin = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    Ok(PortClaim { port, _twin: twin })
}

/// From a random place on, so that runs do not queue for the same ports.
fn candidates(ephemeral: Range<u16>) -> Vec<u16> {
    let below: Vec<u16> = (LOWEST..ephemeral.start.max(LOWEST)).collect();
    let mut ports = if below.len() >= ENOUGH { below } else { (LOWEST..=u16::MAX).collect() };
    ports.retain(|port| !DEFAULTS.contains(port));
    let start = RandomState::new().hash_one(std::process::id()) as usize % ports.len();
    ports.rotate_left(start);
    ports
}

fn ephemeral_range() -> Range<u16> {
    const LINUX_DEFAULT: Range<u16> = 32_768..61_000;
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(low)), Some(Ok(high))) => low..high,
        _ => LINUX_DEFAULT,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_below_the_ephemeral_range_and_no_defaults() {
        let ports = candidates(32_768..61_000);
        assert!(
            ports.iter().all(|port| (10_000..32_768).contains(port) && !DEFAULTS.contains(port))
        );
        assert!(
            candidates(1_024..65_535).len() > 50_000,
            "a host that gives nearly all ports away"
        );
    }

    #[test]
    fn two_runs_never_get_the_same_port() {
        let contested: Vec<u16> = candidates(ephemeral_range()).into_iter().take(200).collect();
        let first = claim_among(contested.clone(), 20).unwrap();
        let second = claim_among(contested, 20).unwrap();
        let distinct: BTreeSet<_> = first.iter().chain(&second).map(|claim| claim.port).collect();
        assert_eq!(distinct.len(), 40);
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_left_alone() {
        let taken = claim(1).unwrap().remove(0).port;
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!(claim_one(taken).is_err());
    }
}
