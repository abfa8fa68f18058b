//! What is known of a network that goes on, so that the evidence of its next window can begin with it: a check that
//! looks back at a node's start, or at who it is, finds it there.

use std::collections::BTreeMap;

use harness_core::event::EventKind;

/// The last word on each thing that is said once.
#[derive(Debug, Default)]
pub(super) struct Carried {
    prepared: Option<EventKind>,
    pace: Option<EventKind>,
    all_started: Option<EventKind>,
    /// By node: its last start, and what it has said of itself in it.
    nodes: BTreeMap<String, Vec<EventKind>>,
}

impl Carried {
    pub(super) fn record(&mut self, what: &EventKind) {
        match what {
            EventKind::Prepared { .. } => self.prepared = Some(what.clone()),
            EventKind::Pace(_) => self.pace = Some(what.clone()),
            EventKind::AllStarted => self.all_started = Some(what.clone()),
            EventKind::NodeStarted { node, .. } => {
                self.nodes.insert(node.clone(), vec![what.clone()]);
            }
            EventKind::Methods { node, start, peer_id, .. } => {
                let known = self.nodes.entry(node.clone()).or_default();
                // What a node denies later takes nothing from who it said that it is.
                let says_who = |event: &EventKind| matches!(event, EventKind::Methods { start: of, peer_id: Some(_), .. } if peer_id.is_none() && of == start);
                let is_said = |event: &EventKind| matches!(event, EventKind::Methods { .. });
                known.retain(|event| says_who(event) || !is_said(event));
                known.push(what.clone());
            }
            EventKind::RunStarted { .. }
            | EventKind::Preparing { .. }
            | EventKind::Sample(_)
            | EventKind::Sessions(_)
            | EventKind::Resources(_)
            | EventKind::Hashes(_)
            | EventKind::Paths(_)
            | EventKind::Log(_)
            | EventKind::Look(_)
            | EventKind::Asked(_)
            | EventKind::State { .. }
            | EventKind::PhaseStarted { .. }
            | EventKind::PhaseEnded { .. }
            | EventKind::FaultStarted { .. }
            | EventKind::FaultEffective { .. }
            | EventKind::FaultHealed { .. }
            | EventKind::FaultUnproven { .. }
            | EventKind::CheckStarted { .. }
            | EventKind::CheckSettled { .. }
            | EventKind::NodeExited { .. }
            | EventKind::NodeBroken { .. }
            | EventKind::NodeUnseen { .. }
            | EventKind::ClockJumped { .. }
            | EventKind::TimedOut { .. }
            | EventKind::EnvironmentFailed { .. }
            | EventKind::Interrupted { .. }
            | EventKind::HarnessBroken { .. }
            | EventKind::TeardownStarted
            | EventKind::TornDown { .. }
            | EventKind::Kept => {}
        }
    }

    /// In the order in which a run says them.
    pub(super) fn events(&self) -> Vec<EventKind> {
        let before = [&self.prepared, &self.pace].into_iter().flatten();
        let nodes = self.nodes.values().flatten();
        before.chain(nodes).chain(&self.all_started).cloned().collect()
    }
}
