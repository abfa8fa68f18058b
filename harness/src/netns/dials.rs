//! The kernel's own count of connections that were tried in a network.

use std::{fs, io, os::unix::fs::MetadataExt};

use harness_core::event::Dialled;

/// Of the network in which this thread is.
pub(super) fn dialled() -> io::Result<Dialled> {
    let network = fs::metadata("/proc/thread-self/ns/net")?.ino();
    let attempts = attempts(&fs::read_to_string("/proc/thread-self/net/snmp")?);
    let attempts = attempts.ok_or_else(|| io::Error::other("the kernel does not count them"))?;
    Ok(Dialled { network, attempts })
}

/// `ActiveOpens`: one line of `Tcp:` has the names, the next one the values.
fn attempts(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut columns = names.split_ascii_whitespace().zip(values.split_ascii_whitespace());
    columns.find(|(name, _)| *name == "ActiveOpens")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_stands_below_its_name() {
        let text = "Ip: Forwarding\nIp: 2\nTcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens\nTcp: 1 -1 3012 4\nUdp: InDatagrams\nUdp: 9\n";
        assert_eq!(attempts(text), Some(3012));
        for none in ["", "Tcp: ActiveOpens\n", "Tcp: A B\nTcp: 1 2\n", "Tcp: ActiveOpens\nTcp: x\n"]
        {
            assert_eq!(attempts(none), None, "{none}");
        }
    }

    /// This thread's own network counts what this test tries, whoever else tries something there.
    #[test]
    fn what_is_tried_is_counted_whatever_comes_of_it() {
        let before = dialled().unwrap();
        // Nobody listens there.
        std::net::TcpStream::connect(("127.0.0.1", 1)).unwrap_err();
        let after = dialled().unwrap();
        assert_eq!(after.network, before.network);
        assert!(after.attempts > before.attempts, "{before:?} {after:?}");
    }
}
