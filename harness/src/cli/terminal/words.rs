//! What an event says to people: a line for each that matters.

use std::{net::SocketAddr, time::Duration};

use harness_core::{
    event::{CheckId, CheckVerdict, EventKind, FaultId, Finding, Pace, Reading, Sample},
    node::Incarnation,
    scenario::Plan,
    text::{exited, short},
    verdict::unseen,
};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Nothing but the verdict.
    Quiet,
    /// What matters.
    Normal,
    /// Also every change of a node's peers and height.
    Verbose,
}

/// Turns events into words.
pub(super) struct Words {
    plan: Plan,
    pace: Option<Pace>,
    detail: Detail,
}

impl Words {
    pub(super) fn new(plan: Plan, detail: Detail) -> Self {
        Self { plan, pace: None, detail }
    }

    /// The lines of one event; none if it says nothing to people.
    pub(super) fn of(&mut self, what: &EventKind) -> Vec<String> {
        if self.detail == Detail::Quiet {
            return Vec::new();
        }
        match what {
            EventKind::RunStarted { run, scenario, .. } => vec![format!("{scenario}: run {run}")],
            EventKind::Preparing { step } => vec![step.clone()],
            EventKind::NodeStarted { node, start, incarnation, rpc } => {
                vec![started(node, *start, incarnation, *rpc)]
            }
            EventKind::Pace(pace) => self.paced(pace),
            EventKind::AllStarted => vec!["all nodes started".to_owned()],
            EventKind::PhaseStarted { phase } => vec![self.phase(*phase)],
            EventKind::FaultStarted { fault } => vec![self.doing(*fault)],
            EventKind::FaultEffective { proof, .. } => vec![format!("in effect: {proof}")],
            EventKind::FaultHealed { proof, .. } => vec![format!("healed: {proof}")],
            EventKind::FaultUnproven { reason, .. } => {
                vec![format!("fault without proof: {reason}")]
            }
            EventKind::CheckStarted { check } => vec![self.checking(*check)],
            EventKind::CheckSettled { check, finding } => vec![self.settled(*check, finding)],
            EventKind::NodeExited { node, code, signal, why, last_lines } => {
                broken(node, &exited(*code, *signal, why.as_deref()), last_lines)
            }
            EventKind::NodeBroken { node, reason, last_lines } => broken(node, reason, last_lines),
            EventKind::NodeUnseen { node } => vec![unseen(node)],
            EventKind::ClockJumped { ms } => vec![jumped(*ms)],
            EventKind::TimedOut { ms } => {
                vec![format!("the scenario's timeout of {} passed", seconds(*ms))]
            }
            EventKind::EnvironmentFailed { reason, .. } => reason.lines().map(Into::into).collect(),
            EventKind::Interrupted { signal, .. } => {
                vec![format!("{signal}: stopping, then removing everything")]
            }
            EventKind::HarnessBroken { reason } => vec![format!("a bug of the harness: {reason}")],
            EventKind::TornDown { left: Some(left) } => {
                vec![format!("the clean-up is not complete: {left}")]
            }
            EventKind::Sample(sample) if self.detail == Detail::Verbose => vec![figures(sample)],
            EventKind::Sample(_)
            | EventKind::Prepared { .. }
            | EventKind::Methods { .. }
            | EventKind::Sessions(_)
            | EventKind::Resources(_)
            | EventKind::Hashes(_)
            | EventKind::Asked(_)
            | EventKind::Log(_)
            | EventKind::Paths(_)
            | EventKind::Look(_)
            | EventKind::State { .. }
            | EventKind::PhaseEnded { .. }
            | EventKind::TeardownStarted
            | EventKind::TornDown { left: None }
            | EventKind::Kept => Vec::new(),
        }
    }

    /// Said where a window follows it.
    fn paced(&mut self, pace: &Pace) -> Vec<String> {
        self.pace = Some(pace.clone());
        self.plan.is_open().then(|| pace.to_string()).into_iter().collect()
    }

    fn doing(&self, fault: FaultId) -> String {
        let plan = &self.plan.phases[fault.phase].faults[fault.fault];
        let whom =
            if plan.selector.is_empty() { plan.nodes.join(", ") } else { plan.selector.clone() };
        format!("fault {} of {whom}", plan.kind.name())
    }

    fn checking(&self, check: CheckId) -> String {
        let plan = &self.plan.phases[check.phase].checks[check.check];
        format!(
            "checking {} of {}: {}, within {}",
            plan.kind.name(),
            plan.selector,
            plan.kind,
            short(self.plan.window(plan, self.pace.as_ref()))
        )
    }

    fn settled(&self, check: CheckId, finding: &Finding) -> String {
        let plan = &self.plan.phases[check.phase].checks[check.check];
        let mark = match finding.verdict {
            CheckVerdict::Pass => "✓",
            CheckVerdict::Fail => "✗",
            CheckVerdict::Inconclusive | CheckVerdict::NotJudged => "?",
        };
        format!(
            "{mark} {} of {}: {} [{}]",
            plan.kind.name(),
            plan.selector,
            finding.reason,
            finding.observed
        )
    }

    fn phase(&self, index: usize) -> String {
        format!(
            "phase {} of {}: {}",
            index + 1,
            self.plan.phases.len(),
            self.plan.phases[index].name
        )
    }
}

fn jumped(ms: u64) -> String {
    format!("the machine slept or its clock jumped by {}", seconds(ms))
}

fn seconds(ms: u64) -> String {
    short(Duration::from_millis(ms))
}

fn figures(Sample { node, peers, height, .. }: &Sample) -> String {
    format!("{node} peers {} height {}", number(peers), number(height))
}

fn number(reading: &Reading<u64>) -> String {
    reading.value().map_or_else(|| "–".to_owned(), u64::to_string)
}

fn broken(node: &str, how: &str, last_lines: &[String]) -> Vec<String> {
    let mut lines = vec![format!("{node} {how}")];
    if last_lines.is_empty() {
        lines.push("  (it logged nothing)".to_owned());
    }
    lines.extend(last_lines.iter().map(|line| format!("  | {line}")));
    lines
}

fn started(node: &str, start: u32, incarnation: &Incarnation, rpc: SocketAddr) -> String {
    let again = if start == 0 { "" } else { " again" };
    format!("{node} started{again}: {}, RPC http://{rpc}", incarnation.words())
}
