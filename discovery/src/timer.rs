//! Named timers: a table with one slot each, so that two of a kind cannot exist and none is
//! forgotten.

use crate::types::Mono;

/// What may be due. Seeds and records carry their own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The safety net: ask and dial while it is urgent.
    Tick,
    /// Tell the news that has gathered.
    Announce,
    /// Write the store.
    Persist,
    /// A candidate's wait is over.
    Dial,
    /// See whether somebody is at an address that need not be dialled.
    Feeler,
}

impl Timer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Tick, Self::Announce, Self::Persist, Self::Dial, Self::Feeler];
}

#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Mono>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, due: Mono) {
        self.0[timer as usize] = Some(due);
    }

    /// Sets it unless it is due earlier already.
    pub(crate) fn advance(&mut self, timer: Timer, due: Mono) {
        let slot = &mut self.0[timer as usize];
        *slot = Some(slot.map_or(due, |set| set.min(due)));
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    /// Takes one timer that is due, if any.
    pub(crate) fn expired(&mut self, now: Mono) -> Option<Timer> {
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| self.0[*timer as usize].is_some_and(|due| due <= now))?;
        self.stop(timer);
        Some(timer)
    }

    pub(crate) fn next(&self) -> Option<Mono> {
        self.0.iter().flatten().min().copied()
    }
}
