//! Makes the networks: namespaces, a bridge, and a cable to it from each. None has a route out.

use std::{fs, io, net::Ipv4Addr};

use super::{
    route::{NODE_LINK, Route, index_of},
    spaces::{Spaces, current, enter},
    sys,
    wire::{Mac, mac_of},
};

const BRIDGE: &str = "bridge";
const LOOPBACK: &str = "lo";
/// Nobody's.
const TRIAL: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// Makes the namespace in which this thread is one with a bridge, and tries the rest once: whoever
/// may not have namespaces is to hear of it before anything else is done.
pub(super) fn prepare(spaces: &Spaces) -> io::Result<()> {
    silence();
    let route = Route::here()?;
    route.set_up(index_of(LOOPBACK)?)?;
    route.add_bridge(BRIDGE)?;
    let mut trial = Spaces::at_home()?;
    add_space(&mut trial, TRIAL)?;
    let home = spaces.home().ok_or_else(|| io::Error::other("there is no home to return to"))?;
    enter(home)?;
    // Both go with the last that holds the namespace, and that is this function.
    route.add_cable("trial", index_of(BRIDGE)?, trial.get(0)?, mac_of(TRIAL))
}

/// Makes a namespace for every node.
pub(super) fn make(
    spaces: &mut Spaces,
    prefix: u8,
    bridge: Ipv4Addr,
    nodes: &[Ipv4Addr],
) -> io::Result<()> {
    let route = Route::here()?;
    let index = index_of(BRIDGE)?;
    route.set_address(index, mac_of(bridge))?;
    route.add_address(index, bridge, prefix)?;
    let all: Vec<Ipv4Addr> = nodes.iter().copied().chain([bridge]).collect();
    for (at, address) in nodes.iter().enumerate() {
        add_space(spaces, *address)?;
        let home =
            spaces.home().ok_or_else(|| io::Error::other("there is no home to return to"))?;
        enter(home)?;
        route.add_cable(&format!("node{at}"), index, spaces.get(at)?, mac_of(*address))?;
        route.set_neighbour(index, *address, mac_of(*address))?;
        spaces.within(at, || furnish(*address, prefix, &all))?;
    }
    Ok(())
}

/// A new namespace, in which this thread then is.
fn add_space(spaces: &mut Spaces, address: Ipv4Addr) -> io::Result<()> {
    sys::unshare_network()?;
    silence();
    spaces.add(current()?, address);
    Ok(())
}

/// Every node knows the hardware address of every other: nobody asks for one, and the kernel's table,
/// which is one for all namespaces, does not count what it is told for good.
fn furnish(own: Ipv4Addr, prefix: u8, all: &[Ipv4Addr]) -> io::Result<()> {
    let route = Route::here()?;
    route.set_up(index_of(LOOPBACK)?)?;
    let index = index_of(NODE_LINK)?;
    route.set_up(index)?;
    route.add_address(index, own, prefix)?;
    for other in all.iter().filter(|other| **other != own) {
        let mac: Mac = mac_of(*other);
        route.set_neighbour(index, *other, mac)?;
    }
    Ok(())
}

/// No IPv6, whose interfaces talk by themselves, and nothing is passed on.
fn silence() {
    for (name, value) in [
        ("ipv6/conf/all/disable_ipv6", "1"),
        ("ipv6/conf/default/disable_ipv6", "1"),
        ("ipv4/ip_forward", "0"),
    ] {
        // A kernel without it has nothing to silence.
        let _ = fs::write(format!("/proc/sys/net/{name}"), value);
    }
}
