//! The verdict as text, for a person who is tired: what passed, what did not, what was seen
//! instead, and where the evidence is. Reads a [`Verdict`] and nothing else.

use std::fmt::{self, Write};

use crate::{
    bundle::Sha256Hex,
    event::CheckVerdict,
    text::printable,
    verdict::{CheckResult, Figures, RunVerdict, Verdict},
};

/// Whether marks and the last line are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// A verdict, ready to be displayed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What is shown.
    pub verdict: &'a Verdict,
    /// Where its evidence is.
    pub evidence: &'a std::path::Path,
    /// Of its evidence, if that is whole.
    pub digest: Option<Sha256Hex>,
    /// Colours or not.
    pub colour: Colour,
}

/// The bundle's page.
pub const REPORT: &str = "report.html";

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict;
        writeln!(f, "{} · run {} · started {}", verdict.scenario, verdict.run, verdict.started)?;
        for (number, phase) in verdict.phases.iter().enumerate() {
            let name = printable(&phase.name);
            if !phase.was_reached() {
                writeln!(f, "\n  {}. {name}: not reached", number + 1)?;
                continue;
            }
            writeln!(f, "\n  {}. {name}", number + 1)?;
            for fault in &phase.faults {
                let (mark, proof) = match (&fault.proof, &fault.reason) {
                    (Some(proof), _) => (self.paint("✓", GREEN), proof.as_str()),
                    (None, Some(reason)) => (self.paint("?", YELLOW), reason.as_str()),
                    (None, None) => (self.paint("·", YELLOW), "not done"),
                };
                writeln!(f, "     {mark} fault {} of {}", fault.fault, fault.selector)?;
                for part in proof.split("; ") {
                    writeln!(f, "         {}", printable(part))?;
                }
            }
            for check in &phase.checks {
                self.check(check, f)?;
            }
        }
        writeln!(f)?;
        self.times(&verdict.figures, f)?;
        writeln!(f, "  evidence: {}", self.evidence.display())?;
        if let Some(digest) = self.digest {
            writeln!(f, "  report: {}", self.evidence.join(REPORT).display())?;
            writeln!(f, "  digest: {digest}")?;
        }
        self.last_line(f)
    }
}

impl Text<'_> {
    fn check(&self, check: &CheckResult, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match check.verdict {
            CheckVerdict::Pass => self.paint("✓", GREEN),
            CheckVerdict::Fail => self.paint("✗", RED),
            CheckVerdict::Inconclusive => self.paint("?", YELLOW),
            CheckVerdict::NotJudged => self.paint("·", YELLOW),
        };
        write!(f, "     {mark} {} of {}", check.check, check.selector)?;
        match check.seconds {
            Some(seconds) => writeln!(f, " ({seconds:.1} s): {}", printable(&check.reason))?,
            None => writeln!(f, ": {}", printable(&check.reason))?,
        }
        if matches!(check.verdict, CheckVerdict::Fail | CheckVerdict::Inconclusive) {
            writeln!(f, "         expected: {}", printable(&check.expected))?;
        }
        if !check.observed.is_empty() {
            let mut seen = String::new();
            // Several lines are a node's own; one line is ours, a part for each node.
            let separator = if check.observed.contains('\n') { "\n" } else { "; " };
            for line in check.observed.split(separator) {
                write!(seen, "\n           {}", printable(line))?;
            }
            writeln!(f, "         seen:{seen}")?;
        }
        Ok(())
    }

    fn times(&self, figures: &Figures, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &str, seconds: Option<f64>| {
            seconds.map(|seconds| format!("{name} {seconds:.1} s"))
        };
        let parts: Vec<String> = [
            part("prepare", figures.prepare_seconds),
            part("start", figures.start_seconds),
            part("phases", figures.phases_seconds),
            part("clean-up", figures.teardown_seconds),
        ]
        .into_iter()
        .flatten()
        .collect();
        write!(f, "  total {:.1} s", self.verdict.seconds)?;
        if !parts.is_empty() {
            write!(f, " ({})", parts.join(", "))?;
        }
        if let Some(overhead) = figures.overhead_seconds {
            write!(f, "; overhead beyond the scenario's own time {overhead:.1} s")?;
        }
        writeln!(f)?;
        if let Some(seconds) = figures.last_start_to_peers_seconds {
            writeln!(f, "  peers {seconds:.2} s after the last start")?;
        }
        if let Some(seconds) = figures.recovery_seconds {
            writeln!(f, "  recovered {seconds:.2} s after the fault healed")?;
        }
        Ok(())
    }

    fn last_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colour = match self.verdict.verdict {
            RunVerdict::Pass => GREEN,
            RunVerdict::Fail => RED,
            RunVerdict::Inconclusive | RunVerdict::Environment | RunVerdict::Interrupted => YELLOW,
        };
        let word = self.verdict.verdict.word();
        write!(f, "{} {}", self.paint(word, colour), self.verdict.scenario)?;
        match &self.verdict.reason {
            // A reason may have several lines: what happened, and what to do.
            Some(reason) => {
                writeln!(f, ": {}", reason.lines().map(printable).collect::<Vec<_>>().join("\n  "))
            }
            None => writeln!(f, ": every check passed"),
        }
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        match self.colour {
            Colour::On => format!("\u{1b}[1;{colour}m{text}\u{1b}[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        event::{CheckId, Event, EventKind, FaultId, Finding, Moment},
        scenario::testing::three_node,
        verdict::Ledger,
    };

    /// A ledger of the shipped scenario, fed with these events.
    fn verdict(events: Vec<(u64, EventKind)>) -> Verdict {
        let mut ledger = Ledger::new("0123456789".to_owned(), three_node());
        let began = EventKind::RunStarted {
            version: 1,
            run: "0123456789".to_owned(),
            scenario: "three-node".to_owned(),
            seed: 0,
        };
        ledger.record(&Event {
            seq: 0,
            at_ms: Moment(0),
            wall: "1970-01-01T00:00:00.000Z".to_owned(),
            what: began,
        });
        for (seq, (at, what)) in (1..).zip(events) {
            ledger.record(&Event { seq, at_ms: Moment(at), wall: String::new(), what });
        }
        ledger.verdict()
    }

    fn show(verdict: &Verdict) -> String {
        Text { verdict, evidence: Path::new("/runs/one"), digest: None, colour: Colour::Off }
            .to_string()
    }

    fn settled(
        phase: usize,
        check: usize,
        verdict: CheckVerdict,
        reason: &str,
        observed: &str,
        held: Option<u64>,
    ) -> [EventKind; 2] {
        let check = CheckId { phase, check };
        let finding = Finding {
            verdict,
            reason: reason.to_owned(),
            observed: observed.to_owned(),
            held_since: held.map(Moment),
        };
        [EventKind::CheckStarted { check }, EventKind::CheckSettled { check, finding }]
    }

    fn started() -> Vec<(u64, EventKind)> {
        vec![
            (
                900,
                EventKind::Prepared {
                    provider: "process".to_owned(),
                    facts: serde_json::Value::Null,
                },
            ),
            (1000, EventKind::AllStarted),
            (1000, EventKind::PhaseStarted { phase: 0 }),
        ]
    }

    fn first_phase() -> Vec<(u64, EventKind)> {
        let mut events = started();
        for (check, observed) in
            ["node-1: 2; node-2: 2", "seed: 2", "node-1: 0 → 6 (+6); node-2: 0 → 6 (+6)"]
                .into_iter()
                .enumerate()
        {
            let [start, settle] = settled(
                0,
                check,
                CheckVerdict::Pass,
                "held for 2.0 s, distinct peer IDs agree",
                observed,
                Some(1150),
            );
            events.extend([(1000, start), (3200, settle)]);
        }
        events.push((3200, EventKind::PhaseEnded { phase: 0 }));
        events
    }

    fn torn_down(events: &mut Vec<(u64, EventKind)>, at: u64) {
        events.extend([
            (at, EventKind::TeardownStarted),
            (at + 300, EventKind::TornDown { left: None }),
        ]);
    }

    #[test]
    fn a_pass_with_its_times() {
        let fault = FaultId { phase: 1, fault: 0 };
        let mut events = first_phase();
        events.extend([
            (3200, EventKind::PhaseStarted { phase: 1 }),
            (
                3500,
                EventKind::FaultEffective {
                    fault,
                    nodes: vec!["seed".to_owned()],
                    since: Moment(3300),
                    proof: "seed down: ended with code 0 after 40 ms".to_owned(),
                },
            ),
        ]);
        let [start, settle] = settled(
            1,
            0,
            CheckVerdict::Pass,
            "rose, and stayed for 2.0 s",
            "node-1: 6 → 8 (+2); node-2: 6 → 8 (+2)",
            Some(7000),
        );
        events.extend([(3500, start), (9000, settle)]);
        events.push((
            9500,
            EventKind::FaultHealed {
                fault,
                since: Moment(9100),
                proof: "seed back: process 1 → 2, answered after 60 ms".to_owned(),
            },
        ));
        events.extend([
            (9500, EventKind::PhaseEnded { phase: 1 }),
            (9500, EventKind::PhaseStarted { phase: 2 }),
        ]);
        for check in 0..3 {
            let [start, settle] =
                settled(2, check, CheckVerdict::Pass, "as it should be", "", Some(9900));
            events.extend([(9500, start), (12_000, settle)]);
        }
        events.push((12_000, EventKind::PhaseEnded { phase: 2 }));
        torn_down(&mut events, 12_000);
        let verdict = verdict(events);
        assert_eq!(verdict.exit_code, 0);
        insta::assert_snapshot!("pass", show(&verdict));
        insta::assert_snapshot!("pass_json", serde_json::to_string_pretty(&verdict).unwrap());
    }

    #[test]
    fn a_failed_check_says_what_was_expected_and_what_was_seen() {
        let mut events = started();
        let [start, settle] = settled(
            0,
            0,
            CheckVerdict::Fail,
            "did not hold for 2.0 s by the deadline",
            "node-1: 1; node-2: unreachable (connection refused)",
            None,
        );
        events.extend([
            (1000, start),
            (61_000, settle),
            (61_000, EventKind::PhaseEnded { phase: 0 }),
        ]);
        torn_down(&mut events, 61_000);
        insta::assert_snapshot!("fail", show(&verdict(events)));
    }

    #[test]
    fn a_fault_without_proof_leaves_its_phase_unjudged() {
        let mut events = first_phase();
        let reason = "seed was stopped, but it still runs as process 7".to_owned();
        events.extend([
            (3200, EventKind::PhaseStarted { phase: 1 }),
            (9200, EventKind::FaultUnproven { fault: FaultId { phase: 1, fault: 0 }, reason }),
        ]);
        events.push((9200, EventKind::PhaseEnded { phase: 1 }));
        torn_down(&mut events, 9200);
        let verdict = verdict(events);
        assert_eq!(verdict.exit_code, 2);
        insta::assert_snapshot!("inconclusive", show(&verdict));
    }

    #[test]
    fn a_node_that_exited_shows_its_last_words_and_they_cannot_write_on_the_terminal() {
        let mut events = started();
        let last_lines =
            vec!["opening the database".to_owned(), "\u{1b}[2Jdisk\u{7} on fire\r".to_owned()];
        events.push((
            1500,
            EventKind::NodeExited {
                node: "node-2".to_owned(),
                code: Some(7),
                signal: None,
                why: None,
                last_lines,
            },
        ));
        torn_down(&mut events, 1500);
        insta::assert_snapshot!("exited", show(&verdict(events)));
    }

    #[test]
    fn what_came_first_decides_and_an_interrupt_is_above_all() {
        let failed =
            || settled(0, 0, CheckVerdict::Fail, "no", "", None).map(|what| (1000, what)).to_vec();
        let unproven = (
            2000,
            EventKind::FaultUnproven {
                fault: FaultId { phase: 1, fault: 0 },
                reason: "no".to_owned(),
            },
        );
        let environment = (
            2000,
            EventKind::EnvironmentFailed { reason: "no disk".to_owned(), unsupported: false },
        );
        let interrupted =
            (3000, EventKind::Interrupted { signal: "SIGTERM".to_owned(), number: 15 });
        let code = |events: &[Vec<(u64, EventKind)>]| verdict(events.concat()).exit_code;
        assert_eq!(
            code(&[failed(), vec![unproven.clone()]]),
            1,
            "a failure before stays a failure"
        );
        assert_eq!(code(&[failed(), vec![environment.clone()]]), 1);
        assert_eq!(code(&[vec![unproven], vec![environment]]), 3);
        assert_eq!(code(&[failed(), vec![interrupted]]), 143);
        assert_eq!(code(&[vec![(0, EventKind::ClockJumped { ms: 60_000 })]]), 2);
        assert_eq!(code(&[vec![(0, EventKind::NodeUnseen { node: "seed".into() })]]), 2);
        assert_eq!(code(&[vec![(0, EventKind::HarnessBroken { reason: "x".to_owned() })]]), 70);
        assert_eq!(
            code(&[vec![(
                0,
                EventKind::EnvironmentFailed {
                    reason: "released node".to_owned(),
                    unsupported: true
                }
            )]]),
            4
        );
        assert_eq!(code(&[]), 2, "nothing judged is no pass");
        assert_eq!(code(&[first_phase()]), 2, "nor is a part of it");
    }
}
