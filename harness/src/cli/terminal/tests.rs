//! What is shown of a run, on a real terminal: a test is executed once more, on one.

use std::path::Path;

use harness_core::{
    event::{FaultId, Reading, Sample},
    scenario::Overrides,
};

use super::*;
use crate::{cli::on_a_screen::Screen, library::load};

fn plan() -> Plan {
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml");
    load(&shipped, &Overrides::default()).0.unwrap()
}

/// Shows these, each after the one before was drawn.
fn shown(plan: &Plan, all: Vec<EventKind>) {
    let (mut terminal, reporter) = Terminal::spawn(plan, Shown::Area(Detail::Normal));
    for (seq, what) in (0..).zip(all) {
        let event = Event { seq, at_ms: Moment(seq * 1000), wall: String::new(), what };
        terminal.take(&event).unwrap();
        std::thread::sleep(FRAME * 4);
    }
    drop(terminal);
    reporter.thread.join().unwrap();
}

fn sample(node: &str, height: u64) -> EventKind {
    let (sent, answered) = (Moment(0), Moment(0));
    let (peers, height) = (Reading::Value(2), Reading::Value(height));
    let node = node.to_owned();
    EventKind::Sample(Sample {
        node,
        start: 0,
        sent,
        answered,
        peers,
        distinct: None,
        height,
        syncing: None,
    })
}

#[test]
#[ignore = "is executed by the next, on a terminal"]
fn a_run_whose_picture_breaks() {
    // No plan has it: whoever puts it into words panics.
    let broken = || EventKind::FaultStarted { fault: FaultId { phase: 99, fault: 0 } };
    shown(
        &plan(),
        vec![
            EventKind::Preparing { step: "before".to_owned() },
            sample("seed", 41),
            broken(),
            EventKind::PhaseStarted { phase: 0 },
            broken(),
            EventKind::PhaseStarted { phase: 1 },
        ],
    );
    output::result("the verdict");
}

#[test]
fn a_bug_of_the_picture_is_readable_and_the_run_goes_on_in_lines() {
    let mut screen =
        Screen::of_a_test((40, 100), "cli::terminal::tests::a_run_whose_picture_breaks");
    screen.until("a picture", |_| screen.bytes().contains("peers  height"));
    assert_eq!(screen.end(), 0, "{}", screen.contents());
    let contents = screen.contents();
    let lines: Vec<&str> = contents.lines().map(str::trim_end).collect();
    let at = |words: &str| {
        let place = lines.iter().position(|line| line.contains(words));
        place.unwrap_or_else(|| panic!("no `{words}` in\n{contents}"))
    };
    let order = [
        "before",
        "panicked at",
        "index out of bounds",
        "shown in lines",
        "phase 1 of 3",
        "until its verdict",
        "the verdict",
    ];
    assert!(order.map(at).is_sorted(), "{contents}");
    assert!(!contents.contains("peers  height"), "the picture is gone:\n{contents}");
    assert!(!contents.contains("phase 2 of 3"), "{contents}");
    screen.is_given_back();
}
