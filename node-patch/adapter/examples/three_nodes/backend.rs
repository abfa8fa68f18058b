//! What an old node has already, in its shape and its words: connections by peer, errors as text. It
//! shakes hands in the clear, where a node's does so with post-quantum keys; the rest is the same.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};

/// Frames are short here; a longer one ends the connection before anything is allocated.
const LONGEST_FRAME: usize = 64 * 1024;
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens, as old nodes say it.
pub(crate) enum PqNetworkEvent {
    PeerConnected { peer_id: [u8; 32], addr: SocketAddr, is_outbound: bool },
    PeerDisconnected { peer_id: [u8; 32] },
    MessageReceived { peer_id: [u8; 32], protocol: String, data: Vec<u8> },
}

type Peers = HashMap<[u8; 32], mpsc::Sender<Vec<u8>>>;

/// Connections by peer. Of two with one peer the newer is dropped without a word.
#[derive(Clone)]
pub(crate) struct PqNetworkHandle {
    local_peer_id: [u8; 32],
    peers: Arc<Mutex<Peers>>,
    events: mpsc::Sender<PqNetworkEvent>,
}

impl PqNetworkHandle {
    pub(crate) async fn start(
        local_peer_id: [u8; 32],
        listener: TcpListener,
    ) -> (Self, mpsc::Receiver<PqNetworkEvent>) {
        let (events, happened) = mpsc::channel(64);
        let handle = Self { local_peer_id, peers: Arc::default(), events };
        let accepting = handle.clone();
        tokio::spawn(async move {
            while let Ok((stream, addr)) = listener.accept().await {
                let accepted = accepting.clone();
                tokio::spawn(async move { accepted.upgrade(stream, addr, false).await });
            }
        });
        (handle, happened)
    }

    pub(crate) async fn connect(&self, addr: SocketAddr) -> Result<[u8; 32], String> {
        let stream = timeout(CONNECTION_TIMEOUT, TcpStream::connect(addr))
            .await
            .map_err(|_| "Connection timeout")?
            .map_err(|error| error.to_string())?;
        self.upgrade(stream, addr, true).await
    }

    pub(crate) async fn send_message(
        &self,
        peer_id: [u8; 32],
        protocol: String,
        data: Vec<u8>,
    ) -> Result<(), String> {
        let queue = self.peers.lock().expect("nobody panics with it").get(&peer_id).cloned();
        let mut frame = vec![u8::try_from(protocol.len()).map_err(|error| error.to_string())?];
        frame.extend_from_slice(protocol.as_bytes());
        frame.extend_from_slice(&data);
        let queue = queue.ok_or("Peer not found")?;
        queue.try_send(frame).map_err(|error| error.to_string())
    }

    pub(crate) async fn disconnect(&self, peer_id: [u8; 32], _reason: &str) {
        self.forget(peer_id).await;
    }

    async fn upgrade(
        &self,
        mut stream: TcpStream,
        addr: SocketAddr,
        is_outbound: bool,
    ) -> Result<[u8; 32], String> {
        let peer_id = timeout(CONNECTION_TIMEOUT, shake_hands(&mut stream, self.local_peer_id))
            .await
            .map_err(|_| "Handshake timeout")?
            .map_err(|error| format!("Handshake failed: {error}"))?;
        if peer_id == self.local_peer_id {
            return Err("Self peer connection".to_owned());
        }
        let (queue, waiting) = mpsc::channel(64);
        {
            let mut peers = self.peers.lock().expect("nobody panics with it");
            if peers.contains_key(&peer_id) {
                return Ok(peer_id);
            }
            peers.insert(peer_id, queue);
        }
        let connected = PqNetworkEvent::PeerConnected { peer_id, addr, is_outbound };
        let _ = self.events.send(connected).await;
        let (reader, writer) = stream.into_split();
        let this = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = this.read(peer_id, reader) => {}
                _ = write(writer, waiting) => {}
            }
            this.forget(peer_id).await;
        });
        Ok(peer_id)
    }

    async fn read(&self, peer_id: [u8; 32], mut reader: OwnedReadHalf) -> io::Result<()> {
        loop {
            let len = reader.read_u32().await? as usize;
            if len > LONGEST_FRAME {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut frame = vec![0; len];
            reader.read_exact(&mut frame).await?;
            let Some((name, data)) =
                frame.split_first().and_then(|(len, rest)| rest.split_at_checked((*len).into()))
            else {
                continue;
            };
            let (protocol, data) = (String::from_utf8_lossy(name).into_owned(), data.to_vec());
            let message = PqNetworkEvent::MessageReceived { peer_id, protocol, data };
            let _ = self.events.send(message).await;
        }
    }

    async fn forget(&self, peer_id: [u8; 32]) {
        let known = self.peers.lock().expect("nobody panics with it").remove(&peer_id);
        if known.is_some() {
            let _ = self.events.send(PqNetworkEvent::PeerDisconnected { peer_id }).await;
        }
    }
}

async fn shake_hands(stream: &mut TcpStream, own: [u8; 32]) -> io::Result<[u8; 32]> {
    let mut peer_id = [0; 32];
    stream.write_all(&own).await?;
    stream.read_exact(&mut peer_id).await?;
    Ok(peer_id)
}

async fn write(mut writer: OwnedWriteHalf, mut waiting: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(frame) = waiting.recv().await {
        writer.write_u32(u32::try_from(frame.len()).map_err(io::Error::other)?).await?;
        writer.write_all(&frame).await?;
    }
    Ok(())
}
