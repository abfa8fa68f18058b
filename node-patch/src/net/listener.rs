//! Strangers at the door: each has its own task, its own deadline, and a bounded number of
//! companions. Whoever is one too many is hung up on before anything is read of him.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    host::{Tasks, net::Listener},
    net::{event::HubEvent, socket, tally::Tally},
    transport::identity::Identity,
};

/// Handshakes of strangers at once from one IP, unless configured: behind it there may be a NAT, or
/// Docker's gateway.
pub const PENDING_PER_IP: usize = 16;
/// Handshakes of strangers at once, at the least. Each costs a millisecond of a core and 20 KiB for
/// up to ten seconds.
const PENDING: usize = 64;
/// IPs that it takes to fill the whole: one alone never keeps the others out.
const PENDING_IPS: usize = 4;
/// Out of descriptors: try again so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const _: () = assert!(PENDING_PER_IP * PENDING_IPS <= PENDING);

/// How many handshakes of strangers may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLimits {
    per_ip: usize,
    total: usize,
}

impl PendingLimits {
    /// So many from one IP; in total what four IPs may have, and never less than 64.
    #[must_use]
    pub fn per_ip(per_ip: usize) -> Self {
        Self { per_ip, total: per_ip.saturating_mul(PENDING_IPS).max(PENDING) }
    }
}

impl Default for PendingLimits {
    fn default() -> Self {
        Self::per_ip(PENDING_PER_IP)
    }
}

/// Accepts for as long as it is not aborted.
pub(super) async fn accept(
    mut listener: Box<dyn Listener>,
    tasks: Tasks,
    identity: Arc<Identity>,
    limits: PendingLimits,
    tally: Arc<Tally>,
    events: mpsc::Sender<HubEvent>,
) {
    let pending = Pending::default();
    let mut failing = false;
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => {
                failing = false;
                accepted
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept a connection; if the node is out of descriptors, raise its limit (ulimit -n)");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(ticket) = pending.take(remote.ip(), limits) else {
            tally.handshakes.turned_away.add();
            // Not closed in order: a flood leaves no sockets waiting in the kernel.
            stream.reset();
            continue;
        };
        let (identity, events, tally) = (identity.clone(), events.clone(), tally.clone());
        let greeting = async move {
            let accepted = socket::accept(stream, remote, identity).await;
            // The handshake is over, also while its result waits for the hub.
            drop(ticket);
            tally.answered(&accepted);
            match accepted {
                Ok(connection) => drop(events.send(HubEvent::Accepted(Box::new(connection))).await),
                Err(error) => tracing::debug!(%remote, %error, "inbound handshake failed"),
            }
        };
        tasks.spawn(greeting).detach();
    }
}

/// Handshakes of strangers under way.
#[derive(Debug, Clone, Default)]
struct Pending(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One of them; ends with its handshake.
#[derive(Debug)]
struct Ticket {
    pending: Pending,
    source: IpAddr,
}

impl Pending {
    fn take(&self, ip: IpAddr, limits: PendingLimits) -> Option<Ticket> {
        let source = source(ip);
        let mut counts = self.lock();
        if counts.values().sum::<usize>() >= limits.total
            || counts.get(&source).is_some_and(|count| *count >= limits.per_ip)
        {
            return None;
        }
        *counts.entry(source).or_default() += 1;
        drop(counts);
        Some(Ticket { pending: self.clone(), source })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.pending.lock();
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

/// Who shares a limit: an IPv4 address, or the /64 that one IPv6 host has to itself.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_ip_has_its_share_and_never_all_of_it() {
        for limits in
            [PendingLimits::default(), PendingLimits::per_ip(1), PendingLimits::per_ip(1_024)]
        {
            let pending = Pending::default();
            let held: Vec<Ticket> =
                std::iter::from_fn(|| pending.take(ip("127.0.0.2"), limits)).take(5_000).collect();
            assert_eq!(held.len(), limits.per_ip);
            assert!(pending.take(ip("127.0.0.1"), limits).is_some(), "another IP gets in");
            drop(held);
            assert!(
                pending.take(ip("127.0.0.2"), limits).is_some(),
                "and this one again, when its own are over"
            );
        }
    }

    #[test]
    fn the_total_is_bounded_and_every_ticket_comes_back() {
        let (pending, limits) = (Pending::default(), PendingLimits::default());
        let held: Vec<Ticket> = (0..=255)
            .flat_map(|last| [last; 16])
            .filter_map(|last| pending.take([127, 0, 1, last].into(), limits))
            .collect();
        assert_eq!(held.len(), PENDING);
        drop(held);
        assert!(pending.lock().is_empty());
    }

    #[test]
    fn an_ipv6_host_is_its_prefix_and_a_mapped_address_is_ipv4() {
        let (pending, limits) = (Pending::default(), PendingLimits::per_ip(1));
        let _held = [
            pending.take(ip("fd00::1"), limits).unwrap(),
            pending.take(ip("::ffff:127.0.0.2"), limits).unwrap(),
        ];
        assert!(
            pending.take(ip("fd00::ffff:1:2:3"), limits).is_none()
                && pending.take(ip("127.0.0.2"), limits).is_none()
        );
        assert!(pending.take(ip("fd00:0:0:1::1"), limits).is_some());
    }
}
