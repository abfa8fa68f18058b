//! What the harness and a process in its nodes' networks say to each other: frames of a length and
//! JSON. The same over a socket and over the streams of a container.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
};

use harness_core::{
    event::Dialled,
    line::{Connect, Line},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A list of a thousand nodes with their addresses is a tenth of it.
const LONGEST: u32 = 1024 * 1024;

/// A hardware address.
pub type Mac = [u8; 6];

/// A node's hardware address where it is ours to choose: as engines make it of the IP address.
pub fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

/// What is to be done, and in which namespace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// On its answer, too.
    pub id: u64,
    /// The namespace's number.
    pub at: usize,
    /// What.
    pub verb: Verb,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reply {
    /// The order's.
    pub id: u64,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, String>,
}

/// What can be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Verb {
    /// Makes a namespace for each address, all on one bridge, which has the network's first.
    Make {
        /// The network's prefix length.
        prefix: u8,
        /// Where the harness is, so to speak.
        bridge: Ipv4Addr,
        /// The nodes'.
        nodes: Vec<Ipv4Addr>,
    },
    /// Says what becomes of packets to other nodes.
    Lines(Vec<LineTo>),
    /// To whom they are cut.
    Cuts,
    /// Opens a port for datagrams, which are counted and sent back.
    Echo,
    /// Closes it, and says how many came of each path.
    Heard {
        /// Which.
        port: u16,
    },
    /// Tries the path to another node.
    Try(Trial),
    /// Listens on a port, and greets.
    Occupy {
        /// Where.
        at: SocketAddrV4,
    },
    /// Does so no longer.
    Release {
        /// Where.
        at: SocketAddrV4,
    },
    /// What is said to whoever connects there.
    Greeting {
        /// Where.
        at: SocketAddrV4,
    },
    /// How many connections were tried.
    Dials,
    /// What a name means.
    Lookup {
        /// The name.
        name: String,
    },
}

/// What becomes of packets to one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineTo {
    /// Its address.
    pub to: Ipv4Addr,
    /// Its hardware address; `None`: the kernel is to find it.
    pub mac: Option<Mac>,
    /// What becomes of them.
    pub line: Line,
}

/// One path that is tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    /// On its datagrams.
    pub token: u64,
    /// The other's transport.
    pub to: SocketAddrV4,
    /// The other's port for datagrams.
    pub echo: u16,
    /// How many.
    pub datagrams: u32,
}

/// What comes of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// Those to whom lines are cut.
    Cuts(Vec<Ipv4Addr>),
    /// A port.
    Port(u16),
    /// How many datagrams came, by the token of their path.
    Heard(Vec<(u64, u32)>),
    /// What was seen of a path.
    Tried {
        /// Of a TCP connect.
        connect: Connect,
        /// Datagrams that were sent.
        sent: u32,
        /// Those that came back.
        echoed: u32,
        /// The median of their round trips, in microseconds.
        round_trip_us: Option<u64>,
    },
    /// How many connections were tried in a network, beside those of our own.
    Dialled(Dialled),
    /// What was said.
    Bytes(Vec<u8>),
    /// What a name means.
    Addresses(Vec<IpAddr>),
}

/// Reads one; `None` at the end of the stream.
///
/// # Errors
///
/// The stream breaks, or what comes is none.
pub async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let length = match from.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes"),
        ));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes).await?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes one.
///
/// # Errors
///
/// The stream breaks, or it is too long.
pub async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), what: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(what)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
    let length =
        length.ok_or_else(|| io::Error::other(format!("a frame of {} bytes", bytes.len())))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(bytes);
    to.write_all(&frame).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_the_end_is_the_end() {
        let reply = Reply { id: 7, outcome: Ok(Answer::Heard(vec![(u64::MAX, 3)])) };
        let mut bytes = Vec::new();
        write(&mut bytes, &reply).await.unwrap();
        let mut stream = bytes.as_slice();
        let read_again: Reply = read(&mut stream).await.unwrap().unwrap();
        assert_eq!((read_again.id, read_again.outcome), (reply.id, reply.outcome));
        assert!(read::<Reply>(&mut stream).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_length_is_believed_only_so_far() {
        let mut stream = &[0xff, 0xff, 0xff, 0xff, b'{'][..];
        assert!(read::<Reply>(&mut stream).await.is_err());
    }
}
