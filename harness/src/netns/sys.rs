//! System calls that no library of ours wraps safely.

use std::{io, os::fd::OwnedFd};

use rustix::thread::UnshareFlags;
use tokio::io::unix::AsyncFd;

/// Moves this thread into a network namespace of its own.
pub(super) fn unshare_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
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
