//! What a terminal shows of a run: the picture below its lines, its verdict, `watch`, and errors.

use std::fs;

use crate::{
    network::User,
    screen::Screen,
    support::{Fake, HARNESS, fake},
};

/// Fake nodes answer nonsense: its checks are undecided until their time is over. One ends soon, and the other leaves
/// a machine that is busy the time to look.
const SCENARIO: &str = r#"
[scenario]
description = "a run to be looked at"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
[[phases]]
name = "wait"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "3s"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "30s"
"#;

/// With this in the environment.
fn screen(user: &User, no_color: Option<&str>, arguments: &[&str]) -> Screen {
    Screen::new((24, 80), |command| {
        user.prepare(command.arg(HARNESS), arguments);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
    })
}

/// A run of fake nodes.
fn arguments() -> Vec<String> {
    let node = fake(Fake::StaticOurs).display().to_string();
    let words = "scenario ./test.toml --provider process --network loopback --node-bin";
    words.split(' ').map(str::to_owned).chain([node]).collect()
}

/// All that is shown to the user of a run: whether it has colours.
fn is_coloured(no_color: Option<&str>) -> [bool; 4] {
    let user = User::new();
    fs::write(user.folder.path().join("test.toml"), SCENARIO).unwrap();
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut run = screen(&user, no_color, &arguments);
    // Nobody can watch it before it is planned.
    run.see("phase 1 of 1");
    run.see("peers  height");
    let mut watch = screen(&user, no_color, &["watch"]);
    watch.see("q leave");
    watch.press("x");
    watch.see("nothing is done to a run in progress");
    watch.press("q");
    assert_eq!(watch.end(), 0);
    watch.is_given_back();
    run.see("1 failed");
    let picture = run.was_coloured();
    assert_eq!(run.end(), 1, "{}", run.contents());
    run.is_given_back();
    assert!(run.contents().contains("FAIL test"), "{}", run.contents());
    assert!(!run.contents().contains("peers  height"), "the picture is gone: {}", run.contents());
    let mut error = screen(&user, no_color, &["scenario", "--no-such-flag"]);
    assert_eq!(error.end(), 64);
    [picture, run.was_coloured(), watch.was_coloured(), error.was_coloured()]
}

#[test]
fn have_colours_unless_their_user_does_not_want_them() {
    assert_eq!(is_coloured(None), [true; 4]);
}

/// <https://no-color.org>: present and not empty, whatever it says.
#[test]
fn have_no_colours_for_a_user_who_does_not_want_them() {
    assert_eq!(is_coloured(Some("0")), [false; 4]);
}

#[test]
fn have_colours_where_it_is_empty_that_they_are_not_wanted() {
    assert_eq!(is_coloured(Some("")), [true; 4]);
}

/// As many lines as it has, and once.
#[test]
fn fit_a_window_while_its_user_pulls_at_it() {
    let user = User::new();
    fs::write(user.folder.path().join("test.toml"), SCENARIO).unwrap();
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut run = Screen::new((5, 20), |command| user.prepare(command.arg(HARNESS), &arguments));
    run.until("it has begun", |_| run.bytes().contains("phase 1"));
    run.until("a line of a node, in five lines", |contents| {
        contents.lines().any(|line| line.starts_with("seed "))
    });
    let mut watch = Screen::new((5, 20), |command| user.prepare(command.arg(HARNESS), &["watch"]));
    watch.see("seed");
    watch.see("↑↓ node  q leave");
    for (lines, columns) in [(24, 80), (12, 40), (30, 120), (10, 30)] {
        for screen in [&mut run, &mut watch] {
            let before = screen.bytes().len();
            screen.resize(lines, columns);
            screen.until("it is drawn again", |_| screen.bytes()[before..].contains("node-2"));
            screen.until("it is there once", |contents| {
                let count = |start| contents.lines().filter(|it| it.starts_with(start)).count();
                count("node    state") == 1 && count("node-2 ") == 1
            });
        }
    }
    watch.press("q");
    assert_eq!(watch.end(), 0);
    watch.is_given_back();
    assert_eq!(run.end(), 1, "{}", run.contents());
    assert!(!run.contents().contains("node    state"), "{}", run.contents());
}
