//! What the record of a run says about a fault: the engine's or operating system's word on the
//! nodes, and questions that nobody answered. Pure, so that what proved a fault while it was done
//! proves it again when its bundle is verified.

use super::entry::Record;
use crate::{
    event::{Moment, Sample},
    history::{History, StateSeen},
    node::{Incarnation, NodeState},
};

/// Questions in a row without an answer that a node which is down needs.
pub const UNANSWERED: usize = 2;

/// What is said of a node that was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down<'a> {
    /// The last word on it.
    pub state: Option<&'a NodeState>,
    /// Its last questions, in a row, without an answer.
    pub unanswered: usize,
}

/// What is said of `node` since `asked`, by `to`.
pub fn down<'a>(history: &'a History, node: &str, asked: Moment, to: Moment) -> Down<'a> {
    let refused = history.refused(node, asked, to).last().map_or(asked, |sample| sample.answered);
    Down {
        state: history.states(node, asked, to).last().map(|seen| &seen.state),
        unanswered: history
            .samples(node, refused, to)
            .iter()
            .rev()
            .take_while(|sample| is_silent(sample))
            .count(),
    }
}

impl Down<'_> {
    /// Code and signal of its end, if everything that proves it is there.
    pub fn proven(&self) -> Option<(Option<i64>, Option<i64>)> {
        match self.state {
            Some(NodeState::Exited { code, signal }) if self.unanswered >= UNANSWERED => {
                Some((*code, *signal))
            }
            Some(NodeState::Exited { .. } | NodeState::Running(_) | NodeState::Frozen(_))
            | None => None,
        }
    }

    /// What is not there, in words.
    pub fn missing(&self) -> String {
        let state = match self.state {
            None => "was not looked at".to_owned(),
            Some(NodeState::Running(incarnation)) => {
                format!("still runs as {}", incarnation.words())
            }
            Some(NodeState::Frozen(incarnation)) => {
                format!("is frozen as {}", incarnation.words())
            }
            Some(NodeState::Exited { .. }) => "has ended".to_owned(),
        };
        format!(
            "it {state} and {} questions in a row are unanswered ({UNANSWERED} are needed)",
            self.unanswered
        )
    }
}

/// A sign of life between two moments of a node that should be down since `from`: what it did.
pub fn sign_of_life(
    history: &History,
    node: &str,
    from: Moment,
    to: Moment,
) -> Option<&'static str> {
    if runs(history.states(node, from, to), from) {
        return Some("runs");
    }
    let answered = history.samples(node, from, to).iter().any(|sample| !is_silent(sample));
    (answered || !history.refused(node, from, to).is_empty()).then_some("answered")
}

/// The same for the time until its start number `start`, from the record alone: that it was down
/// was looked at right before it was started again. What its new process said before its start was
/// recorded is no sign of the old one.
pub fn sign_of_life_until_start(
    history: &History,
    node: &str,
    from: Moment,
    start: u32,
) -> Option<&'static str> {
    let started = history.start(node, start).map_or(from, |start| start.at);
    let states = history.states(node, from, started);
    let down = states.iter().rposition(|seen| !seen.state.is_running()).unwrap_or(0);
    if runs(&states[..down], from) {
        return Some("runs");
    }
    let until = states.get(down).map_or(from, |seen| seen.at);
    history
        .samples(node, from, until)
        .iter()
        .chain(history.refused(node, from, until))
        .any(|sample| sample.start < start && !is_silent(sample))
        .then_some("answered")
}

/// Somebody saw it run. What was seen in the very millisecond in which it was stopped may have been
/// seen before that.
fn runs(states: &[StateSeen], from: Moment) -> bool {
    states
        .iter()
        .skip_while(|seen| seen.at == from && seen.state.is_running())
        .any(|seen| seen.state.is_running())
}

/// What is said of a node's new start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Back<'a> {
    /// The process before it.
    pub before: Option<&'a Incarnation>,
    /// The new one.
    pub now: Option<&'a Incarnation>,
    /// When it first answered.
    pub answered: Option<Moment>,
    /// The last word on it is that it runs.
    pub running: bool,
}

/// What is said of the start number `start` of `node`, by `to`.
pub fn back<'a>(history: &'a History, node: &str, start: u32, to: Moment) -> Back<'a> {
    let now = history.start(node, start);
    let since = now.map_or(to, |now| now.at);
    let first = history
        .samples(node, Moment(0), to)
        .iter()
        .chain(history.refused(node, Moment(0), to))
        .filter(|sample| sample.start == start && !is_silent(sample))
        .min_by_key(|sample| sample.answered);
    Back {
        before: start.checked_sub(1).and_then(|before| history.start(node, before)).map(|before| &before.incarnation),
        now: now.map(|now| &now.incarnation),
        answered: first.map(|sample| sample.answered),
        running: history
            .states(node, since, to)
            .last()
            .is_some_and(|seen| matches!((&seen.state, now), (NodeState::Running(seen), Some(now)) if *seen == now.incarnation)),
    }
}

impl Back<'_> {
    /// It is another process than before.
    pub fn is_another(&self) -> bool {
        match (self.before, self.now) {
            (Some(before), Some(now)) => !same_process(before, now),
            (None, _) | (_, None) => false,
        }
    }

    /// When it first answered, if everything that proves it is there.
    pub fn proven(&self) -> Option<Moment> {
        self.answered.filter(|_| self.running && self.is_another())
    }
}

/// All nodes are down: several are proven one after the other, and the first may have come back
/// meanwhile.
pub(super) fn all_down(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let down = down(record.history, node, record.asked, record.to);
        let proven = down.proven().map(|_| ());
        proven.ok_or_else(|| format!("of {node} the record says that {}", down.missing()))
    })
}

/// No node has given a sign of life since it was hit.
pub(super) fn all_stayed_down(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        no_sign(node, sign_of_life(record.history, node, *since, record.to))
    })
}

/// All nodes were started again since they were hit, and are back.
pub(super) fn all_started_again(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let start = record.history.last_start(node).filter(|(_, start)| start.at >= *since);
        let (number, _) = start.ok_or_else(|| format!("{node} was not started again"))?;
        let back = back(record.history, node, number, record.to);
        back.proven().map(|_| ()).ok_or_else(|| format!("nothing shows that {node} is back"))
    })
}

/// All nodes were down from when they were hit until they were started again, and are back.
pub(super) fn all_back(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let (number, start) = record
            .history
            .last_start(node)
            .ok_or_else(|| format!("{node} is back and was never started"))?;
        if start.at < *since {
            return Err(format!("{node} is back and was not started again"));
        }
        no_sign(node, sign_of_life_until_start(record.history, node, *since, number))?;
        let back = back(record.history, node, number, record.to);
        back.proven().map(|_| ()).ok_or_else(|| format!("nothing shows that {node} is back"))
    })
}

fn no_sign(node: &str, sign: Option<&'static str>) -> Result<(), String> {
    match sign {
        Some(what) => Err(format!("{node} {what} although it should have been down all the time")),
        None => Ok(()),
    }
}

/// Neither the ID nor the time of its start has changed.
pub fn same_process(before: &Incarnation, after: &Incarnation) -> bool {
    before.pid == after.pid && before.started == after.started
}

/// Nothing came back to any question of the round.
fn is_silent(sample: &Sample) -> bool {
    sample.peers.is_silent() && sample.height.is_silent()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{
        check::testing::{Seen, incarnation, unreachable},
        event::{Miss, Reading},
    };

    const RUNS: bool = true;
    const ENDED: bool = false;

    fn silent(_: u64, sample: &mut Sample) {
        (sample.peers, sample.distinct, sample.height) = (unreachable(), None, unreachable());
    }

    /// Of the seed, hit at `since`.
    fn record(seen: &Seen, since: u64) -> Record<'_> {
        let hit = Box::leak(Box::new([("seed".to_owned(), Moment(since))]));
        of(&seen.history, hit, since, u64::MAX)
    }

    /// Of these nodes, asked about from then to then, while no line is cut.
    pub(in crate::fault) fn of<'a>(
        history: &'a History,
        hit: &'a [(String, Moment)],
        asked: u64,
        to: u64,
    ) -> Record<'a> {
        let lines = Box::leak(Box::default());
        let (asked, to) = (Moment(asked), Moment(to));
        Record { history, hit, asked, lines, network: &[], until: to, to }
    }

    fn proof(seen: &Seen) -> Option<(Option<i64>, Option<i64>)> {
        down(&seen.history, "seed", Moment(1_000), Moment(5_000)).proven()
    }

    fn busy(_: u64, sample: &mut Sample) {
        sample.peers = Reading::Missing(Miss::Busy { retry_ms: None });
    }

    /// It says nothing of a node's state but that the node lives.
    #[test]
    fn a_wish_to_be_asked_later_is_a_sign_of_life() {
        let mut seen =
            Seen::default().poll("seed", 1_000, 1_500, silent).poll("seed", 1_750, 2_000, busy);
        seen.state("seed", 1_500, ENDED);
        let of = |from| sign_of_life(&seen.history, "seed", Moment(from), Moment(5_000));
        assert_eq!((of(1_600), of(2_100)), (Some("answered"), None));
        assert_eq!(proof(&seen), None, "what was unanswered before it does not count");
        let mut again = Seen::default().poll("seed", 1_000, 1_250, busy);
        again.started("seed", 500, 0, incarnation(7));
        let back = back(&again.history, "seed", 0, Moment(5_000));
        assert!(back.answered.is_some_and(|at| at >= Moment(1_000)), "{back:?}");
    }

    #[test]
    fn down_is_ended_and_two_questions_unanswered_after_it_was_asked() {
        let ended = |from, to| {
            let mut seen = Seen::default().poll("seed", from, to, silent);
            seen.state("seed", 1_500, ENDED);
            seen
        };
        assert_eq!(proof(&ended(1_000, 1_500)), Some((Some(0), None)));
        assert_eq!(proof(&ended(1_000, 1_250)), None, "one question");
        assert_eq!(proof(&ended(500, 1_000)), None, "asked before");
        assert_eq!(
            down(&ended(1_000, 1_250).history, "seed", Moment(0), Moment(5_000)).missing(),
            "it has ended and 1 questions in a row are unanswered (2 are needed)"
        );
        let all = |seen: &Seen| all_down(&record(seen, 1_000));
        assert_eq!(all(&ended(1_000, 1_500)), Ok(()));
        let haunting = ended(1_000, 1_500).poll("seed", 2_000, 2_250, |_, _| {});
        assert_eq!(
            all(&haunting).as_ref().map_err(String::as_str),
            Err(
                "of seed the record says that it has ended and 0 questions in a row are unanswered (2 are needed)"
            )
        );
    }

    #[test]
    fn a_node_that_runs_or_answers_or_was_not_looked_at_is_not_down() {
        let silence = || Seen::default().poll("seed", 1_000, 2_000, silent);
        assert_eq!(proof(&silence()), None, "nobody looked");
        let mut runs = silence();
        runs.state("seed", 1_200, ENDED);
        runs.state("seed", 1_500, RUNS);
        assert_eq!(proof(&runs), None, "the last word counts");
        let mut half =
            Seen::default().poll("seed", 1_000, 2_000, |_, sample| sample.peers = unreachable());
        half.state("seed", 1_500, ENDED);
        assert_eq!(proof(&half), None, "half of an answer is one");
        let mut null = Seen::default().poll("seed", 1_000, 2_000, |_, sample| {
            (sample.peers, sample.height) =
                (Reading::Missing(Miss::Null), Reading::Missing(Miss::Null));
        });
        null.state("seed", 1_500, ENDED);
        assert_eq!(proof(&null), None, "null is an answer");
        let mut between = Seen::default()
            .poll("seed", 1_000, 1_250, silent)
            .poll("seed", 1_250, 1_500, |_, _| {})
            .poll("seed", 1_500, 1_750, silent);
        between.state("seed", 1_500, ENDED);
        assert_eq!(proof(&between), None, "in a row");
    }

    #[test]
    fn signs_of_life_are_looked_for_between_two_moments() {
        let mut seen = Seen::default()
            .poll("seed", 0, 1_000, |_, _| {})
            .poll("seed", 1_000, 3_000, silent)
            .poll("seed", 3_000, 4_000, |_, _| {});
        seen.state("seed", 900, RUNS);
        seen.state("seed", 2_000, ENDED);
        let sign =
            |seen: &Seen, from, to| sign_of_life(&seen.history, "seed", Moment(from), Moment(to));
        assert_eq!(sign(&seen, 1_000, 3_000), None);
        assert_eq!(sign(&seen, 1_000, 3_005), Some("answered"));
        assert_eq!(
            sign(&seen, 900, 2_900),
            None,
            "seen to run in the moment in which it was stopped"
        );
        assert_eq!(sign(&seen, 899, 2_900), Some("runs"));
    }

    #[test]
    fn until_its_next_start_only_the_old_process_can_give_a_sign_of_life() {
        let incarnation =
            |pid| Incarnation { pid, started: SystemTime::UNIX_EPOCH, id: String::new() };
        // Stopped at 1 s; last seen to be down at 3.9 s; its second start is recorded at 4 s.
        let down = |more: &[(u64, bool)], change: &dyn Fn(u64, &mut Sample)| {
            let mut seen = Seen::default();
            seen.started("seed", 0, 0, incarnation(7));
            let mut states = [&[(1_000, RUNS), (1_500, ENDED), (3_900, ENDED)], more].concat();
            states.sort_unstable();
            states.iter().for_each(|&(at, runs)| seen.state("seed", at, runs));
            seen.started("seed", 4_000, 1, incarnation(8));
            let seen = seen.poll("seed", 1_000, 4_000, |at, sample| {
                silent(at, sample);
                change(at, sample);
            });
            sign_of_life_until_start(&seen.history, "seed", Moment(1_000), 1)
        };
        let answered_at = |when: u64, start: u32| {
            move |at: u64, sample: &mut Sample| {
                if at == when {
                    // Half of an answer is one.
                    (sample.start, sample.peers) = (start, Reading::Value(2));
                }
            }
        };
        assert_eq!(down(&[], &answered_at(0, 0)), None);
        assert_eq!(down(&[(2_500, RUNS)], &answered_at(0, 0)), Some("runs"));
        assert_eq!(
            down(&[(3_950, RUNS)], &answered_at(0, 0)),
            None,
            "the new process, before its start was recorded"
        );
        assert_eq!(down(&[], &answered_at(2_500, 0)), Some("answered"));
        assert_eq!(down(&[], &answered_at(3_750, 1)), None, "the new process");
        // Without a word on it nothing is known of the time before its start.
        let unseen = Seen::default().poll("seed", 1_000, 4_000, |_, _| {});
        assert_eq!(sign_of_life_until_start(&unseen.history, "seed", Moment(1_001), 1), None);
    }

    #[test]
    fn back_is_another_process_that_runs_and_has_answered() {
        let incarnation = |pid, started: u64| Incarnation {
            pid,
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(started),
            id: String::new(),
        };
        let seen = |second: &Incarnation, answers: bool, runs: bool| {
            let mut seen = Seen::default();
            seen.started("seed", 0, 0, incarnation(7, 1));
            // What the process before it answered is not its answer.
            seen = seen.poll("seed", 0, 1_000, |_, _| {});
            seen.started("seed", 1_000, 1, second.clone());
            seen = seen.poll("seed", 1_000, 2_000, |_, sample| {
                if answers { sample.start = 1 } else { silent(0, sample) }
            });
            let state = if runs {
                NodeState::Running(second.clone())
            } else {
                NodeState::Exited { code: Some(0), signal: None }
            };
            seen.said("seed", 1_500, state);
            seen
        };
        let proven = |seen: &Seen| back(&seen.history, "seed", 1, Moment(5_000)).proven();
        assert_eq!(proven(&seen(&incarnation(8, 2), true, true)), Some(Moment(1_005)));
        assert_eq!(
            proven(&seen(&incarnation(7, 2), true, true)),
            Some(Moment(1_005)),
            "a process ID that was used again, started later"
        );
        assert_eq!(
            proven(&seen(&incarnation(8, 1), true, true)),
            Some(Moment(1_005)),
            "another one, started in the same moment"
        );
        assert_eq!(proven(&seen(&incarnation(7, 1), true, true)), None, "the same process");
        assert_eq!(proven(&seen(&incarnation(8, 2), false, true)), None, "it does not answer");
        assert_eq!(proven(&seen(&incarnation(8, 2), true, false)), None, "it has ended again");
        let all = |seen: &Seen, since| all_back(&record(seen, since));
        assert_eq!(all(&seen(&incarnation(8, 2), true, true), 500), Ok(()));
        let mut ended = seen(&incarnation(8, 2), true, true);
        ended.state("seed", 2_000, ENDED);
        assert_eq!(all(&ended, 500), Err("nothing shows that seed is back".to_owned()));
        let early = all(&seen(&incarnation(8, 2), true, true), 1_001);
        assert_eq!(early, Err("seed is back and was not started again".to_owned()));
        let never = all(&Seen::default(), 0);
        assert_eq!(never, Err("seed is back and was never started".to_owned()));
        assert_eq!(
            back(&seen(&incarnation(8, 2), true, true).history, "seed", 0, Moment(5_000)).proven(),
            None,
            "a first start is no return"
        );
    }
}
