//! Nodes that run already: they are asked, judged, and nothing is done to them.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    attached::Attached,
    event::{Miss, Sink},
    exit::ExitCode,
    scenario::Overrides,
};
use harness_run::{
    attached::AttachedRun,
    evidence::{Jsonl, RunDir, verify},
    interrupt::Interrupt,
    journal::Journal,
    link::{Answer, Connect, NodeLink},
    provider::{AttachedNodes, NodeLaunch, Provider},
};

use serde_json::{Value, json};

use crate::support::{
    Done, clock,
    fake::{Fake, Faults},
    plan,
};

const NAMES: [&str; 3] = ["one", "two", "three"];

/// Requests in a second that are enough for answers which are no older than those of a run's own nodes.
const OFTEN: f64 = 20.0;

const SCENARIO: &str = r#"
[scenario]
description = "a test"
timeout = "1m"
[[nodes]]
name = "node"
[[phases]]
name = "look"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 3
within = "20s"
for = "300ms"
"#;

/// Asks three nodes that run already, of which some have answered in an earlier look, and some have ended since.
async fn look(faults: Faults, rate: f64, known: &[&str], ended: &[&str]) -> Done {
    let fake = Fake::new(faults);
    let mut links = Vec::new();
    for name in NAMES {
        let launch =
            NodeLaunch { name: name.to_owned(), args: Vec::new(), env: Default::default() };
        fake.start(&launch).await.unwrap();
        let rpc = fake.rpc(name).await.unwrap();
        links.push((name, fake.connect(rpc, Duration::ZERO)));
    }
    for name in ended {
        fake.stop(name).await.unwrap();
    }
    look_through(&links, rate, known).await
}

/// Asks nodes by these links.
async fn look_through(links: &[(&str, Arc<dyn NodeLink>)], rate: f64, known: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let owned = |name: &&str| (*name).to_owned();
    let attached = Attached { names: links.iter().map(|(name, _)| owned(name)).collect(), rate };
    let overrides = Overrides { attached: Some(attached), ..Overrides::default() };
    let plan = plan(folder.path(), SCENARIO, &overrides);
    let dir = RunDir::create(&folder.path().join("runs"), &plan.scenario).unwrap();
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Jsonl::create(&dir.events()).unwrap())];
    let run = AttachedRun {
        links: links.iter().map(|(name, link)| (owned(name), Arc::clone(link))).collect(),
        known: known.iter().map(owned).collect(),
        nodes: AttachedNodes { facts: json!({}) },
        journal: Arc::new(Journal::begin_at(clock(|| Duration::ZERO), &dir, &plan, sinks)),
        dir: dir.clone(),
        interrupt: Interrupt::default(),
        plan,
    };
    let verdict = run.execute().await;
    let verified = verify(dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    Done { verdict, dir, folder }
}

/// Somebody who answers, and is no node.
struct NoNode(&'static str);

impl NodeLink for NoNode {
    fn ask<'a>(&'a self, _: &'a str, _: &'a [Value]) -> BoxFuture<'a, Answer> {
        async {
            // As long as it takes to hear somebody.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(Miss::Nonsense(self.0.to_owned()))
        }
        .boxed()
    }

    fn batch<'a>(&'a self, _: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Answer>, Miss>> {
        async { Err(Miss::Nonsense(self.0.to_owned())) }.boxed()
    }
}

fn reason(done: &Done) -> &str {
    done.verdict.reason.as_deref().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn nodes_that_advance_pass_by_their_own_answers() {
    let done = look(Faults::default(), OFTEN, &[], &[]).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let events = done.events();
    for name in NAMES {
        let samples = events.iter().filter(|one| one["event"] == "sample" && one["node"] == name);
        assert!(samples.count() > 3, "{name} is asked as long as it is judged");
    }
    assert_eq!(events.iter().filter(|one| one["event"] == "torn-down").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_stand_still_fail_by_their_own_answers() {
    let done = look(Faults { no_mining: true, ..Faults::default() }, OFTEN, &[], &[]).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert!(reason(&done).starts_with("height-advances of *: did not hold"), "{}", reason(&done));
}

#[tokio::test(start_paused = true)]
async fn who_has_never_answered_is_nobodys_failure() {
    let done = look(Faults::default(), OFTEN, &["one", "three"], &["two"]).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
    assert!(
        reason(&done).starts_with("two has never answered as a node does: "),
        "{:#}",
        done.json()
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_has_answered_before_and_does_not_any_more_has_stopped() {
    let done = look(Faults::default(), OFTEN, &NAMES, &["two"]).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert!(reason(&done).starts_with("two has answered before, and does not any more: "));
}

#[tokio::test(start_paused = true)]
async fn all_that_go_silent_at_once_lie_beyond_one_line_of_ours() {
    let done = look(Faults::default(), OFTEN, &NAMES, &NAMES).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
    for name in NAMES {
        let said = format!("{name}, like all others, has answered before and does not any more: ");
        assert!(reason(&done).contains(&said), "{said}");
    }
}

/// Of one alone nobody can say that it is the line.
#[tokio::test(start_paused = true)]
async fn one_that_is_alone_and_has_answered_before_has_stopped() {
    let silent: Arc<dyn NodeLink> = Arc::new(NoNode("an empty page"));
    let done = look_through(&[("one", silent)], OFTEN, &["one"]).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert!(reason(&done).starts_with("one has answered before, and does not any more: "));
}

#[tokio::test(start_paused = true)]
async fn what_to_try_follows_from_what_came_back() {
    let said = |said| Arc::new(NoNode(said)) as Arc<dyn NodeLink>;
    let links = [("one", said("HTTP 401")), ("two", said("HTTP 403")), ("three", said("a page"))];
    let done = look_through(&links, OFTEN, &[]).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
    let hints = [
        "(HTTP 401) (it wants a key",
        "(HTTP 403) (it refuses this `Host`",
        "(a page) (is the URL's",
    ];
    for hint in hints {
        assert!(reason(&done).contains(hint), "{hint} in {}", reason(&done));
    }
}

/// Who may be asked rarely is waited for as much longer.
#[tokio::test(start_paused = true)]
async fn a_first_answer_is_waited_for_as_long_as_the_rate_makes_it() {
    let late = Faults { answers_after: Some(Duration::from_secs(8)), ..Faults::default() };
    let often = look(late.clone(), OFTEN, &[], &[]).await;
    assert_eq!(often.verdict.exit, ExitCode::Environment, "{:#}", often.json());
    let rarely = look(late, 1.0, &[], &[]).await;
    assert_eq!(rarely.verdict.exit, ExitCode::Pass, "{:#}", rarely.json());
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_be_asked_later_is_an_answer() {
    let busy = Faults { grants_one_in: Some(1000), ..Faults::default() };
    let done = look(busy, OFTEN, &[], &[]).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert!(reason(&done).contains("grants too few answers to judge: 0 in "), "{}", reason(&done));
}
