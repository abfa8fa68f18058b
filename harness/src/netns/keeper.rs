//! The process that makes a run's namespaces and holds them. It ends with the harness: when nobody is
//! at the other end of its orders any more. Namespaces end with the last process in them, and
//! everything in them with that.
//!
//! Its standard input is the way of its orders. Its standard output is a second way, on which it is
//! asked for descriptors: namespaces for nodes to join, and sockets of the run's own namespace, since
//! a socket belongs to the namespace in which it was made.

use std::{
    ffi::CString,
    fs,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStringExt, net::UnixStream as StdUnixStream},
    },
    sync::Arc,
};

use rustix::{
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        SocketFlags, SocketType, recv, sendmsg, socket_with,
    },
    process::{getgid, getuid},
};
use tokio::{io::unix::AsyncFd, net::UnixStream};

use super::{agent::Agent, join::see_as_hosts, spaces::Spaces, sys, wiring};

/// What is asked for on the second way: one byte, and a number for the last.
pub(super) const A_SOCKET: u8 = b's';
pub(super) const A_NAMESPACE: u8 = b'n';
/// The first byte of an answer; after the other one is why.
pub(super) const HERE_IT_IS: u8 = b'+';
pub(super) const NONE: u8 = b'-';
/// After the first byte at the beginning, if nodes can have a table of names of their own.
pub(super) const NAMES: &str = "names";
/// That table, in the directory in which the keeper is started.
pub(super) const HOSTS: &str = "hosts";
/// Two namespaces, at the beginning.
pub(super) const MOST_DESCRIPTORS: usize = 2;

/// The keeper's whole life. `stays`: also without the harness, for a network that is kept.
///
/// # Errors
///
/// If it cannot have namespaces, which the harness has been told, or cannot go on.
pub fn run(stays: bool) -> io::Result<()> {
    // For people: the file that it was executed from has a name that says nothing.
    let _ = rustix::thread::set_name(c"harness-keeper");
    let orders = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let asked = io::stdout().as_fd().try_clone_to_owned()?;
    let (spaces, user) = match begin() {
        Ok(begun) => begun,
        Err(why) => {
            answer(asked.as_fd(), NONE, &why, &[])?;
            return Err(io::Error::other(why));
        }
    };
    let home = spaces.home().ok_or_else(|| io::Error::other("no home"))?;
    let all: Vec<BorrowedFd<'_>> =
        [home].into_iter().chain(user.as_ref().map(AsFd::as_fd)).collect();
    let names = if have_names().is_ok() { NAMES } else { "" };
    answer(asked.as_fd(), HERE_IT_IS, names, &all)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        orders.set_nonblocking(true)?;
        rustix::io::ioctl_fionbio(&asked, true)?;
        let (reading, writing) = UnixStream::from_std(orders)?.into_split();
        let agent = Agent::of(spaces);
        let handing = tokio::spawn(hand_out(sys::watch(asked)?, Arc::clone(&agent)));
        let served = Arc::clone(&agent).serve(reading, writing).await;
        handing.abort();
        if stays {
            std::future::pending::<()>().await;
        }
        served
    })
}

/// Namespaces of its own: as whoever may have them, or as the owner of a user namespace.
fn begin() -> Result<(Spaces, Option<OwnedFd>), String> {
    let user = if getuid().is_root() && sys::unshare_network().is_ok() {
        None
    } else {
        let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
        sys::unshare_user_and_network()
            .map_err(|why| format!("this user may have no namespaces here ({why})"))?;
        Some(own_user_namespace(uid, gid).map_err(|why| {
            format!("this user may have a user namespace, but is nobody in it ({why})")
        })?)
    };
    let made = Spaces::at_home().and_then(|spaces| wiring::prepare(&spaces).map(|()| spaces));
    let spaces = made
        .map_err(|why| format!("this user may have namespaces, but no network in them ({why})"))?;
    Ok((spaces, user))
}

/// Everybody is there who they are outside: files and signals are as before.
fn own_user_namespace(uid: u32, gid: u32) -> io::Result<OwnedFd> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    fs::File::open("/proc/self/ns/user").map(OwnedFd::from)
}

/// What nodes will see as their table of names, this process sees too: so it can look names up for them.
fn have_names() -> io::Result<()> {
    let hosts = std::env::current_dir()?.join(HOSTS);
    fs::write(&hosts, "")?;
    see_as_hosts(&CString::new(hosts.into_os_string().into_vec())?)
}

async fn hand_out(asked: AsyncFd<OwnedFd>, agent: Arc<Agent>) -> io::Result<()> {
    loop {
        let mut ready = asked.readable().await?;
        let mut question = [0; 5];
        let read = ready.try_io(|asked| Ok(recv(asked, &mut question, RecvFlags::empty())?.0));
        let Ok(length) = read else { continue };
        if length? == 0 {
            return Ok(());
        }
        let [what, number @ ..] = question;
        let made = match what {
            A_SOCKET => socket_with(
                AddressFamily::INET,
                SocketType::STREAM,
                SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                None,
            )
            .map_err(io::Error::from),
            A_NAMESPACE => agent
                .spaces()
                .get(u32::from_be_bytes(number) as usize)
                .and_then(|space| space.try_clone_to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        match made {
            Ok(made) => answer(asked.as_fd(), HERE_IT_IS, "", &[made.as_fd()])?,
            Err(why) => answer(asked.as_fd(), NONE, &why.to_string(), &[])?,
        }
    }
}

/// One message, which the other end waits for: there is always room.
fn answer(
    to: BorrowedFd<'_>,
    outcome: u8,
    why: &str,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = [&[outcome], why.as_bytes()].concat();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut along = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        along.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(to, &[IoSlice::new(&text)], &mut along, SendFlags::NOSIGNAL)?;
    Ok(())
}
