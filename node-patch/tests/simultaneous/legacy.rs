//! A peer over real sockets that treats its sessions as the recorded nodes do: it looks for an
//! existing one, then inserts, not atomically; closes the newer on a hit; cleans up by peer, not by
//! session; loses what came together with `Finish`; sends nothing to keep a session alive.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use hegemon_discovery::Message;
use hegemon_node::{
    host::{net::Stream, tcp::Tcp},
    net::{
        peering::Attempts,
        socket::{self, Connection},
    },
    transport::{
        envelope::{self, Protocol},
        frame::FrameCodec,
        identity::Identity,
        record::Sealer,
    },
};
use tokio::{
    net::TcpListener,
    sync::{Barrier, mpsc},
    time::sleep,
};
use tokio_util::{codec::Framed, sync::CancellationToken};

type Transcript = [u8; 32];
type Outgoing =
    Arc<tokio::sync::Mutex<(SplitSink<Framed<Box<dyn Stream>, FrameCodec>, Vec<u8>>, Sealer)>>;

/// What it holds; clones are the same peer.
#[derive(Clone)]
pub(crate) struct Legacy {
    identity: Arc<Identity>,
    table: Arc<Mutex<Table>>,
    received: mpsc::UnboundedSender<Vec<u8>>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Table {
    /// The one session that it would send over.
    current: Option<(Transcript, Outgoing)>,
    /// Looked up, not yet inserted.
    inserting: usize,
    /// Established while another one was there or on its way in.
    rivalries: usize,
}

/// Between its look and its insert: anything from no time to a few round trips, unless
/// `HEGEMON_TEST_INSERT_MS` says how long.
fn insert(transcript: Transcript) -> Duration {
    let millis = std::env::var("HEGEMON_TEST_INSERT_MS");
    let millis = millis.map_or(u64::from(transcript[0] % 20), |millis| millis.parse().unwrap());
    Duration::from_millis(millis)
}

impl Legacy {
    /// Listens at once, and dials the other side once when everybody starts. What it hears of the
    /// chain comes out of the receiver.
    pub(crate) fn start(
        listener: TcpListener,
        other: SocketAddr,
        identity: Arc<Identity>,
        start: Arc<Barrier>,
    ) -> (Self, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (received, messages) = mpsc::unbounded_channel();
        let peer =
            Self { identity, table: Arc::default(), received, stop: CancellationToken::new() };
        let (dialling, listening) = (peer.clone(), peer.clone());
        tokio::spawn(async move {
            start.wait().await;
            if let Ok(connection) =
                socket::dial(&Tcp, other, Attempts::One, dialling.identity.clone()).await
            {
                dialling.hold(connection).await;
            }
        });
        tokio::spawn(async move {
            while let Some(Ok((stream, remote))) =
                listening.stop.run_until_cancelled(listener.accept()).await
            {
                let peer = listening.clone();
                tokio::spawn(async move {
                    if let Ok(mut connection) =
                        socket::accept(Box::new(stream), remote, peer.identity.clone()).await
                    {
                        // As a codec is exchanged together with its buffer.
                        connection.framed.read_buffer_mut().clear();
                        peer.hold(connection).await;
                    }
                });
            }
        });
        (peer, messages)
    }

    /// The session that it would send over.
    pub(crate) fn current(&self) -> Option<Transcript> {
        self.table.lock().unwrap().current.as_ref().map(|(transcript, _)| *transcript)
    }

    /// Sessions that met another one here.
    pub(crate) fn rivalries(&self) -> usize {
        self.table.lock().unwrap().rivalries
    }

    /// Sends over the current session, if there is one.
    pub(crate) async fn send(&self, protocol: Protocol, data: &[u8]) {
        let outgoing =
            self.table.lock().unwrap().current.as_ref().map(|(_, outgoing)| outgoing.clone());
        if let Some(outgoing) = outgoing {
            let mut frame = envelope::encode(protocol, data);
            let mut outgoing = outgoing.lock().await;
            let (sink, sealer) = &mut *outgoing;
            sealer.seal(&mut frame).unwrap();
            // One that broke is noticed by its reader.
            let _ = sink.send(frame).await;
        }
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    async fn hold(&self, connection: Connection) {
        {
            let mut table = self.table.lock().unwrap();
            table.rivalries += usize::from(table.current.is_some() || table.inserting > 0);
            if table.current.is_some() {
                return;
            }
            table.inserting += 1;
        }
        let Connection { mut framed, established, .. } = connection;
        let transcript = established.transcript;
        sleep(insert(transcript)).await;
        *framed.codec_mut() = FrameCodec::session(None);
        let (sink, mut frames) = framed.split();
        let (sealer, mut opener) = (established.sealer, established.opener);
        let outgoing = Arc::new(tokio::sync::Mutex::new((sink, sealer)));
        {
            let mut table = self.table.lock().unwrap();
            table.inserting -= 1;
            table.current = Some((transcript, outgoing.clone()));
        }
        self.send(Protocol::Discovery, &Message::Hello { listen_port: 30_333 }.encode()).await;
        self.send(Protocol::Discovery, &Message::GetAddrs { limit: 64 }.encode()).await;
        while let Some(Some(Ok(mut frame))) = self.stop.run_until_cancelled(frames.next()).await {
            let Ok(len) = opener.open(&mut frame) else { break };
            match envelope::decode(&frame[..len]) {
                Some((Protocol::Discovery, data))
                    if matches!(Message::decode(data), Ok(Message::GetAddrs { .. })) =>
                {
                    self.send(Protocol::Discovery, &Message::Addrs { addrs: Vec::new() }.encode())
                        .await;
                }
                Some((Protocol::Discovery, _)) | None => {}
                Some((Protocol::BlockAnnounces | Protocol::Sync, data)) => {
                    drop(self.received.send(data.to_vec()))
                }
            }
        }
        // By peer: also if the current one is another.
        self.table.lock().unwrap().current = None;
        drop(outgoing);
    }
}
