//! What the events of a window say that has no end of its own: a signal or a kill cut it off. A check that failed before, or
//! a node that crashed, is as true as in a window that ended: it is gone through again only if nothing failed.

use std::io::BufRead;

use super::asked::Asked;
use crate::{
    bundle::{Chain, Link},
    event::{Event, EventKind, Moment},
    exit::ExitCode,
    scenario::Plan,
    verdict::{Ledger, Verdict},
    verify::reading,
};

/// A window, as far as it was written down.
#[derive(Debug)]
pub struct Left {
    /// Seconds from the network's beginning to its own.
    pub began: f64,
    /// How long it was.
    pub seconds: f64,
    /// A signal ended it; what came later is what the signal did.
    pub interrupted: bool,
    /// Its checks were over before: the network was already being removed.
    pub over: bool,
    /// What follows from what came before.
    pub verdict: Verdict,
}

impl Left {
    /// Why it failed, if it had.
    pub fn failed(&self) -> Option<String> {
        let why = || self.verdict.reason.clone().unwrap_or_else(|| "it failed".to_owned());
        (self.verdict.exit == ExitCode::Fail).then(why)
    }
}

/// Goes through the events of a window that nobody wrote down: the next, or, if a kill came between two, the one after
/// it. `None`: it never began, or is written down. What a kill left of a last line is no event.
///
/// # Errors
///
/// Its events are of no window that could be next, so nobody can say what they mean.
pub fn read(
    mut events: impl BufRead,
    asked: &Asked,
    next: u64,
) -> Result<Option<Left>, &'static str> {
    let mut chain = Chain::default();
    let Some(first) = event(&mut events, &mut chain) else { return Ok(None) };
    let EventKind::RunStarted { run, seed, .. } = &first.what else {
        return Err("its first event is no beginning");
    };
    let is_its = |number: &u64| asked.seed_of(*number) == *seed;
    let Some(number) = (next..=next.saturating_add(1)).find(is_its) else {
        // The kill came after its line, and before what passed was removed.
        let is_known = (0..next).any(|number| is_its(&number));
        return if is_known { Ok(None) } else { Err("its seed is not that of the next window") };
    };
    let plan = asked.plan(number).0.ok_or("its scenario is refused by this harness")?;
    let mut ledger = Ledger::new(run.clone(), plan.clone());
    let (mut interrupted, mut over, mut last) = (false, false, first.at_ms);
    let began = first.at_ms;
    ledger.record(&first);
    while let Some(event) = event(&mut events, &mut chain) {
        last = last.max(event.at_ms);
        if matches!(event.what, EventKind::Interrupted { .. }) {
            interrupted = true;
            break;
        }
        over |= matches!(event.what, EventKind::TeardownStarted);
        if !is_planned(&event.what, &plan) {
            return Err("it has steps that its scenario does not have");
        }
        ledger.record(&event);
    }
    Ok(Some(Left {
        began: began.since(Moment(0)).as_secs_f64(),
        seconds: last.since(began).as_secs_f64(),
        interrupted,
        over,
        verdict: ledger.verdict(),
    }))
}

/// The next event, if it is whole and follows the one before.
fn event(events: &mut impl BufRead, chain: &mut Chain) -> Option<Event> {
    let line = reading::line(events).ok().flatten()?;
    let link = Link::read(line.strip_suffix(b"\n")?)?;
    let event = serde_json::from_slice(&link.event).ok()?;
    (chain.follow(&link.event) == link.chain).then_some(event)
}

/// A ledger takes only steps that its plan has.
fn is_planned(what: &EventKind, plan: &Plan) -> bool {
    if let EventKind::FaultEffective { fault, .. }
    | EventKind::FaultHealed { fault, .. }
    | EventKind::FaultUnproven { fault, .. } = what
    {
        return plan.phases.get(fault.phase).is_some_and(|it| fault.fault < it.faults.len());
    }
    if let EventKind::CheckStarted { check } | EventKind::CheckSettled { check, .. } = what {
        return plan.phases.get(check.phase).is_some_and(|it| check.check < it.checks.len());
    }
    true
}
