//! The recorded bundle as an onlooker saw it while it was made: its events give the same again.

use harness_core::{
    bundle::Link,
    event::{Event, EventKind},
    live::{Live, Window, area},
    record::PlanRecord,
};

use crate::memory::Memory;

/// What was on the screen after each event that moved the run forward, each picture once.
fn pictures(memory: &Memory) -> Vec<String> {
    let record: PlanRecord = serde_json::from_slice(&memory.files["plan.json"]).unwrap();
    let mut live = Live::new(&record.plan);
    let mut pictures: Vec<String> = Vec::new();
    for line in memory.text("events.jsonl").lines() {
        let event = Link::read(line.as_bytes()).unwrap().event;
        let event: Event = serde_json::from_slice(&event).unwrap();
        live.record(&event);
        let moves = matches!(
            event.what,
            EventKind::CheckSettled { .. }
                | EventKind::FaultEffective { .. }
                | EventKind::FaultHealed { .. }
                | EventKind::TeardownStarted
        );
        if moves {
            let lines = area(&live, event.at_ms, Window { width: 79, height: 10 });
            pictures.push(lines.iter().map(|line| format!("{line}\n")).collect());
        }
    }
    pictures
}

#[test]
fn recorded_events_give_the_pictures_that_the_run_gave() {
    insta::assert_snapshot!(pictures(&Memory::recorded()).join("\n"));
}
