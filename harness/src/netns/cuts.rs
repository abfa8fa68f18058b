//! What becomes of packets from one node to another. A line is cut by a permanent neighbour entry with
//! a hardware address that nobody has: packets leave, arrive nowhere, and nobody is told, as on a cut
//! line. It needs nothing of the kernel, and one entry is one direction. A bad line is a cut one, on
//! which a relay picks up what is to arrive all the same.

use std::{fs, io, net::Ipv4Addr};

use harness_core::line::Line;

use super::{
    relay::{Relay, nobody},
    route::{NODE_LINK, Route, index_of},
    wire::{LineTo, Mac},
};

/// In the namespace in which this thread is. `relay` is that of its bad lines, if it has had any.
pub(super) fn change(lines: &[LineTo], relay: &mut Option<Relay>) -> io::Result<()> {
    let (route, index) = (Route::here()?, index_of(NODE_LINK)?);
    for LineTo { to, mac, line } in lines {
        match (line, mac) {
            (Line::Bad(bad), Some(mac)) => {
                if relay.is_none() {
                    *relay = Some(Relay::here(index)?);
                }
                if let Some(relay) = relay {
                    relay.set(*to, *mac, *bad);
                }
                route.set_neighbour(index, *to, nobody(*to))?;
                continue;
            }
            (Line::Bad(_), None) => {
                return Err(io::Error::other(format!("{to} has no hardware address")));
            }
            (Line::Open, Some(mac)) => route.set_neighbour(index, *to, *mac)?,
            (Line::Open, None) => route.forget_neighbour(index, *to)?,
            (Line::Cut, _) => route.set_neighbour(index, *to, nobody(*to))?,
        }
        if let Some(relay) = relay {
            relay.unset(*to);
        }
    }
    Ok(())
}

/// To whom lines are cut, or were bad, from the namespace in which this thread is.
pub(super) fn here() -> io::Result<Vec<Ipv4Addr>> {
    Ok(cut(&fs::read_to_string("/proc/thread-self/net/arp")?))
}

fn cut(table: &str) -> Vec<Ipv4Addr> {
    let neighbour = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let (address, mac) = (columns.next()?.parse().ok()?, columns.nth(2)?);
        (words(nobody(address)) == mac).then_some(address)
    };
    table.lines().filter_map(neighbour).collect()
}

/// As the kernel writes it.
fn words(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_hardware_address_of_nobody_is_cut_off() {
        let table = "\
IP address       HW type     Flags       HW address            Mask     Device
198.18.0.2       0x1         0x6         06:00:c6:12:00:02     *        eth0
198.18.0.1       0x1         0x2         02:42:5d:00:11:22     *        eth0
198.18.0.3       0x1         0x0         00:00:00:00:00:00     *        eth0
198.18.0.4       0x1         0x6         06:00:c6:12:00:05     *        eth0
";
        assert_eq!(cut(table), [Ipv4Addr::new(198, 18, 0, 2)]);
        assert_eq!(cut(""), [Ipv4Addr::UNSPECIFIED; 0]);
    }
}
