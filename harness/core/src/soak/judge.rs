//! What follows from all windows of a soak.
//!
//! It fails by what cannot be taken back: a window that failed, a limit that was reached, a chain that nearly stood still, a
//! fork that was too deep, a node without peers; and by what grows, see [`super::trend`]. It passes when as much time
//! as was asked for lies in windows that passed. Time in which nothing was seen, or in which a window said nothing, is none of it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use serde::Serialize;

use super::{
    asked::Asked,
    pace::{Pace, Usual},
    quantity::Quantity,
    seen::{Network, Window},
    trend::{IN_A_ROW, Trend, trends},
    used::{IN_FULL, Used, thin},
};
use crate::{exit::ExitCode, gate::Outcome, text::short};

/// So many windows in a row that say nothing end a soak: who sees nothing watches nothing.
pub const BLIND: usize = 5;

/// Seconds: no window and no network is as old as this. Thirty years, so that a sum of them is still a time.
const LONGEST: f64 = 1e9;

/// What a soak says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// All of the time that was asked for passed.
    Passed,
    /// Something did not hold.
    Failed,
    /// Not yet: less time was seen.
    Undecided,
    /// Time was over, and something was never measured.
    Inconclusive,
    /// It mostly could not run.
    Environment,
    /// It cannot run at all.
    Impossible,
}

impl Decision {
    /// In capitals, as a last line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Undecided => "UNDECIDED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Environment => "ENVIRONMENT",
            Self::Impossible => "IMPOSSIBLE",
        }
    }
}

/// A decision, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// What the process exits with.
    pub exit: ExitCode,
    /// Why it is no pass: one sentence for each thing.
    pub reasons: Vec<String>,
}

/// A soak as far as it has come.
#[derive(Debug)]
pub struct Soak {
    asked: Asked,
    networks: Vec<Network>,
    windows: Vec<Window>,
    /// Windows before somebody went on with it, the last time.
    before: usize,
    /// Somebody mines: where nobody does, a chain that stands still is as it should be.
    mines: bool,
    used: Used,
    /// How it goes on, by the last window.
    trends: Vec<Trend>,
    /// What grew, by each of the last [`IN_A_ROW`] windows.
    grew: VecDeque<BTreeSet<(String, Quantity)>>,
}

impl Soak {
    /// Nothing was seen.
    pub fn new(asked: Asked) -> Self {
        let mines = asked.plan(0).0.is_none_or(|plan| plan.nodes.iter().any(|node| node.mine));
        Self {
            asked,
            networks: Vec::new(),
            windows: Vec::new(),
            before: 0,
            mines,
            used: Used::default(),
            trends: Vec::new(),
            grew: VecDeque::new(),
        }
    }

    /// What was asked for.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Every network that began.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Every window that ended, without what its nodes used: see [`Self::trends`].
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The number of the next network.
    pub fn next_network(&self) -> u64 {
        self.networks.len() as u64
    }

    /// The number of the next window: one that a signal cut off is gone through again.
    pub fn next_window(&self) -> u64 {
        self.windows.iter().filter(|window| window.outcome().is_some()).count() as u64
    }

    /// Somebody goes on with it: what kept it from seeing anything may be mended.
    pub fn resumed(&mut self) {
        self.before = self.windows.len();
    }

    /// A network began. `false`: it is not the next one.
    pub fn began(&mut self, network: Network) -> bool {
        let fits = network.number == self.next_network();
        if fits {
            self.networks.push(network);
        }
        fits
    }

    /// A window ended. `false`: it is not the next one, or nobody can have written it.
    pub fn ended(&mut self, window: Window) -> bool {
        self.took(window, true)
    }

    /// The same. `judged`: what grows is looked at, which only the last [`IN_A_ROW`] need.
    pub(super) fn took(&mut self, window: Window, judged: bool) -> bool {
        let began = (0.0..LONGEST).contains(&window.began);
        let lasted = (0.0..LONGEST).contains(&window.seconds);
        let ours = window.bundle.as_deref().is_none_or(is_bundle);
        let last = self.networks.last().is_some_and(|network| network.number == window.network);
        let after = self.windows.last().is_none_or(|before| {
            before.network != window.network || before.began + before.seconds <= window.began + 0.01
        });
        let known = ExitCode::of(window.exit).is_some();
        let fits = began
            && lasted
            && ours
            && last
            && after
            && known
            && window.number == self.next_window();
        if fits {
            self.push(window, judged);
        }
        fits
    }

    fn push(&mut self, mut window: Window, judged: bool) {
        self.used.take(&window, self.asked.window.as_secs_f64(), self.is_late(&window));
        for node in window.nodes.values_mut() {
            (node.used, node.most) = Default::default();
        }
        if judged {
            self.trends = trends(&self.asked, &self.used, &window);
            if self.grew.len() == IN_A_ROW {
                self.grew.pop_front();
            }
            let grows = self.trends.iter().filter(|trend| trend.grows() && trend.goes_on);
            self.grew.push_back(grows.map(|trend| (trend.node.clone(), trend.quantity)).collect());
        }
        self.windows.push(window);
    }

    /// What would end it if this window were the next, if anything did.
    pub fn would_end(&mut self, window: Window) -> Option<Verdict> {
        let before = (self.used.clone(), self.trends.clone(), self.grew.clone());
        self.push(window, true);
        let verdict = self.decision();
        self.windows.pop();
        (self.used, self.trends, self.grew) = before;
        verdict
    }

    /// A window as it is written down: what nodes used is thinned, so that a ledger of two months can be read again.
    #[must_use]
    pub fn thinned(&self, mut window: Window) -> Window {
        let is_late = self.is_late(&window);
        window.nodes.values_mut().for_each(|node| thin(node, is_late));
        window
    }

    /// Its network is so old that its windows have few samples.
    fn is_late(&self, window: &Window) -> bool {
        let same = self.windows.iter().rev().take_while(|other| other.network == window.network);
        same.take(IN_FULL).count() == IN_FULL
    }

    /// How much time lies in windows that passed.
    pub fn passed(&self) -> Duration {
        let passed = self.windows.iter().filter(|window| window.outcome() == Some(Outcome::Pass));
        // Each is bounded, so all of them are; what nobody could count has not passed.
        Duration::try_from_secs_f64(passed.map(|window| window.seconds).sum()).unwrap_or_default()
    }

    /// How every quantity of every node goes on.
    pub fn trends(&self) -> &[Trend] {
        &self.trends
    }

    /// What ends it now, if anything does.
    pub fn decision(&self) -> Option<Verdict> {
        if let Some(verdict) = self.impossible() {
            return Some(verdict);
        }
        let mut reasons = self.broken();
        reasons.extend(above(&self.trends));
        reasons.extend(self.leaks());
        if !reasons.is_empty() {
            return Some(Verdict { decision: Decision::Failed, exit: ExitCode::Fail, reasons });
        }
        if let Some(verdict) = self.mixed() {
            return Some(verdict);
        }
        if self.passed() >= self.asked.lasts {
            return Some(self.verdict());
        }
        self.blind()
    }

    /// What follows if it ends now, whyever.
    pub fn verdict(&self) -> Verdict {
        if let Some(verdict) = self.impossible() {
            return verdict;
        }
        let mut reasons = self.broken();
        reasons.extend(above(&self.trends));
        reasons.extend(self.trends.iter().filter(|trend| trend.grows()).map(Trend::words));
        if !reasons.is_empty() {
            return Verdict { decision: Decision::Failed, exit: ExitCode::Fail, reasons };
        }
        if let Some(verdict) = self.mixed().or_else(|| self.blind()) {
            return verdict;
        }
        let (passed, asked) = (self.passed(), self.asked.lasts);
        if passed < asked {
            let why = format!("{} of {} passed so far", short(passed), short(asked));
            let (decision, exit) = (Decision::Undecided, ExitCode::Inconclusive);
            return Verdict { decision, exit, reasons: vec![why] };
        }
        let count = |outcome| {
            self.windows.iter().filter(|window| window.outcome() == Some(outcome)).count()
        };
        let (nothing, good) = (count(Outcome::Nothing), count(Outcome::Pass));
        if nothing > good {
            let why = format!(
                "{nothing} windows said nothing, and {good} passed: this tested the machine"
            );
            let (decision, exit) = (Decision::Environment, ExitCode::Environment);
            return Verdict { decision, exit, reasons: vec![why] };
        }
        let mut reasons = self.unmeasured();
        reasons.extend(self.without_pace());
        if !reasons.is_empty() {
            let (decision, exit) = (Decision::Inconclusive, ExitCode::Inconclusive);
            return Verdict { decision, exit, reasons };
        }
        Verdict { decision: Decision::Passed, exit: ExitCode::Pass, reasons }
    }

    /// What nobody here can count: it is said, and nothing is said of it.
    pub fn uncounted(&self) -> Vec<Quantity> {
        let is_known = |quantity: &Quantity| self.trends.iter().any(|it| it.quantity == *quantity);
        Quantity::ALL.into_iter().filter(|quantity| !is_known(quantity)).collect()
    }

    fn impossible(&self) -> Option<Verdict> {
        let last = self.windows.last()?;
        (last.outcome() == Some(Outcome::Impossible)).then(|| Verdict {
            decision: Decision::Impossible,
            exit: ExitCode::of(last.exit).unwrap_or(ExitCode::Bug),
            reasons: last.reason.iter().cloned().collect(),
        })
    }

    /// What ran later is not what ran at first: nothing is said of either.
    fn mixed(&self) -> Option<Verdict> {
        let mut builds: Vec<&String> =
            self.windows.iter().filter_map(|window| window.build.as_ref()).collect();
        builds.dedup();
        (builds.len() > 1).then(|| Verdict {
            decision: Decision::Inconclusive,
            exit: ExitCode::Inconclusive,
            reasons: vec![format!(
                "what ran is not one build: first {}, later {}",
                builds[0], builds[1]
            )],
        })
    }

    /// The last windows all said nothing.
    fn blind(&self) -> Option<Verdict> {
        let last = self.windows[self.before..].iter().rev().take(BLIND);
        let nothing = last.filter(|window| window.outcome() == Some(Outcome::Nothing)).count();
        (nothing == BLIND).then(|| {
            let last = self.windows.last().and_then(|window| window.reason.clone());
            Verdict {
                decision: Decision::Environment,
                exit: ExitCode::Environment,
                reasons: vec![format!(
                    "{BLIND} windows in a row said nothing: {}",
                    last.unwrap_or_default()
                )],
            }
        })
    }

    /// What windows found that cannot be taken back.
    fn broken(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let usual = Usual::of(&self.windows);
        for window in &self.windows {
            let number = window.number + 1;
            match window.outcome() {
                Some(Outcome::Fail) => {
                    let why = window.reason.as_deref().unwrap_or("it failed");
                    reasons.push(format!("window {number}: {why}"));
                }
                // What it saw of the chain is of a time without faults.
                Some(Outcome::Nothing | Outcome::Impossible) => continue,
                Some(Outcome::Pass) | None => {}
            }
            if window.forks.deepest > self.asked.limits.fork {
                reasons.push(format!(
                    "window {number}: nodes disagreed {} blocks deep, the limit is {}",
                    window.forks.deepest, self.asked.limits.fork
                ));
            }
            // Half of a window may be the half with the faults.
            if window.outcome().is_none() {
                continue;
            }
            if self.mines
                && let Pace::Slow(why) = usual.pace(&self.asked, window)
            {
                reasons.push(format!("window {number}: {why}"));
            }
            let alone = |peers: Option<[u64; 3]>| peers.is_some_and(|[_, middle, _]| middle == 0);
            if window.nodes.len() > 1 {
                let lonely = window.nodes.iter().filter(|(_, node)| alone(node.peers));
                reasons.extend(lonely.map(|(name, _)| {
                    format!("window {number}: {name} had no peer for half of it")
                }));
            }
        }
        reasons
    }

    /// What the last windows all found to grow.
    fn leaks(&self) -> Vec<String> {
        if self.grew.len() < IN_A_ROW {
            return Vec::new();
        }
        let always = |trend: &&Trend| {
            let what = (trend.node.clone(), trend.quantity);
            self.grew.iter().all(|grew| grew.contains(&what))
        };
        self.trends.iter().filter(always).map(Trend::words).collect()
    }

    /// That of windows which passed it is not known whether the chain stood still in them.
    fn without_pace(&self) -> Option<String> {
        let usual = Usual::of(&self.windows);
        let passed = self.windows.iter().filter(|window| window.outcome() == Some(Outcome::Pass));
        let unknown = passed
            .filter(|window| matches!(usual.pace(&self.asked, window), Pace::Unknown))
            .count();
        (self.mines && unknown > 0).then(|| {
            format!(
                "the chain's pace could not be judged in {unknown} windows: no node said a height, or neither scenario, profile nor other windows say how often blocks come"
            )
        })
    }

    /// What of a node was measured at times, and never for long enough.
    fn unmeasured(&self) -> Vec<String> {
        let uncounted = self.uncounted();
        let Some(last) = self.windows.last() else { return vec!["nothing was seen".to_owned()] };
        let mut reasons = Vec::new();
        for node in last.nodes.keys() {
            for quantity in Quantity::ALL {
                let judged = self.trends.iter().any(|trend| {
                    trend.node == *node && trend.quantity == quantity && trend.growth.is_some()
                });
                let counted = quantity != Quantity::Descriptors || !uncounted.contains(&quantity);
                if counted && !judged {
                    reasons.push(format!(
                        "the {quantity} of {node} was not measured often and long enough in one life (forty times, and most of a window)"
                    ));
                }
            }
        }
        reasons
    }
}

/// Limits that were reached.
fn above(trends: &[Trend]) -> Vec<String> {
    trends.iter().filter(|trend| trend.is_above()).map(Trend::above_words).collect()
}

/// A bundle's place is a folder among those of the windows, and nothing else: what is there may be removed.
fn is_bundle(place: &str) -> bool {
    let name = place.strip_prefix("windows/");
    name.is_some_and(|name| !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']))
}
