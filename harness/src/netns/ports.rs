//! Ports of a node's network that somebody else holds, and what is said there.

use std::{io, net::SocketAddrV4, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// What whoever connects to a port of ours gets.
const GREETING: &[u8] = b"harness\n";
/// How long one that was greeted may take to leave, so that it is not our end that the kernel keeps.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// How long a port is listened to.
const LISTEN_FOR: Duration = Duration::from_millis(500);
/// And how much of what is said counts.
const MOST: u64 = 64;
/// Those that wait to be greeted.
const WAITING: u32 = 16;

/// A port that is held.
pub(super) struct Occupied {
    task: JoinHandle<()>,
}

impl Occupied {
    /// In the namespace in which this thread is.
    pub(super) fn here(at: SocketAddrV4) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(at.into())?;
        let listener = socket.listen(WAITING)?;
        Ok(Self { task: tokio::spawn(greet(listener)) })
    }

    /// It is free afterwards.
    pub(super) async fn release(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn greet(listener: TcpListener) {
    loop {
        if let Ok((mut stream, _)) = listener.accept().await {
            let said = async {
                stream.write_all(GREETING).await?;
                stream.shutdown().await?;
                stream.read(&mut [0; 1]).await
            };
            if !matches!(tokio::time::timeout(LEAVE_WITHIN, said).await, Ok(Ok(0))) {
                let _ = stream.set_zero_linger();
            }
        }
    }
}

/// A socket of the namespace in which this thread is, for [`greeting`].
pub(super) fn socket() -> io::Result<TcpSocket> {
    TcpSocket::new_v4()
}

/// What whoever listens there says first.
pub(super) async fn greeting(socket: TcpSocket, at: SocketAddrV4) -> io::Result<Vec<u8>> {
    let connected = tokio::time::timeout(LEAVE_WITHIN, socket.connect(at.into())).await;
    let stream: TcpStream =
        connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut)).flatten()?;
    let mut said = Vec::new();
    // Whoever says nothing has said nothing.
    let _ = tokio::time::timeout(LISTEN_FOR, stream.take(MOST).read_to_end(&mut said)).await;
    Ok(said)
}
