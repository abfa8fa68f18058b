//! All of it behind one lock, driven by the runtime's virtual time, and the faults that it can have.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    fabric::{Counts, Ends, Fabric},
    paths::{HostId, Toll, Weather},
};
use crate::chance::Chance;

/// A network; clones are the same one.
#[derive(Debug, Clone)]
pub struct SimNet {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    fabric: Mutex<Fabric>,
    /// Something is due earlier than whoever waits believes.
    sooner: Notify,
}

impl SimNet {
    /// A network without hosts, whose time begins now. [`Self::run`] has to be polled for anything to
    /// arrive.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        let fabric = Mutex::new(Fabric::new(Chance(seed), weather));
        Self { inner: Arc::new(Inner { began: Instant::now(), fabric, sooner: Notify::new() }) }
    }

    /// Lets things arrive when they are due; never ends.
    pub async fn run(self) {
        loop {
            let due = self.with(|fabric| fabric.next_due());
            let sooner = self.inner.sooner.notified();
            match due {
                None => sooner.await,
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = sleep_until(self.inner.began + Duration::from_millis(at)) => {}
                        () = sooner => {}
                    }
                }
            }
        }
    }

    /// No packet gets from the one to the other.
    pub fn cut(&self, from: HostId, to: HostId) {
        self.with(|fabric| fabric.paths.cut(from, to));
    }

    /// They do again.
    pub fn heal(&self, from: HostId, to: HostId) {
        self.with(|fabric| fabric.paths.heal(from, to));
    }

    /// Packets from the one to the other wait on their way.
    pub fn hold(&self, from: HostId, to: HostId) {
        self.with(|fabric| fabric.paths.hold(from, to));
    }

    /// They arrive now, in order, and others after them.
    pub fn release(&self, from: HostId, to: HostId) {
        self.with(|fabric| fabric.release(from, to));
    }

    /// Of a thousand packets, so many have to be repeated; `None`: as the weather has it.
    pub fn set_loss(&self, loss: Option<u64>) {
        self.with(|fabric| fabric.paths.set_storm(loss));
    }

    /// The resolver answers nobody.
    pub fn lose_names(&self) {
        self.with(|fabric| fabric.has_names = false);
    }

    /// It answers again.
    pub fn find_names(&self) {
        self.with(|fabric| fabric.has_names = true);
    }

    /// Every connection between the two is reset, at both ends.
    pub fn sever(&self, one: HostId, other: HostId) {
        self.with(|fabric| fabric.sever(one, other));
    }

    /// The process there was killed.
    pub fn kill(&self, host: HostId) {
        self.with(|fabric| fabric.kill(host));
    }

    /// The power there is gone.
    pub fn power_off(&self, host: HostId) {
        self.with(|fabric| fabric.power_off(host));
    }

    /// The power is back.
    pub fn power_on(&self, host: HostId) {
        self.with(|fabric| fabric.power_on(host));
    }

    /// What faults were seen to do to packets from the one to the other.
    #[must_use]
    pub fn toll(&self, from: HostId, to: HostId) -> Toll {
        self.with(|fabric| fabric.paths.toll(from, to))
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|fabric| fabric.counts)
    }

    /// Connections that some process still has an end of, between each two hosts that have any.
    #[must_use]
    pub fn open(&self) -> BTreeMap<(usize, usize), usize> {
        self.with(|fabric| fabric.open())
    }

    /// What the process there holds now.
    #[must_use]
    pub fn held(&self, host: HostId) -> Ends {
        self.with(|fabric| fabric.held(host))
    }

    /// Of everything that arrived, in order and with its time.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.with(|fabric| fabric.digest)
    }

    /// Brings the fabric up to now, asks it, and wakes whom that concerns, after its lock is free:
    /// whoever is woken may be dropped by that, and lets go of its connections.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut Fabric) -> T) -> T {
        let now = u64::try_from(self.inner.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut fabric = self.inner.fabric.lock().unwrap_or_else(PoisonError::into_inner);
        fabric.run(now);
        let due = fabric.next_due();
        let answer = ask(&mut fabric);
        let is_sooner = fabric.next_due().is_some_and(|at| due.is_none_or(|due| at < due));
        let woken = std::mem::take(&mut fabric.woken);
        drop(fabric);
        if is_sooner {
            self.inner.sooner.notify_one();
        }
        for waker in woken {
            waker.wake();
        }
        answer
    }
}
