//! When each session was last heard, and when it wants to be looked at: all that a frame changes, in
//! few lines of memory, and the first of the moments at hand, since it is asked for after everything
//! that happens.

use hegemon_discovery::{
    Mono, SessionId, Sorted,
    limits::{PROBE_INTERVAL, SILENT},
};

/// Later than anything.
const NEVER: Mono = Mono(i64::MAX);

/// Of one session: half a line of memory.
#[derive(Debug)]
struct Watch {
    /// When its last frame came; at first, when it was established.
    heard: Mono,
    next_probe: Mono,
    /// When it has to end; [`NEVER`] unless it is in an overflow slot.
    ends: Mono,
    /// Probes since the last frame.
    probes: u32,
    /// A frame came.
    spoke: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_id: Sorted<SessionId, Watch>,
    /// The first one's [`Watch::due`].
    first_due: Option<Mono>,
}

impl Watch {
    /// When something has to be decided about it.
    fn due(&self) -> Mono {
        if self.ends == NEVER { self.next_probe } else { self.ends }
    }
}

impl Watches {
    /// A session was established.
    pub(super) fn begin(&mut self, session: SessionId, now: Mono, ends: Option<Mono>) {
        let (next_probe, ends) = (now.after(SILENT), ends.unwrap_or(NEVER));
        let watch = Watch { heard: now, next_probe, ends, probes: 0, spoke: false };
        self.by_id.insert(session, watch);
        self.find_first();
    }

    /// A frame came; whether there is such a session.
    pub(super) fn frame(&mut self, session: SessionId, at: Mono) -> bool {
        self.change(session, |watch| {
            watch.heard = watch.heard.max(at);
            watch.next_probe = at.after(SILENT);
            watch.probes = 0;
            watch.spoke = true;
        })
    }

    /// It was asked for a sign of life.
    pub(super) fn probed(&mut self, session: SessionId, now: Mono) {
        self.change(session, |watch| {
            watch.probes = watch.probes.saturating_add(1);
            watch.next_probe = now.after(PROBE_INTERVAL);
        });
    }

    /// It is in an overflow slot no longer.
    pub(super) fn stays(&mut self, session: SessionId) {
        self.change(session, |watch| watch.ends = NEVER);
    }

    /// It is over.
    pub(super) fn end(&mut self, session: SessionId) {
        self.by_id.remove(session);
        self.find_first();
    }

    /// When the first one wants to be looked at.
    pub(super) fn first_due(&self) -> Option<Mono> {
        self.first_due
    }

    /// Those that have to be asked for a sign of life.
    pub(super) fn silent(&self, now: Mono) -> Vec<SessionId> {
        let silent = self.by_id.iter().filter(|(_, watch)| watch.next_probe <= now);
        silent.map(|(id, _)| id).collect()
    }

    /// How often that was in vain since it was last heard.
    pub(super) fn probes(&self, session: SessionId) -> u32 {
        self.by_id.get(session).map_or(0, |watch| watch.probes)
    }

    /// Whether a frame ever came over it.
    pub(super) fn spoke(&self, session: SessionId) -> bool {
        self.by_id.get(session).is_some_and(|watch| watch.spoke)
    }

    /// When its last frame came; at first, when it was established.
    pub(super) fn last(&self, session: SessionId) -> Option<Mono> {
        self.by_id.get(session).map(|watch| watch.heard)
    }

    /// When each one's last frame came; at first, when it was established.
    pub(super) fn heard(&self) -> impl Iterator<Item = (SessionId, Mono)> {
        self.by_id.iter().map(|(id, watch)| (id, watch.heard))
    }

    /// Whether there was anything to change.
    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Watch)) -> bool {
        let Some(watch) = self.by_id.get_mut(session) else { return false };
        let before = watch.due();
        change(watch);
        let due = watch.due();
        // Only the first one's change needs a look at the others.
        if self.first_due == Some(before) && due > before {
            self.find_first();
        } else {
            self.first_due = self.first_due.map(|first| first.min(due));
        }
        true
    }

    fn find_first(&mut self) {
        self.first_due = self.by_id.iter().map(|(_, watch)| watch.due()).min();
    }
}
