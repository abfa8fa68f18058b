//! `degrade`: a bad line between these nodes and all others. What they send is late, or lost.
//!
//! Only what they send, so that a round trip takes `delay` longer, whoever begins it. Measured from
//! inside their networks: the median of the round trips of 200 datagrams to every other node, before and
//! since, and how many of them arrived.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, DOWNTIME, Fault, FaultEntry, Record, Targets},
    lines::{Lines, Way},
    paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, MINERS, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::Moment,
    line::{BadLine, Datagrams, PathSeen},
    seconds,
    text::short,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degrade {
    /// How much longer a packet takes.
    #[serde(with = "seconds")]
    pub delay: Duration,
    /// That it may be early or late, at most.
    #[serde(with = "seconds")]
    pub jitter: Duration,
    /// The share of packets that is lost, in thousandths of the whole: 20 is 2 %.
    pub loss: u32,
    /// At least so long; none: until `heal`.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "degrade",
    about: "gives nodes a bad line: what they send to all others is late, or lost",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Lines, Capability::BadLines],
    effect: "of 200 datagrams from each of them to every other node, the median round trip rose by `delay` (25 % more or less, 5 ms at least), and as many were lost as chance allows (four standard deviations, and one at least); measured again when a phase ends and before it heals",
    healed: "round trips and losses are as before it (the same tolerance); without `downtime`, `heal` ends it",
    example: r#"[[phases.faults]]
fault = "degrade"
nodes = "node-1"
delay = "200ms"
jitter = "50ms"
loss = "2%"
downtime = "20s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nothing is degraded",
            scenario: &[MINERS, DISCOVER, DEGRADE, ALL_ADVANCE],
            disturbance: Disturbance::LinesDoNothing,
            wanted: Wanted::Unproven("instead of"),
        },
        Control {
            name: "it heals too early",
            scenario: &[MINERS, DISCOVER, DEGRADE, ALL_ADVANCE],
            disturbance: Disturbance::LinesHealEarly,
            wanted: Wanted::Unproven("instead of"),
        },
        Control {
            name: "it stays after its heal",
            scenario: &[MINERS, DISCOVER, DEGRADE, ALL_ADVANCE],
            disturbance: Disturbance::LinesStay,
            wanted: Wanted::Unproven("instead of"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "delay",
        takes: Takes::Duration,
        given: Given::Else("none"),
        about: "how much longer what they send takes; `delay` or `loss` must be there",
    },
    Key {
        name: "jitter",
        takes: Takes::Duration,
        given: Given::Else("none"),
        about: "how much earlier or later than that, at most",
    },
    Key {
        name: "loss",
        takes: Takes::Share,
        given: Given::Else("none"),
        about: "the share of what they send that is lost",
    },
    DOWNTIME,
];

const DEGRADE: &str = r#"
[[phases]]
name = "a bad line"
[[phases.faults]]
fault = "degrade"
nodes = "node-1"
delay = "100ms"
loss = "10%"
downtime = "4s"
"#;

/// Of a round trip that is asked for.
const TOLERANCE: f64 = 0.25;

/// A round trip may differ by so much on a busy machine, whatever is asked for.
const SLACK: Duration = Duration::from_millis(5);

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Degrade> {
    let of = |key: &str, problems: &mut Problems| {
        table.duration(key, problems).map_or(Duration::ZERO, |written| written.value)
    };
    let (delay, jitter) = (of("delay", problems), of("jitter", problems));
    let loss = table.share("loss", problems);
    let downtime = table.duration("downtime", problems).map(|downtime| downtime.value);
    if let Some(loss) = loss.as_ref().filter(|loss| loss.value >= 1_000) {
        problems.error_hint(
            loss.span.clone(),
            "a line that loses everything is cut",
            "use `isolate`",
        );
    }
    if jitter > delay {
        problems.error(
            table.key_span("jitter"),
            "`jitter` is longer than `delay`: no packet can arrive before it was sent",
        );
    }
    let loss = loss.map_or(0, |loss| loss.value);
    if delay.is_zero() && loss == 0 {
        problems.error_hint(
            table.span.clone(),
            "a bad line without `delay` or `loss` is a good one",
            "write delay = \"200ms\", or loss = \"2%\"",
        );
    }
    if !delay.is_zero() && delay <= SLACK * 2 && loss == 0 {
        problems.error_hint(
            table.key_span("delay"),
            format!("a delay of {} cannot be told from a busy machine's own", short(delay)),
            "write delay = \"25ms\" or more",
        );
    }
    Some(Degrade { delay, jitter, loss, downtime })
}

impl Fault for Degrade {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn condition(&self) -> Condition {
        Condition::Parted
    }

    fn lines(&self, nodes: &[String], network: &[String]) -> Lines {
        let mut lines = Lines::default();
        for (from, to) in ways(nodes, network) {
            lines.spoil(&from, &to, self.line());
        }
        lines
    }

    fn ways(&self, nodes: &[String], network: &[String]) -> (Vec<Way>, Datagrams) {
        (ways(nodes, network), Datagrams::Many)
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        self.measured(record, (record.asked, record.to), self.delay, self.loss)?;
        paths::all_answer(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        self.measured(record, (record.asked, record.until), self.delay, self.loss)
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn undone(&self, record: &Record<'_>) -> Result<(), String> {
        self.measured(record, (record.until, record.to), Duration::ZERO, 0)
    }

    fn has_healed(&self, _: &Record<'_>) -> Result<(), String> {
        Ok(())
    }
}

impl Degrade {
    fn line(&self) -> BadLine {
        let loss = f64::from(self.loss) / 10.0;
        BadLine { delay: self.delay, jitter: self.jitter, loss, rate: None }
    }

    /// The last round between two moments against the first one of the fault, which came before it took
    /// effect.
    fn measured(
        &self,
        record: &Record<'_>,
        (from, to): (Moment, Moment),
        delay: Duration,
        loss: u32,
    ) -> Result<(), String> {
        let (mut sent, mut lost) = (0_u32, 0_u32);
        let ways = ways(&paths::nodes(record), record.network);
        for way in ways.iter().filter(|way| paths::can_be_tried(record, way)) {
            let first = looks(record, way, (record.asked, record.to)).next();
            let last = looks(record, way, (from, to)).next_back();
            let (Some(before), Some(now)) = (first, last) else {
                return Err(format!("the way from {} to {} was not measured", way.0, way.1));
            };
            if std::ptr::eq(before, now) {
                return Err(format!("the way from {} to {} was not measured twice", way.0, way.1));
            };
            let trip = |path: &PathSeen| path.round_trip_us.map(Duration::from_micros);
            let (Some(before), Some(trip)) = (trip(before), trip(now)) else {
                return Err(format!("nothing came back on the way from {} to {}", way.0, way.1));
            };
            let wanted = before + delay;
            let off = trip.abs_diff(wanted);
            if off > self.delay.mul_f64(TOLERANCE).max(SLACK) {
                return Err(format!(
                    "a round trip from {} to {} takes {} instead of {}",
                    way.0,
                    way.1,
                    short(trip),
                    short(wanted)
                ));
            }
            sent += now.sent;
            lost += now.sent.saturating_sub(now.arrived);
        }
        as_many(sent, lost, loss)
    }
}

/// Losses are as chance allows.
fn as_many(sent: u32, lost: u32, loss: u32) -> Result<(), String> {
    if sent == 0 {
        return Err("no way between nodes that run was measured".to_owned());
    }
    let (sent, share) = (f64::from(sent), f64::from(loss) / 1_000.0);
    let (wanted, spread) = (sent * share, (sent * share * (1.0 - share)).sqrt());
    // A good line may lose one in a hundred to a machine that is busy.
    let most = if loss == 0 { sent / 100.0 } else { wanted + 4.0 * spread };
    let least = if loss == 0 { 0.0 } else { (wanted - 4.0 * spread).max(1.0) };
    let lost = f64::from(lost);
    if lost < least || lost > most {
        return Err(format!("{lost} of {sent} datagrams were lost instead of {wanted:.0}"));
    }
    Ok(())
}

/// Every look at a way between two moments that counted losses.
fn looks<'a>(
    record: &Record<'a>,
    way: &Way,
    (from, to): (Moment, Moment),
) -> impl DoubleEndedIterator<Item = &'a PathSeen> {
    let of = record.history.path_rounds(from, to).flat_map(|round| &round.paths);
    of.filter(move |path| {
        (&path.from, &path.to) == (&way.0, &way.1) && path.sent >= Datagrams::Many.count()
    })
}

/// From each of these nodes to every other.
fn ways(nodes: &[String], network: &[String]) -> Vec<Way> {
    let others = || network.iter().filter(|other| !nodes.contains(other));
    nodes.iter().flat_map(|node| others().map(|other| (node.clone(), other.clone()))).collect()
}
