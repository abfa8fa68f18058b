//! The harness's side of the keeper: it is started, asked for descriptors, and ended.

use std::{
    ffi::CString,
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    net::SocketAddr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStringExt, net::UnixStream as StdUnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use harness_run::spawn::PART;
use rustix::{
    io::retry_on_intr,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags,
        SocketFlags, SocketType, recvmsg, send, socketpair, sockopt,
    },
};
use tokio::{
    io::unix::AsyncFd,
    net::{TcpSocket, TcpStream, UnixStream},
};

use super::{
    client::Client,
    join::Join,
    keeper::{A_NAMESPACE, A_SOCKET, HERE_IT_IS, HOSTS, MOST_DESCRIPTORS, NAMES},
    sys,
};

/// The hidden verb of this program.
pub const VERB: &str = "keep-networks";
/// Before the run's scratch directory on a keeper's command line: for whoever looks for what a run
/// has left.
pub const SCRATCH: &str = "--scratch";
/// The keeper stays without the harness.
pub const STAY: &str = "--stay";

/// It takes milliseconds; a machine may be busy.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// As long as a reason can be.
const LONGEST_ANSWER: usize = 1024;

/// A keeper that has namespaces. Dropped, it ends, unless it is to stay.
#[derive(Debug)]
pub struct Keeper {
    /// Until they are opened.
    ways: Mutex<Option<(StdUnixStream, OwnedFd)>>,
    /// Until it is ended. As long as the run's namespace is held, its network outlives its keeper.
    held: Mutex<Option<(KeeperProcess, OwnedFd)>>,
    pid: u32,
    user: Option<Arc<OwnedFd>>,
    /// The nodes' table of names, if they can have one.
    hosts: Option<PathBuf>,
}

#[derive(Debug)]
struct KeeperProcess {
    child: Child,
    stays: bool,
}

impl Keeper {
    /// Starts `program` as a keeper in a run's scratch directory. Blocks for milliseconds.
    ///
    /// # Errors
    ///
    /// Why this user can have no namespaces here, in words.
    pub fn start(program: &Path, scratch: &Path, stays: bool) -> Result<Self, String> {
        let failed =
            |error: io::Error| format!("the keeper of namespaces cannot be started ({error})");
        let (orders, descriptors, process) = spawn(program, scratch, stays).map_err(failed)?;
        let timeout = Some(BEGIN_WITHIN);
        sockopt::set_socket_timeout(&descriptors, sockopt::Timeout::Recv, timeout)
            .map_err(|error| failed(error.into()))?;
        let (spaces, more) = receive(descriptors.as_fd()).map_err(failed)??;
        let mut spaces = spaces.into_iter();
        let home =
            spaces.next().ok_or_else(|| failed(io::Error::other("it sends no namespace")))?;
        rustix::io::ioctl_fionbio(&descriptors, true).map_err(|error| failed(error.into()))?;
        Ok(Self {
            ways: Mutex::new(Some((orders, descriptors))),
            pid: process.child.id(),
            held: Mutex::new(Some((process, home))),
            user: spaces.next().map(Arc::new),
            hosts: (more == NAMES).then(|| scratch.join(HOSTS)),
        })
    }

    /// The file that all nodes see as their table of names, if they can have one.
    pub fn hosts(&self) -> Option<&Path> {
        self.hosts.as_deref()
    }

    /// The namespaces are owned by a user namespace: nobody needed to be root.
    pub fn is_unprivileged(&self) -> bool {
        self.user.is_some()
    }

    /// Its process, for people.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends it, unless it is to stay. Blocks for milliseconds.
    pub fn end(&self) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The ways to it, in this runtime; once.
    ///
    /// # Errors
    ///
    /// They are open already, or cannot be.
    pub fn open(&self) -> io::Result<(Client, Descriptors)> {
        let ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (orders, descriptors) =
            ways.ok_or_else(|| io::Error::other("the ways to the keeper are open already"))?;
        orders.set_nonblocking(true)?;
        let (reading, writing) = UnixStream::from_std(orders)?.into_split();
        let asked = tokio::sync::Mutex::new(sys::watch(descriptors)?);
        let hosts = self.hosts.clone().map(|hosts| hosts.into_os_string().into_vec());
        let hosts = hosts.map(CString::new).transpose()?.map(Arc::new);
        let descriptors = Descriptors { asked, user: self.user.clone(), hosts };
        Ok((Client::new(reading, writing), descriptors))
    }
}

impl Drop for KeeperProcess {
    fn drop(&mut self) {
        if !self.stays {
            // It has nothing to put in order: everything that it made goes with its namespaces.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn spawn(
    program: &Path,
    scratch: &Path,
    stays: bool,
) -> io::Result<(StdUnixStream, OwnedFd, KeeperProcess)> {
    let (orders, their_orders) = StdUnixStream::pair()?;
    // One message is one question or one answer.
    let (descriptors, their_descriptors) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let mut command = Command::new(program);
    command.arg0("harness-keeper").arg(VERB).arg(SCRATCH).arg(scratch);
    if stays {
        command.arg(STAY);
    }
    // A group of its own: what a terminal sends to the harness is for the harness to decide.
    command.env_clear().env(PART, VERB).current_dir(scratch).process_group(0);
    command.stdin(OwnedFd::from(their_orders)).stdout(their_descriptors).stderr(Stdio::null());
    let child = command.spawn()?;
    Ok((orders, descriptors, KeeperProcess { child, stays }))
}

/// Asks for descriptors.
#[derive(Debug)]
pub struct Descriptors {
    asked: tokio::sync::Mutex<AsyncFd<OwnedFd>>,
    user: Option<Arc<OwnedFd>>,
    hosts: Option<Arc<CString>>,
}

impl Descriptors {
    /// Connects from the run's own namespace, which is on the nodes' network and on no other.
    ///
    /// # Errors
    ///
    /// As any connect has them.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.ask(&[A_SOCKET]).await?;
        let stream = TcpSocket::from_std_stream(socket.into()).connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// What lets processes join a node's namespace.
    ///
    /// # Errors
    ///
    /// There is none, or nobody answers.
    pub async fn join(&self, at: usize) -> io::Result<Join> {
        let number = u32::try_from(at).map_err(io::Error::other)?.to_be_bytes();
        let network = self.ask(&[&[A_NAMESPACE], &number[..]].concat()).await?;
        Ok(Join { user: self.user.clone(), network, hosts: self.hosts.clone() })
    }

    /// One question at a time, each with its answer. That there is none is no word of whoever is dialled, whatever
    /// the error is called.
    async fn ask(&self, question: &[u8]) -> io::Result<OwnedFd> {
        self.answered(question).await.map_err(io::Error::other)
    }

    async fn answered(&self, question: &[u8]) -> io::Result<OwnedFd> {
        let asked = self.asked.lock().await;
        send(&*asked, question, SendFlags::NOSIGNAL)?;
        let answer = async {
            loop {
                let mut ready = asked.readable().await?;
                if let Ok(answer) = ready.try_io(|asked| receive(asked.as_fd())) {
                    return answer;
                }
            }
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the keeper does not answer");
        let answer = tokio::time::timeout(BEGIN_WITHIN, answer).await.map_err(late)??;
        let (descriptors, _) = answer.map_err(io::Error::other)?;
        descriptors.into_iter().next().ok_or_else(|| io::Error::other("no descriptor"))
    }
}

/// One answer: descriptors and a word, or why there are none.
fn receive(from: BorrowedFd<'_>) -> io::Result<Result<(Vec<OwnedFd>, String), String>> {
    let mut bytes = [0; LONGEST_ANSWER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut along = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut bytes)];
    // A signal that interrupts the wait says nothing of the keeper.
    let length = retry_on_intr(|| recvmsg(from, into, &mut along, RecvFlags::CMSG_CLOEXEC))?.bytes;
    let descriptors = along
        .drain()
        .filter_map(|message| {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                Some(descriptors)
            } else {
                None
            }
        })
        .flatten()
        .collect();
    let Some((outcome, words)) = bytes[..length].split_first() else {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without a word"));
    };
    let words = String::from_utf8_lossy(words).into_owned();
    Ok(if *outcome == HERE_IT_IS { Ok((descriptors, words)) } else { Err(words) })
}
