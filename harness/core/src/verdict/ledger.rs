//! Collects the events of a run into its verdict, in their order.

use std::{collections::BTreeSet, time::Duration};

use super::{CheckResult, FaultVerdict, Figures, PhaseVerdict, RunVerdict, Verdict};
use crate::{
    check::{CheckKind, When, Window},
    event::{
        CheckId, CheckVerdict, Event, EventKind, FORMAT_VERSION, FaultId, Finding, Look, LookedAt,
        Moment, Pace,
    },
    exit::{ExitCode, Signal},
    scenario::{CheckPlan, FaultPlan, PhasePlan, Plan, Within},
    text::{exited, panic, short},
};

/// Collects events into a verdict.
#[derive(Debug)]
pub struct Ledger {
    run: String,
    plan: Plan,
    started: String,
    phases: Vec<PhaseVerdict>,
    current: usize,
    /// The current phase is not over.
    is_under_way: bool,
    times: Times,
    failure: Option<String>,
    environment: Option<(String, ExitCode)>,
    inconclusive: Option<String>,
    interrupted: Option<Signal>,
    bug: Option<String>,
    /// Adversaries that have attacked.
    acted: BTreeSet<String>,
    /// How fast blocks come, once that is said.
    pace: Option<Pace>,
}

#[derive(Debug, Default)]
struct Times {
    now: Moment,
    prepared: Option<Moment>,
    all_started: Option<Moment>,
    phases_ended: Option<Moment>,
    teardown: Option<Moment>,
    healed: Option<Moment>,
    recovery: Option<Duration>,
}

const NEVER_STARTED: &str = "the run ended before it could start";
const NEVER_DECIDED: &str = "the run ended before it was decided";

impl Ledger {
    /// Everything is still to be judged.
    pub fn new(run: String, plan: Plan) -> Self {
        let phases = plan.phases.iter().map(|phase| unjudged(&plan, phase, None)).collect();
        Self {
            run,
            plan,
            started: String::new(),
            phases,
            current: 0,
            is_under_way: false,
            times: Times::default(),
            failure: None,
            environment: None,
            inconclusive: None,
            interrupted: None,
            bug: None,
            acted: BTreeSet::new(),
            pace: None,
        }
    }

    /// The plan has more phases than before, which are still to be judged.
    pub fn grow(&mut self, plan: Plan) {
        let pace = self.pace.clone();
        let new = plan.phases.iter().skip(self.phases.len());
        self.phases.extend(new.map(|phase| unjudged(&plan, phase, pace.as_ref())));
        self.plan = plan;
    }

    /// Takes in one event; in order.
    pub fn record(&mut self, event: &Event) {
        let at = event.at_ms;
        self.times.now = at;
        match &event.what {
            EventKind::RunStarted { .. } => self.started.clone_from(&event.wall),
            EventKind::Prepared { .. } => self.times.prepared = Some(at),
            EventKind::Pace(pace) => self.paced(pace),
            EventKind::AllStarted => self.times.all_started = Some(at),
            EventKind::PhaseStarted { phase } => self.phase_started(*phase),
            EventKind::PhaseEnded { .. } => self.phase_ended(at),
            EventKind::FaultEffective { fault, proof, .. } => {
                self.fault(*fault).proof = Some(proof.clone())
            }
            EventKind::FaultHealed { fault, proof, since, .. } => {
                self.healed(*fault, proof, *since)
            }
            EventKind::FaultUnproven { fault, reason } => self.unproven(*fault, reason),
            EventKind::CheckStarted { check } => self.check_started(*check, at),
            EventKind::CheckSettled { check, finding } => self.settle(*check, finding, at),
            EventKind::NodeExited { node, code, signal, why, last_lines } => {
                let cause = why.clone().or_else(|| panic(last_lines));
                let how = exited(*code, *signal, cause.as_deref());
                self.broke(node, format!("{node} {how}"), last_lines);
            }
            EventKind::NodeBroken { node, reason, last_lines } => {
                self.broke(node, format!("{node} {reason}"), last_lines)
            }
            EventKind::NodeUnseen { node } => self.inconclusive(unseen(node)),
            EventKind::ClockJumped { ms } => self.inconclusive(jumped(*ms)),
            EventKind::TimedOut { ms } => self.timed_out(Duration::from_millis(*ms), at),
            EventKind::EnvironmentFailed { reason, unsupported } => {
                let exit = if *unsupported { ExitCode::NothingRan } else { ExitCode::Environment };
                self.environment.get_or_insert((reason.clone(), exit));
            }
            EventKind::Interrupted { number, .. } => self.interrupted = Some(signal(*number)),
            EventKind::HarnessBroken { reason } => {
                self.bug.get_or_insert(reason.clone());
            }
            EventKind::Look(look) => self.looked(look),
            EventKind::TeardownStarted => self.times.teardown = Some(at),
            EventKind::TornDown { left: Some(left) } => {
                let reason = format!("the clean-up is not complete: {left}");
                self.environment.get_or_insert((reason, ExitCode::Environment));
            }
            EventKind::TornDown { left: None }
            | EventKind::Preparing { .. }
            | EventKind::NodeStarted { .. }
            | EventKind::Methods { .. }
            | EventKind::Sample(_)
            | EventKind::Sessions(_)
            | EventKind::Resources(_)
            | EventKind::Hashes(_)
            | EventKind::Asked(_)
            | EventKind::Log(_)
            | EventKind::Paths(_)
            | EventKind::State { .. }
            | EventKind::FaultStarted { .. }
            | EventKind::Kept => {}
        }
    }

    /// What follows from the events so far.
    pub fn verdict(&self) -> Verdict {
        let (verdict, exit, reason) = self.decide();
        Verdict {
            version: FORMAT_VERSION,
            run: self.run.clone(),
            scenario: self.plan.scenario.clone(),
            verdict,
            exit_code: exit.code(),
            exit,
            reason,
            started: self.started.clone(),
            seconds: seconds(self.times.now, Moment(0)),
            phases: self.phases.clone(),
            figures: self.figures(),
        }
    }

    /// Every check that was decided has passed, so the next phase has what it builds on.
    pub fn is_good_so_far(&self) -> bool {
        self.failure.is_none()
            && self.inconclusive.is_none()
            && self
                .checks()
                .all(|check| matches!(check.verdict, CheckVerdict::Pass | CheckVerdict::NotJudged))
    }

    /// The order: an interrupt and our own bugs first; then a failure stays a failure whatever
    /// followed; a pass is what remains if every check passed, and there was one.
    fn decide(&self) -> (RunVerdict, ExitCode, Option<String>) {
        if let Some(signal) = self.interrupted {
            return (
                RunVerdict::Interrupted,
                ExitCode::Interrupted(signal),
                Some(format!("interrupted by {}", signal.name())),
            );
        }
        if let Some(bug) = &self.bug {
            return (
                RunVerdict::Environment,
                ExitCode::Bug,
                Some(format!("a bug of the harness: {bug}")),
            );
        }
        let first = |verdict| self.checks().find(|check| check.verdict == verdict);
        let name = |check: &CheckResult| {
            let seen = if check.observed.is_empty() {
                String::new()
            } else {
                format!(" ({})", brief(&check.observed))
            };
            let reason = brief_names(&check.reason, &check.nodes);
            format!("{} of {}: {reason}{seen}", check.check, check.selector)
        };
        if let Some(reason) = self.failure.clone().or_else(|| first(CheckVerdict::Fail).map(name)) {
            return (RunVerdict::Fail, ExitCode::Fail, Some(reason));
        }
        if let Some((reason, exit)) = &self.environment {
            return (RunVerdict::Environment, *exit, Some(reason.clone()));
        }
        if let Some(reason) =
            self.inconclusive.clone().or_else(|| first(CheckVerdict::Inconclusive).map(name))
        {
            return (RunVerdict::Inconclusive, ExitCode::Inconclusive, Some(reason));
        }
        if let Some(reason) = self.idle().or_else(|| self.unfinished()) {
            return (RunVerdict::Inconclusive, ExitCode::Inconclusive, Some(reason));
        }
        let all_passed = self.checks().count() > 0
            && self.checks().all(|check| check.verdict == CheckVerdict::Pass);
        if all_passed {
            return (RunVerdict::Pass, ExitCode::Pass, None);
        }
        (
            RunVerdict::Inconclusive,
            ExitCode::Inconclusive,
            Some("not every check was judged".to_owned()),
        )
    }

    fn figures(&self) -> Figures {
        let times = &self.times;
        let span = |from: Option<Moment>, to: Option<Moment>| Some(seconds(to?, from?));
        let phases = span(times.all_started, times.phases_ended);
        let first_peers = self.plan.phases.iter().position(|phase| {
            phase.faults.is_empty()
                && phase.checks.iter().any(|check| matches!(check.kind, CheckKind::Peers(_)))
        });
        let peers_held = first_peers.and_then(|phase| {
            let held: Option<Vec<Moment>> = self.phases[phase]
                .checks
                .iter()
                .filter(|check| check.check == "peers")
                .map(|check| check.held_since)
                .collect();
            held?.into_iter().max()
        });
        Figures {
            prepare_seconds: span(Some(Moment(0)), times.prepared),
            start_seconds: span(times.prepared, times.all_started),
            phases_seconds: phases,
            teardown_seconds: span(times.teardown, times.teardown.map(|_| times.now)),
            overhead_seconds: phases.map(|phases| round(seconds(times.now, Moment(0)) - phases)),
            last_start_to_peers_seconds: span(times.all_started, peers_held),
            recovery_seconds: times.recovery.map(|time| time.as_secs_f64()),
        }
    }

    fn settle(&mut self, id: CheckId, finding: &Finding, at: Moment) {
        let healed = self.times.healed;
        let recovers =
            matches!(self.plan.phases[id.phase].checks[id.check].kind, CheckKind::Recovers(_));
        let entry = self.check(id);
        entry.verdict = finding.verdict;
        entry.reason.clone_from(&finding.reason);
        entry.observed.clone_from(&finding.observed);
        entry.held_since = finding.held_since;
        entry.seconds = entry.started.map(|started| seconds(at, started));
        if let (true, Some(healed), Some(held)) = (recovers, healed, finding.held_since) {
            self.times.recovery = self.times.recovery.max(Some(held.since(healed)));
        }
    }

    fn paced(&mut self, pace: &Pace) {
        self.pace = Some(pace.clone());
        let plans = self.plan.phases.iter().flat_map(|phase| &phase.checks);
        let results = self.phases.iter_mut().flat_map(|phase| &mut phase.checks);
        for (plan, result) in plans.zip(results) {
            result.expected = expected(&self.plan, plan, Some(pace));
            result.blocks = self.plan.blocks(plan, Some(pace));
        }
    }

    fn looked(&mut self, look: &Look) {
        if let LookedAt::Report(report) = &look.seen
            && report.acted()
        {
            self.acted.insert(look.node.clone());
        }
    }

    /// An adversary has not attacked.
    fn idle(&self) -> Option<String> {
        let node = self.plan.adversaries().into_iter().find(|node| !self.acted.contains(node))?;
        Some(format!(
            "nothing shows that the adversary {node} attacked: it reported no connection, or no byte that it sent"
        ))
    }

    /// A phase is not over, which nobody would miss if it has faults and no check.
    fn unfinished(&self) -> Option<String> {
        let phase = self.phases.get(self.current).filter(|_| self.is_under_way)?;
        Some(format!("the run ended before `{}` was over", phase.name))
    }

    fn phase_started(&mut self, phase: usize) {
        self.current = phase;
        self.is_under_way = true;
    }

    fn phase_ended(&mut self, at: Moment) {
        self.times.phases_ended = Some(at);
        self.is_under_way = false;
    }

    fn inconclusive(&mut self, reason: String) {
        self.inconclusive.get_or_insert(reason);
    }

    fn check_started(&mut self, id: CheckId, at: Moment) {
        let entry = self.check(id);
        entry.started = Some(at);
        NEVER_DECIDED.clone_into(&mut entry.reason);
    }

    fn healed(&mut self, id: FaultId, proof: &str, since: Moment) {
        let entry = self.fault(id);
        let down = entry.proof.take();
        entry.proof =
            Some(down.map_or_else(|| proof.to_owned(), |down| format!("{down}; {proof}")));
        self.times.healed = Some(since);
    }

    fn unproven(&mut self, id: FaultId, reason: &str) {
        let entry = self.fault(id);
        entry.proof = None;
        entry.reason = Some(reason.to_owned());
        let reason = format!("the fault `{}` has no proof: {reason}", entry.fault);
        for check in &mut self.phases[id.phase].checks {
            if check.verdict == CheckVerdict::NotJudged {
                check.reason.clone_from(&reason);
            }
        }
        self.inconclusive.get_or_insert(reason);
    }

    /// A node broke: shown as the check that is on in every run.
    fn broke(&mut self, node: &str, reason: String, last_lines: &[String]) {
        let observed =
            if last_lines.is_empty() { "no log".to_owned() } else { last_lines.join("\n") };
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.checks.push(CheckResult {
                check: "alive".to_owned(),
                selector: node.to_owned(),
                nodes: vec![node.to_owned()],
                verdict: CheckVerdict::Fail,
                reason: reason.clone(),
                observed,
                expected: "no unplanned exit, no panic in the log".to_owned(),
                blocks: None,
                seconds: None,
                started: None,
                held_since: None,
            });
        }
        self.failure.get_or_insert(reason);
    }

    fn timed_out(&mut self, timeout: Duration, at: Moment) {
        let reason = format!("the scenario's timeout of {} passed", short(timeout));
        for check in self.phases.iter_mut().flat_map(|phase| &mut phase.checks) {
            if check.verdict == CheckVerdict::NotJudged
                && let Some(started) = check.started
            {
                check.verdict = CheckVerdict::Fail;
                check.reason.clone_from(&reason);
                check.seconds = Some(seconds(at, started));
            }
        }
        self.failure.get_or_insert(reason);
    }

    fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.phases.iter().flat_map(|phase| &phase.checks)
    }

    fn fault(&mut self, id: FaultId) -> &mut FaultVerdict {
        &mut self.phases[id.phase].faults[id.fault]
    }

    fn check(&mut self, id: CheckId) -> &mut CheckResult {
        &mut self.phases[id.phase].checks[id.check]
    }
}

/// A phase of which nothing was done yet.
fn unjudged(plan: &Plan, phase: &PhasePlan, pace: Option<&Pace>) -> PhaseVerdict {
    let fault = |fault: &FaultPlan| FaultVerdict {
        fault: fault.kind.name().to_owned(),
        selector: selector(&fault.selector, &fault.nodes),
        nodes: fault.nodes.clone(),
        proof: None,
        reason: None,
    };
    let check = |check: &CheckPlan| CheckResult {
        check: check.kind.name().to_owned(),
        selector: check.selector.clone(),
        nodes: check.nodes.clone(),
        verdict: CheckVerdict::NotJudged,
        reason: NEVER_STARTED.to_owned(),
        observed: String::new(),
        expected: expected(plan, check, pace),
        blocks: plan.blocks(check, pace),
        seconds: None,
        started: None,
        held_since: None,
    };
    PhaseVerdict {
        name: phase.name.clone(),
        faults: phase.faults.iter().map(fault).collect(),
        checks: phase.checks.iter().map(check).collect(),
    }
}

/// What a node that was not seen means for the verdict.
pub fn unseen(node: &str) -> String {
    format!("{node} was not asked often enough to say that it answers: this machine was too busy")
}

fn jumped(ms: u64) -> String {
    format!("the machine slept or its clock jumped by {}", short(Duration::from_millis(ms)))
}

/// An unknown number is as good as Ctrl-C: the run was interrupted.
fn signal(number: u8) -> Signal {
    [Signal::Hangup, Signal::Interrupt, Signal::Terminate]
        .into_iter()
        .find(|signal| signal.number() == number)
        .unwrap_or(Signal::Interrupt)
}

fn seconds(to: Moment, from: Moment) -> f64 {
    round(to.since(from).as_secs_f64())
}

/// To the millisecond: the clock of a run has no more.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// What a step is called after; one that names nodes by keys of its own is called after them.
fn selector(written: &str, nodes: &[String]) -> String {
    if written.is_empty() {
        brief(&nodes.join("; ")).replace("; ", ", ")
    } else {
        written.to_owned()
    }
}

/// The same for a reason that begins with nodes: `a, b, c, d, e fell` is `a, b, c and 2 more fell`.
fn brief_names(reason: &str, nodes: &[String]) -> String {
    const MOST: usize = 4;
    let is_node = |word: &str| nodes.iter().any(|node| node == word);
    let parts: Vec<&str> = reason.split(", ").collect();
    let listed = parts.iter().take_while(|part| is_node(part)).count();
    let last = parts.get(listed).and_then(|part| part.split_once(' '));
    match last.filter(|(name, _)| listed >= MOST && is_node(name)) {
        Some((_, rest)) => {
            let rest = [&[rest], &parts[listed + 1..]].concat().join(", ");
            format!("{} and {} more {rest}", parts[..MOST - 1].join(", "), listed + 2 - MOST)
        }
        None => reason.to_owned(),
    }
}

/// The first of many parts, and how many there are beside: a hundred nodes are no reason.
fn brief(parts: &str) -> String {
    const MOST: usize = 4;
    let all: Vec<&str> = parts.split("; ").collect();
    if all.len() <= MOST {
        return parts.to_owned();
    }
    format!("{}; and {} more", all[..MOST - 1].join("; "), all.len() - (MOST - 1))
}

fn expected(plan: &Plan, check: &CheckPlan, pace: Option<&Pace>) -> String {
    let during = if check.when == When::DuringFault { " during the fault" } else { "" };
    let hold = match check.kind.entry().window {
        Window::Part | Window::Whole => format!(", for {}", short(check.hold)),
        Window::Once => String::new(),
    };
    let within = match (check.within, pace) {
        (Within::Auto, None) => "what its blocks need".to_owned(),
        (Within::Auto | Within::For(_), _) => short(plan.window(check, pace)),
    };
    let blocks = plan.blocks(check, pace).map_or(String::new(), |it| format!(" ({})", it.words()));
    format!("{}{during}{hold}, within {within}{blocks}", check.kind)
}

#[cfg(test)]
mod tests;
