//! A run or a network as it is now, for whoever looks on. Follows from events and nothing else: a recorded stream gives
//! what the run itself gave.
//!
//! `network` is what is known of the nodes, `course` where the run is in its plan, `area` both as lines that fit a window.

mod area;
mod course;
mod network;

pub use area::{Window, area, rows};
pub use course::{Course, Stage};
pub use network::{Condition, Network, Node};

use crate::{
    event::{Event, Moment},
    scenario::Plan,
};

/// What an onlooker sees.
#[derive(Debug, Clone)]
pub struct Live {
    /// Where the run is in its plan.
    pub course: Course,
    /// What is known of its nodes.
    pub network: Network,
    /// When the last event was recorded.
    pub now: Moment,
}

impl Live {
    /// Before the first event.
    pub fn new(plan: &Plan) -> Self {
        let names = plan.nodes.iter().map(|node| node.name.clone());
        Self {
            course: Course::new(plan.clone()),
            network: Network::new(names),
            now: Moment::default(),
        }
    }

    /// Takes in one event; in order.
    pub fn record(&mut self, event: &Event) {
        self.now = event.at_ms;
        self.network.record(event);
        self.course.record(event);
    }
}

#[cfg(test)]
mod tests;
