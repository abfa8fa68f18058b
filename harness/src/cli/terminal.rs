//! What happens, as it happens: one line for each event that matters, and on a terminal a line
//! below that moves. Reads events and nothing else.
//!
//! Runs in a thread of its own behind a bounded queue: a terminal that hangs (a stuck pipe, Ctrl-S)
//! loses lines, and never stops the run.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::Duration,
};

use harness_core::{
    event::{
        CheckId, CheckVerdict, Event, EventKind, FaultId, Finding, Moment, Pace, Reading, Sample,
        Sink,
    },
    node::Incarnation,
    scenario::Plan,
    text::{exited, printable, short},
    verdict::unseen,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Events that may wait for a slow terminal.
const QUEUE: usize = 4096;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// Nothing but the verdict.
    Quiet,
    /// What matters.
    Normal,
    /// Also every change of a node's peers and height.
    Verbose,
}

/// Whether there is a line that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// A live line below.
    Live,
    /// Lines only.
    Lines,
}

/// The queue's end that the journal feeds.
pub(super) struct Terminal {
    queue: SyncSender<Event>,
    /// Every sample is shown, in the line that moves or as a line: by the dozen a second, so that
    /// nobody is woken for them in vain.
    samples: bool,
}

impl Terminal {
    /// Starts the reporter. It ends, and the handle can be joined, when the sink is dropped.
    pub(super) fn spawn(plan: &Plan, detail: Detail, progress: Progress) -> (Self, JoinHandle<()>) {
        let (queue, events) = sync_channel(QUEUE);
        let mut writer = Writer::new(plan.clone(), detail, progress);
        let samples = detail == Detail::Verbose || !writer.bar.is_hidden();
        let thread = std::thread::spawn(move || writer.run(&events));
        (Self { queue, samples }, thread)
    }
}

impl Sink for Terminal {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        if matches!(
            event.what,
            EventKind::State { .. }
                | EventKind::Sessions(_)
                | EventKind::Resources(_)
                | EventKind::Log(_)
                | EventKind::Asked(_)
        ) || (!self.samples && matches!(event.what, EventKind::Sample(_)))
        {
            return Ok(());
        }
        match self.queue.try_send(event.clone()) {
            // The terminal is for people; the evidence is elsewhere.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}

struct Writer {
    plan: Plan,
    pace: Option<Pace>,
    detail: Detail,
    bar: ProgressBar,
    activity: String,
    latest: BTreeMap<String, (Reading<u64>, Reading<u64>)>,
}

impl Writer {
    fn new(plan: Plan, detail: Detail, progress: Progress) -> Self {
        let bar = match progress {
            Progress::Live if detail > Detail::Quiet => {
                ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
            }
            Progress::Live | Progress::Lines => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            plan,
            pace: None,
            detail,
            bar,
            activity: "preparing".to_owned(),
            latest: BTreeMap::new(),
        }
    }

    fn run(&mut self, events: &Receiver<Event>) {
        while let Ok(event) = events.recv() {
            self.follow(&event);
            if self.detail > Detail::Quiet {
                for line in self.lines(&event.what) {
                    self.line(event.at_ms, &line);
                }
            }
        }
        self.bar.finish_and_clear();
    }

    fn line(&self, at: Moment, text: &str) {
        let text =
            format!("{:>7.1}s  {}", Duration::from_millis(at.0).as_secs_f64(), printable(text));
        if self.bar.is_hidden() {
            // A reader that went away is no reason to stop.
            let _ = writeln!(io::stderr(), "{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Keeps the moving line up to date.
    fn follow(&mut self, event: &Event) {
        if let EventKind::Sample(Sample { node, peers, height, .. }) = &event.what {
            self.latest.insert(node.clone(), (peers.clone(), height.clone()));
        } else if let EventKind::Preparing { step } = &event.what {
            self.activity.clone_from(step);
        } else if let EventKind::PhaseStarted { phase } = &event.what {
            self.activity = self.phase(*phase);
        } else if let EventKind::TeardownStarted = &event.what {
            "removing everything".clone_into(&mut self.activity);
        } else {
            return;
        }
        let nodes = self.latest.iter().map(|(node, (peers, height))| {
            format!("{node} {}p #{}", number(peers), number(height))
        });
        let nodes = nodes.collect::<Vec<_>>().join("  ");
        self.bar.set_message(printable(&format!("{}  {nodes}", self.activity)));
    }

    fn lines(&mut self, what: &EventKind) -> Vec<String> {
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
