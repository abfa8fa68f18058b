//! What a peer can do before there is a session.

use std::{io, time::Duration};

use hegemon_node::transport::frame::{MAX_HANDSHAKE_FRAME, PREFIX};
use tokio::time::timeout;

use crate::peer::Peer;

/// Between two bytes of a slow handshake: 6,849 of them would take eleven minutes.
const DRIBBLE: Duration = Duration::from_millis(100);
/// How long one peer of a connect flood waits to be turned away before it hangs up itself.
const IMPATIENCE: Duration = Duration::from_millis(20);
/// A byte in the middle of `InitHello`'s signature.
const TAMPERED: usize = PREFIX + 5_000;

pub(crate) async fn silence(mut peer: Peer) -> io::Result<()> {
    peer.until_closed().await
}

pub(crate) async fn slow(mut peer: Peer) -> io::Result<()> {
    let (_, hello) = peer.init_hello()?;
    for byte in hello {
        peer.write(&[byte]).await?;
        // Nothing is due before all of it was said: what comes is the end.
        if let Ok(ended) = timeout(DRIBBLE, peer.until_closed()).await {
            return ended;
        }
    }
    Ok(())
}

pub(crate) async fn half(mut peer: Peer) -> io::Result<()> {
    let (_, hello) = peer.init_hello()?;
    peer.write(&hello).await?;
    peer.until_closed().await
}

pub(crate) async fn oversized(mut peer: Peer) -> io::Result<()> {
    let declared = u32::try_from(MAX_HANDSHAKE_FRAME + 1).map_err(io::Error::other)?;
    peer.write(&declared.to_be_bytes()).await?;
    peer.until_closed().await
}

pub(crate) async fn tampered(mut peer: Peer) -> io::Result<()> {
    let (_, mut hello) = peer.init_hello()?;
    hello[TAMPERED] ^= 1;
    peer.write(&hello).await?;
    peer.until_closed().await
}

pub(crate) async fn connect_only(mut peer: Peer) -> io::Result<()> {
    // Otherwise ten thousand of our own ports would wait for a minute each.
    peer.stream().set_zero_linger()?;
    timeout(IMPATIENCE, peer.until_closed()).await.unwrap_or(Ok(()))
}
