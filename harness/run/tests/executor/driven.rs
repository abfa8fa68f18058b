//! A network that a program drives, one phase after another: it hears what came of each, and asks nodes in between.

use std::{collections::BTreeMap, time::Duration};

use harness_core::{
    event::Miss,
    exit::ExitCode,
    scenario::Overrides,
    stepwise::{Nodes, Phase, Stepwise, check, height_advances, height_at_least, peers},
    verdict::RunVerdict,
};
use harness_run::{
    driven::{Came, Program, Question, Step},
    evidence::verify,
    interrupt::Interrupt,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::support::{
    Done, Staged,
    fake::{Fake, Faults},
    stage,
};

const SOON: Duration = Duration::from_secs(5);
const BRIEFLY: Duration = Duration::from_millis(300);

/// The program's hand on its network.
struct Hand {
    ready: oneshot::Receiver<Result<BTreeMap<String, String>, (RunVerdict, String)>>,
    steps: mpsc::Sender<Step>,
    questions: mpsc::Sender<Question>,
    over: CancellationToken,
    panicked: CancellationToken,
}

impl Hand {
    async fn step(&self, phase: Phase) -> Came {
        let (done, came) = oneshot::channel();
        assert!(self.steps.send(Step { phase, done }).await.is_ok(), "somebody listens");
        came.await.unwrap()
    }

    async fn ask(&self, node: &str, method: &str) -> Result<Value, Miss> {
        let (answer, answered) = oneshot::channel();
        let (node, method) = (node.to_owned(), method.to_owned());
        let question = Question { node, method, params: Vec::new(), answer };
        assert!(self.questions.send(question).await.is_ok(), "somebody listens");
        answered.await.unwrap()
    }
}

/// A seed and two others, which mine, driven by this program to its end; what it came to.
async fn driven(faults: Faults, program: impl AsyncFnOnce(&mut Hand)) -> Done {
    let nodes = Nodes { seed: true, others: 2, mine: true, ..Nodes::default() };
    let scenario = Stepwise::begin("driven", &nodes, &Overrides::default()).unwrap();
    let network = Fake::new(faults);
    let Staged { run, folder } = stage(scenario.plan().clone(), network, Interrupt::default());
    let dir = run.dir.clone();
    let (ready, begun) = oneshot::channel();
    let ((steps, asked), (questions, wondered)) = (mpsc::channel(1), mpsc::channel(1));
    let (over, panicked) = (CancellationToken::new(), CancellationToken::new());
    let mut hand =
        Hand { ready: begun, steps, questions, over: over.clone(), panicked: panicked.clone() };
    let side = Program { scenario, ready, steps: asked, questions: wondered, over, panicked };
    let (verdict, ()) = tokio::join!(run.driven(side), async {
        program(&mut hand).await;
        hand.over.cancel();
    });
    let verified = verify(dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    Done { verdict, dir, folder }
}

fn good(came: &Came) -> bool {
    matches!(came, Came::Good)
}

#[tokio::test(start_paused = true)]
async fn steps_are_done_one_by_one_and_nodes_are_asked_in_between() {
    let done = driven(Faults::default(), async |hand| {
        let urls = (&mut hand.ready).await.unwrap().unwrap();
        assert_eq!(urls.keys().collect::<Vec<_>>(), ["node-1", "node-2", "seed"]);
        assert!(urls.values().all(|url| url.starts_with("http://127.0.0.1:")), "{urls:?}");
        assert!(good(&hand.step(Phase::until(&peers(2).holding(BRIEFLY), SOON)).await));
        let health = hand.ask("node-1", "system_health").await.unwrap();
        assert_eq!(health["peers"], 2);
        assert!(good(&hand.step(Phase::fault("kill", "node-1")).await));
        let silent = hand.ask("node-1", "system_health").await.unwrap_err();
        assert!(matches!(silent, Miss::Unreachable(_)), "{silent}");
        assert!(good(&hand.step(Phase::fault("start", "node-1")).await));
        assert!(good(&hand.step(Phase::until(&height_advances(1), SOON)).await));
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let verdict = done.json();
    let phases = verdict["phases"].as_array().unwrap().iter();
    let names: Vec<&str> = phases.map(|phase| phase["name"].as_str().unwrap()).collect();
    let steps =
        ["until rpc", "until peers", "kill node-1", "start node-1", "until height-advances"];
    assert_eq!(names, steps);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_and_costs_nothing() {
    let faults = Faults { cannot_kill: true, ..Faults::default() };
    let done = driven(faults, async |hand| {
        let refused = async |phase| match hand.step(phase).await {
            Came::Refused(why) => why,
            Came::Good | Came::Bad(..) => panic!("it is refused"),
        };
        let not_paused = refused(Phase::fault("resume", "node-1")).await;
        assert!(not_paused.contains("pause"), "{not_paused}");
        let cannot = refused(Phase::fault("kill", "node-1")).await;
        assert!(cannot.contains("the provider `fake` cannot"), "{cannot}");
        let no_such = check("rpc").with("method", "system_health").with("pointer", "peers");
        let pointer = refused(Phase::until(&no_such, SOON)).await;
        assert!(pointer.contains("pointer"), "{pointer}");
        assert!(good(&hand.step(Phase::until(&peers(2).holding(BRIEFLY), SOON)).await));
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert_eq!(done.json()["phases"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_is_the_last_one() {
    let faults = Faults { no_mining: true, ..Faults::default() };
    let done = driven(faults, async |hand| {
        assert!(good(&hand.step(Phase::until(&peers(2).holding(BRIEFLY), SOON)).await));
        let bad = Phase::until(&height_advances(1), SOON);
        let Came::Bad(RunVerdict::Fail, first) = hand.step(bad).await else {
            panic!("no block comes")
        };
        assert!(first.contains("height-advances"), "{first}");
        let good_elsewhere = Phase::until(&peers(2).holding(BRIEFLY), SOON);
        let Came::Bad(RunVerdict::Fail, again) = hand.step(good_elsewhere).await else {
            panic!("nothing is done any more")
        };
        assert_eq!(first, again);
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert_eq!(done.json()["phases"].as_array().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_never_answer_are_said_to_whoever_waits_for_them() {
    let never = Faults { peers: Some(json!("none")), ..Faults::default() };
    let done = driven(never, async |hand| {
        let (verdict, why) = (&mut hand.ready).await.unwrap().unwrap_err();
        assert_eq!(verdict, RunVerdict::Fail);
        assert!(why.contains("rpc"), "{why}");
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_panics_blames_no_node() {
    let done = driven(Faults::default(), async |hand| {
        (&mut hand.ready).await.unwrap().unwrap();
        hand.panicked.cancel();
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(reason.contains("the program panicked"), "{reason}");
}

/// Neither waits for a step, nor for nodes that it wants no more; and who was not waited for is not to blame.
#[tokio::test(start_paused = true)]
async fn a_program_that_wants_no_more_waits_for_nothing() {
    let late = Faults { answers_after: Some(Duration::from_secs(20)), ..Faults::default() };
    let began = tokio::time::Instant::now();
    let done = driven(late, async |_| tokio::time::sleep(Duration::from_secs(1)).await).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

    let began = tokio::time::Instant::now();
    let done = driven(Faults::default(), async |hand| {
        (&mut hand.ready).await.unwrap().unwrap();
        let never = Phase::until(&height_at_least(1_000_000), Duration::from_secs(100));
        let waits = tokio::time::timeout(Duration::from_secs(1), hand.step(never)).await;
        assert!(waits.is_err());
    })
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
