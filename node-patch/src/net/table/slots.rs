//! Room for sessions: regular slots, and those beyond the limit that last a moment.

use hegemon_discovery::{
    Direction, Mono, SessionId,
    limits::{OVERFLOW_SLOTS, OVERFLOW_TIME},
};

use super::{CloseReason, Command, Slot, Table};

impl Table {
    /// The slot that there is for a new session, if any. A rival's slot may be inherited.
    pub(super) fn slot(&self, direction: Direction, rivals: &[SessionId]) -> Option<Slot> {
        let inherits =
            rivals.iter().any(|id| self.sessions.get(*id).is_some_and(|entry| !entry.overflow));
        match direction {
            _ if inherits => Some(Slot::Regular),
            Direction::Outbound => {
                (self.regular(direction) < self.limits.outbound).then_some(Slot::Regular)
            }
            Direction::Inbound if self.regular(direction) < self.limits.inbound => {
                Some(Slot::Regular)
            }
            Direction::Inbound
                if self.sessions.iter().filter(|(_, entry)| entry.overflow).count()
                    < OVERFLOW_SLOTS =>
            {
                Some(Slot::Overflow)
            }
            Direction::Inbound => {
                // Its answer was out before it could ask.
                let visits = self
                    .sessions
                    .iter()
                    .filter(|(id, entry)| entry.overflow && !rivals.contains(id));
                visits
                    .min_by_key(|(id, entry)| (entry.opened, *id))
                    .map(|(id, _)| Slot::OverflowOf(id))
            }
        }
    }

    /// Somebody may have made room for a new session: if a regular slot is free, it is its own.
    pub fn seat(&mut self, session: SessionId) {
        if self.regular(Direction::Inbound) < self.limits.inbound
            && let Some(entry) = self.sessions.get_mut(session)
            && entry.overflow
        {
            entry.overflow = false;
            self.watches.stays(session);
        }
    }

    /// Sessions of a direction that are not in an overflow slot.
    fn regular(&self, direction: Direction) -> usize {
        self.sessions
            .iter()
            .filter(|(_, entry)| entry.direction == direction && !entry.overflow)
            .count()
    }

    pub(super) fn end_overflow(&mut self, now: Mono, out: &mut Vec<Command>) {
        let over: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, entry)| entry.overflow && now >= entry.opened.after(OVERFLOW_TIME))
            .map(|(id, _)| id)
            .collect();
        for session in over {
            self.seat(session);
            if self.sessions.get(session).is_some_and(|entry| entry.overflow) {
                self.end_overflow_of(session, now, out);
            }
        }
    }

    pub(super) fn end_overflow_of(
        &mut self,
        session: SessionId,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        self.closed(session, now);
        out.push(Command::Close(session, CloseReason::Full));
    }
}

#[cfg(test)]
mod tests {
    use hegemon_discovery::PeerId;

    use super::{
        super::{Admission, Limits},
        *,
    };

    /// A table with one regular inbound slot, and that many strangers who came in the same moment;
    /// who got in.
    fn crowd(strangers: u8) -> (Table, Vec<Admission>) {
        let mut table = Table::new(PeerId([0; 32]), Limits { inbound: 1, outbound: 1 });
        let admissions =
            (1..=strangers).map(|number| knock(&mut table, number, Mono(0)).0).collect();
        (table, admissions)
    }

    fn knock(table: &mut Table, number: u8, now: Mono) -> (Admission, Vec<Command>) {
        let mut out = Vec::new();
        let admission = table.open(
            SessionId(number.into()),
            PeerId([number; 32]),
            Direction::Inbound,
            now,
            &mut out,
        );
        (admission, out)
    }

    #[test]
    fn a_newcomer_takes_over_the_oldest_overflow_slot_and_the_crowd_never_has_more() {
        let (table, admissions) = crowd(200);
        assert!(admissions.iter().all(|admission| *admission == Admission::Admitted));
        assert_eq!(table.sessions().count(), 1 + OVERFLOW_SLOTS);
        let (mut table, _) = crowd(u8::try_from(OVERFLOW_SLOTS).unwrap() + 1);
        let (admission, commands) = knock(&mut table, 80, Mono(0));
        assert_eq!(
            (admission, commands),
            (Admission::Admitted, vec![Command::Close(SessionId(2), CloseReason::Full)]),
            "the oldest, and not the regular one"
        );
        assert_eq!(table.sessions().count(), 1 + OVERFLOW_SLOTS);
    }

    #[test]
    fn an_overflow_session_stays_if_a_regular_slot_is_free_when_its_time_is_up() {
        let (mut table, _) = crowd(3);
        table.closed(SessionId(1), Mono(0));
        let mut out = Vec::new();
        table.wakeup(Mono(0).after(OVERFLOW_TIME), &mut out);
        assert_eq!(
            out,
            [Command::Close(SessionId(3), CloseReason::Full)],
            "one slot, one of the two"
        );
        table.wakeup(Mono(0).after(3 * OVERFLOW_TIME), &mut out);
        assert_eq!(table.sessions().collect::<Vec<_>>(), [SessionId(2)], "for good");
    }
}
