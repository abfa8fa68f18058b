//! Whether a verdict is what its control wants: red, for its own reason, and nothing else red.
//! Pure.

use super::list::{Case, Kind};
use crate::{
    control::Wanted,
    event::CheckVerdict,
    exit::ExitCode,
    verdict::{CheckResult, Verdict},
};

/// What was seen if it is what was wanted, else what is wrong with it.
pub fn judge(case: &Case, verdict: &Verdict) -> Result<String, String> {
    let checks = || verdict.phases.iter().flat_map(|phase| &phase.checks);
    let mine = |check: &&CheckResult| case.kind == Kind::Check && check.check == case.subject;
    let red = |check: &&CheckResult| {
        matches!(check.verdict, CheckVerdict::Fail | CheckVerdict::Inconclusive)
    };
    let reason = verdict.reason.clone().unwrap_or_default();
    let wanted = exit(case.control.wanted);
    if verdict.exit != wanted {
        return Err(format!(
            "exit code {} instead of {}: {reason}",
            verdict.exit_code,
            wanted.code()
        ));
    }
    let is_broken = matches!(case.control.wanted, Wanted::Broken(_));
    if let Some(other) =
        checks().filter(red).find(|check| !(mine(check) || is_broken && check.check == "alive"))
    {
        return Err(format!(
            "{} of {} is red too: {}",
            other.check,
            other.nodes.join(", "),
            other.reason
        ));
    }
    let said = |part: &str| {
        if reason.contains(part) {
            Ok(reason.clone())
        } else {
            Err(format!("`{part}` is not in: {reason}"))
        }
    };
    match case.control.wanted {
        Wanted::Pass => Ok("every check passed".to_owned()),
        Wanted::Check(how, part) => {
            let mine: Vec<&CheckResult> = checks().filter(mine).filter(red).collect();
            red_as_wanted(&mine, how, part, &reason)
        }
        Wanted::Unproven(part) => {
            let without = verdict
                .phases
                .iter()
                .flat_map(|phase| &phase.faults)
                .any(|fault| fault.proof.is_none() && fault.reason.is_some());
            if without { said(part) } else { Err(format!("every fault has a proof: {reason}")) }
        }
        Wanted::Broken(part) => said(part),
    }
}

/// The red decisions of the check itself, of which there must be one, are all this one, and the first
/// says so.
fn red_as_wanted(
    red: &[&CheckResult],
    how: CheckVerdict,
    part: &str,
    reason: &str,
) -> Result<String, String> {
    let first = red.first().ok_or_else(|| format!("the check itself is not red: {reason}"))?;
    if let Some(other) = red.iter().find(|check| check.verdict != how) {
        return Err(format!(
            "{} is {:?} instead of {how:?}: {}",
            other.check, other.verdict, other.reason
        ));
    }
    if first.reason.contains(part) || first.observed.contains(part) {
        Ok(first.reason.clone())
    } else {
        Err(format!("`{part}` is not in: {} ({})", first.reason, first.observed))
    }
}

/// The run's exit code for what is wanted.
fn exit(wanted: Wanted) -> ExitCode {
    match wanted {
        Wanted::Pass => ExitCode::Pass,
        Wanted::Check(CheckVerdict::Fail, _) | Wanted::Broken(_) => ExitCode::Fail,
        Wanted::Check(
            CheckVerdict::Inconclusive | CheckVerdict::NotJudged | CheckVerdict::Pass,
            _,
        )
        | Wanted::Unproven(_) => ExitCode::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{CheckId, Event, EventKind, FaultId, Finding, Moment},
        scenario::testing::plan,
        selftest::list,
        verdict::Ledger,
    };

    /// What is said of a control in whose first phase this happened.
    fn said_of(
        control: &str,
        events: impl IntoIterator<Item = EventKind>,
    ) -> Result<String, String> {
        let case = list::all().into_iter().find(|case| case.name() == control).unwrap();
        let mut ledger = Ledger::new("run".to_owned(), plan(&case.control.scenario.concat()));
        let phase = 0;
        let events = [EventKind::PhaseStarted { phase }].into_iter().chain(events);
        for (seq, what) in (0..).zip(events.chain([EventKind::PhaseEnded { phase }])) {
            ledger.record(&Event { seq, at_ms: Moment(seq), wall: String::new(), what });
        }
        judge(&case, &ledger.verdict())
    }

    fn settled(check: usize, verdict: CheckVerdict, reason: &str) -> EventKind {
        let finding = Finding {
            verdict,
            reason: reason.to_owned(),
            observed: String::new(),
            held_since: None,
        };
        EventKind::CheckSettled { check: CheckId { phase: 0, check }, finding }
    }

    fn broken(reason: &str) -> EventKind {
        EventKind::NodeBroken {
            node: "seed".to_owned(),
            reason: reason.to_owned(),
            last_lines: Vec::new(),
        }
    }

    const PEERS: &str = "check peers: discovery is off";

    /// What is said of [`PEERS`] (its second check), if each check is found to be this.
    fn said(height: CheckVerdict, peers: CheckVerdict, reason: &str) -> Result<String, String> {
        said_of(PEERS, [settled(0, height, "rose"), settled(1, peers, reason)])
    }

    fn assert_wrong(said: &Result<String, String>, why: &str) {
        assert!(said.as_ref().is_err_and(|wrong| wrong.contains(why)), "{said:?} instead of {why}");
    }

    #[test]
    fn only_the_check_itself_red_for_its_own_reason_will_do() {
        use CheckVerdict::{Fail, Inconclusive, Pass};
        assert_eq!(
            said(Pass, Fail, "did not hold for 2.0 s"),
            Ok("did not hold for 2.0 s".to_owned())
        );
        let wrong = [
            (said(Pass, Pass, ""), "exit code 0 instead of 1"),
            (said(Pass, Fail, "we asked too rarely"), "`did not hold` is not in"),
            (said(Pass, Inconclusive, "did not hold"), "exit code 2 instead of 1"),
            (said(Fail, Fail, "did not hold"), "height-advances of node-1, node-2 is red too"),
            (said(Fail, Pass, ""), "height-advances of node-1, node-2 is red too"),
        ];
        for (said, why) in wrong {
            assert_wrong(&said, why);
        }
        let dead = said_of(
            PEERS,
            [settled(0, Pass, "rose"), settled(1, Fail, "did not hold"), broken("panicked")],
        );
        assert_wrong(&dead, "alive of seed is red too");
    }

    #[test]
    fn a_broken_node_is_red_as_alive_and_nothing_else_is() {
        const SILENT: &str = "fault restart: a node never answers again";
        assert_eq!(
            said_of(SILENT, [broken("its RPC was silent")]),
            Ok("seed its RPC was silent".to_owned())
        );
        assert_wrong(&said_of(SILENT, [broken("panicked")]), "`its RPC was silent` is not in");
        assert_wrong(
            &said_of(SILENT, [settled(0, CheckVerdict::Fail, "its RPC was silent")]),
            "is red too",
        );
    }

    #[test]
    fn a_fault_that_was_never_tried_is_not_one_without_proof() {
        const STOPPED: &str = "fault restart: nobody is stopped";
        let unproven = |reason: &str| EventKind::FaultUnproven {
            fault: FaultId { phase: 1, fault: 0 },
            reason: reason.to_owned(),
        };
        let reason = "seed was stopped, but it still runs";
        assert_eq!(
            said_of(STOPPED, [unproven(reason)]),
            Ok(format!("the fault `restart` has no proof: {reason}"))
        );
        assert_wrong(&said_of(STOPPED, [unproven("nobody knows")]), "is not in");
        assert_wrong(
            &said_of(STOPPED, [EventKind::NodeUnseen { node: "seed".to_owned() }]),
            "every fault has a proof",
        );
    }
}
