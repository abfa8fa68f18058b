//! Peer stores as an older node wrote them: the form that a scenario can write without an engine,
//! and every engine imports.

use std::{net::SocketAddr, time::Duration};

/// A store with these addresses, each once connected at `wall`.
#[must_use]
pub fn legacy(addrs: &[SocketAddr], wall: Duration) -> Vec<u8> {
    let stamp = || wall.as_secs().to_le_bytes().into_iter().chain(0_u32.to_le_bytes());
    let mut bytes = (addrs.len() as u64).to_le_bytes().to_vec();
    for addr in addrs {
        match addr {
            SocketAddr::V4(v4) => {
                bytes.extend(0_u32.to_le_bytes());
                bytes.extend(v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                bytes.extend(1_u32.to_le_bytes());
                bytes.extend(v6.ip().octets());
            }
        }
        bytes.extend(addr.port().to_le_bytes());
        bytes.extend(stamp());
        bytes.push(1);
        bytes.extend(stamp());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use hegemon_discovery::{Mono, Now, snapshot};

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let wall = Duration::from_secs(1_795_000_000);
        let addrs: Vec<SocketAddr> = ["20.0.0.1:30333", "[2606:4700::1]:30333"]
            .iter()
            .map(|addr| addr.parse().unwrap())
            .collect();
        let now = Now { mono: Mono(0), wall };
        let read = snapshot::decode(&legacy(&addrs, wall), now).unwrap();
        assert_eq!(read.format, snapshot::Format::Legacy);
        let read: Vec<(SocketAddr, Option<Mono>)> =
            read.records.iter().map(|(record, _)| (record.addr, record.last_success)).collect();
        assert_eq!(read, addrs.into_iter().map(|addr| (addr, Some(Mono(0)))).collect::<Vec<_>>());
    }
}
