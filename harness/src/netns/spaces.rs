//! Network namespaces by number, and work that is done inside one. A socket belongs to the
//! namespace in which it was made, wherever its owner goes afterwards: so work is a moment, and
//! what it makes is used outside.

use std::{
    fs::File,
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// All that one thread can enter.
#[derive(Debug)]
pub(super) struct Spaces {
    /// Where the thread is when it is nowhere else; `None`: it never goes anywhere.
    home: Option<OwnedFd>,
    nodes: Vec<(OwnedFd, Ipv4Addr)>,
}

impl Spaces {
    /// Only the one in which this process is.
    pub(super) fn only_this() -> Self {
        Self { home: None, nodes: Vec::new() }
    }

    /// The one in which this thread is, as home to return to.
    pub(super) fn at_home() -> io::Result<Self> {
        Ok(Self { home: Some(current()?), nodes: Vec::new() })
    }

    /// The namespace of the thread at home.
    pub(super) fn home(&self) -> Option<BorrowedFd<'_>> {
        self.home.as_ref().map(AsFd::as_fd)
    }

    /// One more, in which a node has this address.
    pub(super) fn add(&mut self, space: OwnedFd, address: Ipv4Addr) {
        self.nodes.push((space, address));
    }

    /// One of them.
    pub(super) fn get(&self, at: usize) -> io::Result<BorrowedFd<'_>> {
        self.nodes
            .get(at)
            .map(|(space, _)| space.as_fd())
            .ok_or_else(|| io::Error::other(format!("there is no namespace {at}")))
    }

    /// Does something in one of them, and is back. Where there is only one, that is it.
    pub(super) fn within<T>(
        &self,
        at: usize,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(home) = &self.home else { return work() };
        enter(self.get(at)?)?;
        let outcome = work();
        if enter(home.as_fd()).is_err() {
            // Everything from now on would be done in a wrong place.
            std::process::abort();
        }
        outcome
    }
}

/// Where this thread is.
pub(super) fn current() -> io::Result<OwnedFd> {
    File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
}

/// Goes to a namespace, and stays.
pub(super) fn enter(space: BorrowedFd<'_>) -> io::Result<()> {
    move_into_link_name_space(space, Some(LinkNameSpaceType::Network)).map_err(io::Error::from)
}
