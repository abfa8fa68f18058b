//! The whole screen on a real terminal, and what a bug leaves of it: a test is executed once more, on one.

use std::{collections::BTreeSet, path::Path};

use harness_core::scenario::Overrides;

use super::*;
use crate::{
    cli::{guarded, in_runtime, on_a_screen::Screen},
    lease::Means,
    library::load,
};

/// A run in progress of which nothing is recorded yet.
fn watched(dir: &Path) -> Watched {
    fs::write(dir.join("events.jsonl"), "").unwrap();
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml");
    let plan = load(&shipped, &Overrides::default()).0.unwrap();
    let run = "r1".to_owned();
    let means =
        Means { run: run.clone(), scratch: None, groups: BTreeSet::new(), on: None, engine: None };
    let run = RunOnHost {
        run,
        scenario: None,
        provider: None,
        state: State::Running,
        started: None,
        dir: Some(dir.to_owned()),
        nodes: Vec::new(),
        entry: None,
        objects: Vec::new(),
        means,
    };
    Watched { run, dir: dir.to_owned(), engine: None, live: Live::new(&plan) }
}

#[test]
#[ignore = "is executed by another, on a terminal"]
fn that_breaks_while_it_draws() {
    let broken = async |terminal: &mut DefaultTerminal| {
        terminal.draw(|frame| frame.render_widget("the whole screen", frame.area())).unwrap();
        terminal.draw(|_| panic!("planted")).unwrap();
    };
    let code = guarded(|| {
        in_runtime(async {
            on_the_screen(broken).await.unwrap();
            ExitCode::Pass
        })
    });
    output::result(&format!("exit code {}", code.code()));
}

#[test]
#[ignore = "is executed by another, on a terminal"]
fn that_breaks_beside_what_it_draws() {
    let folder = tempfile::tempdir().unwrap();
    let watched = watched(folder.path());
    let mut acts = JoinSet::new();
    let code = guarded(|| {
        in_runtime(async {
            acts.spawn(async {
                tokio::time::sleep(FRAME * 3).await;
                panic!("planted")
            });
            let show = async |terminal: &mut DefaultTerminal| {
                watched.show(terminal, Interrupt::default(), &mut acts).await
            };
            on_the_screen(show).await.unwrap().unwrap();
            ExitCode::Pass
        })
    });
    output::result(&format!("exit code {}", code.code()));
}

fn is_given_back_after(test: &str, seen: &str) {
    let mut screen = Screen::of_a_test((24, 80), &format!("cli::watch::tests::{test}"));
    screen.until("the whole screen", |_| screen.bytes().contains(seen));
    assert_eq!(screen.end(), 0, "{}", screen.contents());
    screen.is_given_back();
    let contents = screen.contents();
    assert!(contents.contains("panicked at"), "{contents}");
    assert!(contents.contains("planted\n"), "{contents}");
    assert!(contents.contains("exit code 70"), "{contents}");
    assert!(!contents.contains(seen), "nothing of the whole screen is left: {contents}");
}

#[test]
fn a_panic_while_it_is_drawn_is_readable_on_a_terminal_that_is_given_back() {
    is_given_back_after("that_breaks_while_it_draws", "whole");
}

#[test]
fn a_panic_beside_it_is_readable_and_ends_it() {
    is_given_back_after("that_breaks_beside_what_it_draws", "leave");
}
