//! System calls that no library of ours wraps safely.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    thread::UnshareFlags,
};
use tokio::io::unix::AsyncFd;

use super::wire::Mac;

/// Moves this thread into a network namespace of its own.
pub(super) fn unshare_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
}

/// Gives this process, which must have one thread, a list of mounts of its own.
pub(super) fn unshare_mounts() -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)
}

/// Moves this process, which must have one thread, into a user namespace and a network namespace of
/// its own.
pub(super) fn unshare_user_and_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "the call is unsafe for the sake of one flag that is not given here"
    )]
    // SAFETY: only `UnshareFlags::FILES` can take descriptors away from other threads.
    unsafe {
        rustix::thread::unshare_unsafe(flags)?;
    }
    Ok(())
}

/// Waits for a descriptor in this runtime.
pub(super) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        unsafe_code,
        reason = "it must stay one and the same descriptor, which is what owning it means"
    )]
    // SAFETY: `OwnedFd` is open and the same until it is dropped, which the result does.
    unsafe {
        AsyncFd::register(descriptor).map_err(io::Error::from)
    }
}

/// What stands before every frame of [`packets`]: how to finish what the node left to its network
/// card (`virtio_net_hdr`).
pub(super) const OFFLOADS: usize = 10;

/// All frames of a link of the namespace in which this thread is, with [`OFFLOADS`] before each, and a
/// way to send others. Also the link's hardware address.
pub(super) fn packets(index: u32) -> io::Result<(OwnedFd, Mac)> {
    let socket = socket_with(
        AddressFamily::PACKET,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        // None that the kernel would deliver before it is bound to a link.
        None,
    )?;
    let on: libc::c_int = 1;
    let every = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
    let link = i32::try_from(index).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no library of ours knows packet sockets")]
    // SAFETY: the pointers are to values of the lengths beside them, which outlive the calls; a
    // `sockaddr_ll` of zeros is a valid one.
    let address = unsafe {
        let descriptor = socket.as_raw_fd();
        let length = size_of_val(&on) as libc::socklen_t;
        succeed(libc::setsockopt(
            descriptor,
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            (&raw const on).cast(),
            length,
        ))?;
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as libc::sa_family_t;
        address.sll_protocol = every;
        address.sll_ifindex = link;
        let mut length = size_of_val(&address) as libc::socklen_t;
        succeed(libc::bind(descriptor, (&raw const address).cast(), length))?;
        succeed(libc::getsockname(descriptor, (&raw mut address).cast(), &raw mut length))?;
        address
    };
    let [a, b, c, d, e, f, ..] = address.sll_addr;
    Ok((socket, [a, b, c, d, e, f]))
}

fn succeed(outcome: libc::c_int) -> io::Result<()> {
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
