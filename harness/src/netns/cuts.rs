//! What becomes of packets from one node to another. A line is cut by a permanent neighbour entry with
//! a hardware address that nobody has: packets leave, arrive nowhere, and nobody is told, as on a cut
//! line. It needs nothing of the kernel, and one entry is one direction. A bad line is a cut one, on
//! which a relay picks up what is to arrive all the same.

use std::io;

use harness_core::line::Line;

use super::{
    relay::{Relay, nobody},
    route::{NODE_LINK, Route, index_of},
    wire::LineTo,
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
