//! Another node with our own identity: whoever copies a state directory makes one, and then the two
//! take each other for themselves and never meet.
//!
//! A node that dials itself, as a seed does that is in its own list, sees both ends of the
//! connection: it dials and it answers. One end alone is a twin's. The ends come as two events, a
//! moment apart, so each waits for the other.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::Mono;

/// How long an end waits for the other one.
const OTHER_END: Duration = Duration::from_secs(3);

/// Between two alarms: an operator needs one, and every dial would give another.
const QUIET: Duration = Duration::from_secs(60);

/// An end of a connection to our own identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Dialled,
    Answered,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Twin {
    /// The one end that waits: while one does, ends of the other kind are its own.
    waits: Option<(Seen, SocketAddr, Mono)>,
    quiet_until: Option<Mono>,
}

impl Twin {
    /// We dialled an address, and our own identity answered.
    pub(super) fn dialled(&mut self, addr: SocketAddr, now: Mono) {
        self.see(Seen::Dialled, addr, now);
    }

    /// Our own identity dialled us.
    pub(super) fn answered(&mut self, remote: SocketAddr, now: Mono) {
        self.see(Seen::Answered, remote, now);
    }

    /// Where a twin is, if one is certain now.
    pub(super) fn due(&mut self, now: Mono) -> Option<SocketAddr> {
        let (_, remote, _) = self.waits.take_if(|(_, _, since)| now.since(*since) >= OTHER_END)?;
        self.quiet_until = Some(now.after(QUIET));
        Some(remote)
    }

    /// When [`Twin::due`] has something to say.
    pub(super) fn next_due(&self) -> Option<Mono> {
        self.waits.map(|(_, _, since)| since.after(OTHER_END))
    }

    fn see(&mut self, seen: Seen, remote: SocketAddr, now: Mono) {
        match self.waits {
            // Both ends are here.
            Some((waiting, _, _)) if waiting != seen => self.waits = None,
            Some(_) => {}
            None if self.quiet_until.is_some_and(|until| now < until) => {}
            None => self.waits = Some((seen, remote, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(0).after(Duration::from_secs(seconds))
    }

    fn addr() -> SocketAddr {
        SocketAddr::from(([198, 18, 0, 9], 30333))
    }

    #[test]
    fn a_node_that_dials_itself_has_no_twin() {
        let mut twin = Twin::default();
        twin.dialled(addr(), at(0));
        twin.answered(addr(), at(1));
        assert_eq!((twin.due(at(10)), twin.next_due()), (None, None));
        twin.answered(addr(), at(20));
        twin.dialled(addr(), at(20));
        assert_eq!(twin.due(at(30)), None);
    }

    #[test]
    fn one_end_alone_is_a_twin_and_is_told_once_a_minute() {
        for see in [Twin::dialled, Twin::answered] {
            let mut twin = Twin::default();
            see(&mut twin, addr(), at(0));
            assert_eq!((twin.due(at(2)), twin.next_due()), (None, Some(at(3))));
            assert_eq!(twin.due(at(3)), Some(addr()));
            see(&mut twin, addr(), at(10));
            assert_eq!(twin.due(at(20)), None);
            see(&mut twin, addr(), at(63));
            assert_eq!(twin.due(at(66)), Some(addr()));
        }
    }
}
