//! What an operator should read: the node has the log.

use std::{fmt, io};

use hegemon_discovery::{Alarm, PeerId};

use crate::{peer_store, roster::End, seeds::Seed};

/// Something for the log, in words.
#[derive(Debug)]
pub enum Remark {
    /// Of the peer store.
    Store(peer_store::Remark),
    /// A seed has no address now.
    Unresolved {
        /// Which.
        seed: Seed,
        /// Why.
        error: io::Error,
    },
    /// Discovery ended a session.
    Ended {
        /// Whose.
        peer_id: PeerId,
        /// Why.
        why: End,
    },
    /// Something that discovery cannot mend by itself.
    Alarm {
        /// What.
        alarm: Alarm,
        /// `true` when it begins, `false` when it is over.
        raised: bool,
    },
    /// Too many peers are being disconnected at once: this one may stay connected, and is ignored.
    Overloaded {
        /// Whose.
        peer_id: PeerId,
    },
}

impl Remark {
    /// Whether something is amiss.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Store(remark) => remark.is_warning(),
            Self::Alarm { raised, .. } => *raised,
            Self::Unresolved { .. } | Self::Ended { .. } => false,
            Self::Overloaded { .. } => true,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(remark) => remark.fmt(f),
            Self::Unresolved { seed, error } => write!(f, "seed {seed} does not resolve: {error}"),
            Self::Ended { peer_id, why } => write!(f, "session with {peer_id:?} ended: {why}"),
            Self::Alarm { alarm, raised: true } => {
                write!(f, "discovery alarm: {alarm:?}: {}", alarm.advice())
            }
            Self::Alarm { alarm, raised: false } => {
                write!(f, "discovery alarm is over: {alarm:?}")
            }
            Self::Overloaded { peer_id } => {
                write!(f, "{peer_id:?} is not disconnected: the network does not keep up")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_says_what_to_do() {
        let remark = Remark::Alarm { alarm: Alarm::Isolated, raised: true }.to_string();
        assert!(remark.starts_with("discovery alarm: Isolated: no peer for a while"), "{remark}");
        assert!(remark.contains("HEGEMON_SEEDS"), "{remark}");
    }
}
