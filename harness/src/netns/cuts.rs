//! What becomes of packets from one node to another. A line is cut by a permanent neighbour entry with
//! a hardware address that nobody has: packets leave, arrive nowhere, and nobody is told, as on a cut
//! line. It needs nothing of the kernel, and one entry is one direction.

use std::{io, net::Ipv4Addr};

use harness_core::line::Line;

use super::{
    route::{NODE_LINK, Route, index_of},
    wire::{LineTo, Mac},
};

/// An address that is administered here, unlike those of our nodes and of engines' containers.
fn nobody(to: Ipv4Addr) -> Mac {
    let [a, b, c, d] = to.octets();
    [0x06, 0x00, a, b, c, d]
}

/// In the namespace in which this thread is.
pub(super) fn change(lines: &[LineTo]) -> io::Result<()> {
    let (route, index) = (Route::here()?, index_of(NODE_LINK)?);
    for LineTo { to, mac, line } in lines {
        match (line, mac) {
            (Line::Open, Some(mac)) => route.set_neighbour(index, *to, *mac)?,
            (Line::Open, None) => route.forget_neighbour(index, *to)?,
            (Line::Cut, _) => route.set_neighbour(index, *to, nobody(*to))?,
            (Line::Bad(_), _) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "no bad lines here"));
            }
        }
    }
    Ok(())
}
