//! Links, addresses and neighbours of the namespace in which the socket was made, by rtnetlink. One
//! request at a time, each acknowledged.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::wire::Mac;

/// A node's interface, as containers have it.
pub(super) const NODE_LINK: &str = "eth0";

/// Asks the kernel.
pub(super) struct Route {
    socket: Socket,
}

impl Route {
    /// In the namespace in which this thread is.
    pub(super) fn here() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Makes a bridge, up.
    pub(super) fn add_bridge(&self, name: &str) -> io::Result<()> {
        let mut link = up();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
        self.ask(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Makes a cable: one end here, up and on the bridge, the other as a node's interface in its
    /// namespace, which can be taken up only when this one is there.
    pub(super) fn add_cable(
        &self,
        name: &str,
        bridge: u32,
        node: BorrowedFd<'_>,
        mac: Mac,
    ) -> io::Result<()> {
        let mut far = LinkMessage::default();
        far.attributes.push(LinkAttribute::IfName(NODE_LINK.to_owned()));
        far.attributes.push(LinkAttribute::Address(mac.to_vec()));
        far.attributes.push(LinkAttribute::NetNsFd(node.as_raw_fd()));
        let mut near = up();
        near.attributes.push(LinkAttribute::IfName(name.to_owned()));
        near.attributes.push(LinkAttribute::Controller(bridge));
        near.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
        ]));
        self.ask(RouteNetlinkMessage::NewLink(near), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Gives a link a hardware address.
    pub(super) fn set_address(&self, index: u32, mac: Mac) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::Address(mac.to_vec()));
        self.ask(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Takes a link up.
    pub(super) fn set_up(&self, index: u32) -> io::Result<()> {
        let mut link = up();
        link.header.index = index;
        self.ask(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Gives a link an address, and so a route to its network and none beyond.
    pub(super) fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = prefix;
        message.header.index = index;
        message.attributes.push(AddressAttribute::Local(IpAddr::V4(address)));
        message.attributes.push(AddressAttribute::Address(IpAddr::V4(address)));
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Says which hardware address a neighbour has, for good: nobody asks for it, and no table
    /// forgets it.
    pub(super) fn set_neighbour(&self, index: u32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        let mut message = neighbour(index, address);
        message.header.state = NeighbourState::Permanent;
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
        self.ask(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Says so no longer: the kernel asks for it again. One that is not there is left at that.
    pub(super) fn forget_neighbour(&self, index: u32, address: Ipv4Addr) -> io::Result<()> {
        match self.ask(RouteNetlinkMessage::DelNeighbour(neighbour(index, address)), 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let (answer, _) = self.socket.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(io::Error::other)?;
        if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(error.to_io());
        }
        Ok(())
    }
}

/// The number of a link of the namespace in which this thread is.
pub(super) fn index_of(name: &str) -> io::Result<u32> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    rustix::net::netdevice::name_to_index(socket, name).map_err(io::Error::from)
}

fn up() -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
}

fn neighbour(index: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(address)));
    message
}
