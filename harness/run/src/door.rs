//! A port of this machine behind which a node's JSON-RPC is, also where only the provider gets to it: for
//! programs of the user's.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
};

use super::testbed::Testbed;
use crate::provider::Dial;

/// Connections to one node at a time: a node takes no more from anybody.
const CONNECTIONS: usize = 32;

/// Before a port is listened on again after an error: it must not cost a core.
const DOOR_AGAIN: Duration = Duration::from_millis(100);

/// One of them. It is closed when this is dropped.
pub(super) struct Door {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// Hears what kept somebody from a node that no node is to blame for. Whoever listens wants the first only.
pub(super) type Hindrances = mpsc::Sender<String>;

impl Door {
    /// To a node, wherever its latest start is.
    pub(super) async fn to(bed: &Testbed, node: &str, hindered: Hindrances) -> io::Result<Self> {
        let link = bed.link(node);
        // The latest: a node may be somewhere else after a restart.
        let at = move || link.as_ref().and_then(|link| link.borrow().as_ref()?.rpc.address());
        let door = Passage { node: node.to_owned(), dialler: bed.provider.dialler(), hindered };
        Self::open(at, door).await
    }

    async fn open(
        at: impl Fn() -> Option<SocketAddr> + Send + 'static,
        passage: Passage,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let passage = Arc::new(passage);
        let serving = tokio::spawn(async move {
            let (mut open, room) = (JoinSet::new(), Arc::new(Semaphore::new(CONNECTIONS)));
            loop {
                let from = match listener.accept().await {
                    Ok((from, _)) => from,
                    Err(why) => {
                        // No descriptor for a moment, or whoever came went again: the door stays.
                        passage.failed("a connection to it was not taken", &why);
                        tokio::time::sleep(DOOR_AGAIN).await;
                        continue;
                    }
                };
                let (Ok(turn), Some(to)) = (Arc::clone(&room).acquire_owned().await, at()) else {
                    continue;
                };
                let passage = Arc::clone(&passage);
                open.spawn(async move {
                    passage.through(from, to).await;
                    drop(turn);
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, serving })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What each connection needs.
struct Passage {
    node: String,
    dialler: Arc<dyn Dial>,
    hindered: Hindrances,
}

impl Passage {
    async fn through(&self, mut from: TcpStream, to: SocketAddr) {
        match self.dialler.dial(to).await {
            Ok(mut to) => {
                // One that breaks is closed on both sides, as the node would.
                let _ = copy_bidirectional(&mut from, &mut to).await;
            }
            Err(why) => self.failed("it was not dialled", &why),
        }
    }

    fn failed(&self, what: &str, why: &io::Error) {
        if !is_of_the_other_side(why) {
            // One that waits to be heard is enough.
            let _ = self.hindered.try_send(format!("{}: {what} ({why})", self.node));
        }
    }
}

/// Nobody listens there, or is there, or stays there. All else is of this machine: descriptors, ports and
/// memory, and our own process between.
fn is_of_the_other_side(why: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
        TimedOut,
    };
    let gone = matches!(why.kind(), ConnectionRefused | ConnectionReset | ConnectionAborted);
    let away = matches!(why.kind(), HostUnreachable | NetworkUnreachable);
    // The kernel's word, and not that of a process of ours.
    gone || away || (why.kind() == TimedOut && why.raw_os_error().is_some())
}

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, FutureExt};
    use rustix::io::Errno;
    use tokio::io::AsyncReadExt;

    use super::*;

    struct Fails(Errno);

    impl Dial for Fails {
        fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
            let why = io::Error::from(self.0);
            async { Err(why) }.boxed()
        }
    }

    #[tokio::test]
    async fn what_this_machine_lacks_is_told_and_a_node_that_does_not_listen_is_not() {
        let node = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        for (errno, ours) in [
            (Errno::MFILE, true),
            (Errno::ADDRNOTAVAIL, true),
            (Errno::CONNREFUSED, false),
            (Errno::HOSTUNREACH, false),
            (Errno::TIMEDOUT, false),
        ] {
            let (hindered, mut told) = mpsc::channel(1);
            let passage =
                Passage { node: "node-1".to_owned(), dialler: Arc::new(Fails(errno)), hindered };
            let door = Door::open(move || Some(node), passage).await.unwrap();
            for _ in 0..3 {
                let mut through = TcpStream::connect(door.address).await.unwrap();
                assert_eq!(through.read(&mut [0]).await.unwrap(), 0, "it is closed");
            }
            let first = told.try_recv().ok();
            assert_eq!(first.is_some(), ours, "{errno:?}: {first:?}");
            assert!(first.is_none_or(|why| why.starts_with("node-1: it was not dialled (")));
            assert!(told.try_recv().is_err(), "one waits");
        }
    }

    #[tokio::test]
    async fn nobody_comes_through_a_door_that_is_dropped() {
        let (hindered, _told) = mpsc::channel(1);
        let dialler = Arc::new(Fails(Errno::CONNREFUSED));
        let passage = Passage { node: "node-1".to_owned(), dialler, hindered };
        let door = Door::open(|| None, passage).await.unwrap();
        let address = door.address;
        TcpStream::connect(address).await.unwrap();
        drop(door);
        let closed = async { while TcpStream::connect(address).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
    }
}
