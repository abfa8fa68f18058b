//! What single checks look at by themselves: it is asked, recorded and judged, and nobody is asked longer
//! than the check runs.

use harness_core::exit::ExitCode;
use harness_run::{evidence::verify, interrupt::Interrupt};

use crate::{
    checks::NODES,
    support::{
        Done,
        fake::{Fake, Faults},
        run,
    },
};

const LONGER: &str = r#"
[[phases.checks]]
check = "no-stall"
nodes = "*"
longest = "2s"
within = "5s"
"#;

fn rpc(keys: &str) -> String {
    format!(
        "[[phases.checks]]\ncheck = \"rpc\"\nnodes = \"*\"\nwithin = \"4s\"\nfor = \"1s\"\n{keys}\n"
    )
}

async fn done(checks: &str, faults: Faults) -> Done {
    run(&format!("{NODES}{checks}"), Fake::new(faults), Interrupt::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_question_of_the_users_own_is_asked_as_long_as_its_check_runs() {
    let checks = [
        rpc("method = \"system_health\"\npointer = \"/peers\"\nequals = 2"),
        rpc("method = \"chain_getBlockHash\"\nparams = [1]\nsame_everywhere = true"),
        rpc("method = \"no_such\"\nis_error = true"),
        LONGER.to_owned(),
    ];
    let done = done(&checks.concat(), Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let events = done.events();
    let rounds = |check: u64| {
        let of = |event: &&serde_json::Value| {
            event["event"] == "asked" && event["check"]["check"] == check
        };
        events.iter().filter(of).collect::<Vec<_>>()
    };
    // A second of four rounds, and none after the decision, four seconds before the run's end.
    assert!((5..=8).contains(&rounds(0).len()), "{}", rounds(0).len());
    let answers = &rounds(0)[0]["seen"]["answers"];
    assert_eq!(answers["seed"]["json"], "2", "the part, and nothing else: {answers}");
    assert_eq!(answers.as_object().unwrap().len(), 3);
    let again = &rounds(0)[1]["seen"]["answers"];
    assert_eq!(again["seed"], "same", "what has not changed is not written again: {again}");
    assert_eq!(rounds(2)[0]["seen"]["answers"]["node-1"]["missing"]["refused"]["code"], -32601);
    let verified = verify(done.dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
}

#[tokio::test(start_paused = true)]
async fn one_node_that_answers_otherwise_or_nothing_fails_it() {
    let hash = rpc("method = \"chain_getBlockHash\"\nparams = [1]\nsame_everywhere = true");
    let forked = done(&hash, Faults { fork: true, ..Faults::default() }).await;
    assert_eq!(forked.verdict.exit, ExitCode::Fail);
    let header = rpc("method = \"chain_getHeader\"\npointer = \"/number\"\nat_least = 0");
    let headless = done(&header, Faults { headless: Some("node-2"), ..Faults::default() }).await;
    assert_eq!(headless.verdict.exit, ExitCode::Fail);
    let reason = headless.verdict.reason.unwrap_or_default();
    assert!(reason.contains("node-2 answers `chain_getHeader` without `/number`"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_grant_too_few_answers_are_not_judged() {
    let faults = Faults { grants_one_in: Some(40), ..Faults::default() };
    let asked = rpc("method = \"system_health\"\npointer = \"/peers\"\nequals = 2");
    let done = done(&asked, faults).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
}

fn command(run: &str, more: &str) -> String {
    format!(
        "[[phases.checks]]\ncheck = \"command\"\nnodes = \"node\"\nwithin = \"10s\"\nrun = [{run}]\n{more}\n"
    )
}

/// In real time: so is a program's.
#[tokio::test]
async fn a_program_of_the_users_own_is_told_of_the_network_and_its_words_are_kept() {
    let script = "pwd -P; echo $HARNESS_SCENARIO: $HARNESS_NODES; echo $HARNESS_STATE_NODE_2 >&2; test -d $HARNESS_RUN_DIR/logs && grep -c http://127.0.0.1 && exit 4";
    let good = command(&format!("\"sh\", \"-c\", \"{script}\""), "expect_exit = 4");
    let done = done(&good, Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let said = std::fs::read_to_string(done.dir.logs().join("command_1_1.log")).unwrap();
    let folder = done.folder.path().canonicalize().unwrap();
    assert!(said.lines().any(|line| Some(line) == folder.to_str()), "it runs there: {said}");
    assert!(said.contains(": node-1 node-2\n"), "{said}");
    for line in ["running", "2"] {
        assert!(said.lines().any(|said| said == line), "{line} in {said}");
    }
}

/// In real time: so is a program's.
#[tokio::test]
async fn of_a_program_that_writes_a_lot_the_end_is_kept() {
    let script = "head -c 1000000 /dev/zero; echo; echo the last line; echo";
    let done =
        done(&command(&format!("\"sh\", \"-c\", \"{script}\""), ""), Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let said = std::fs::read(done.dir.logs().join("command_1_1.log")).unwrap();
    assert_eq!(said.len(), 64 * 1024);
    assert!(said.ends_with(b"\0\nthe last line\n\n"));
    let events = done.events();
    let mut ended = events.iter().map(|event| &event["seen"]["command"]["ended"]);
    let ended = ended.find(|ended| ended.is_object()).unwrap();
    assert_eq!((&ended["bytes"], &ended["last"]), (&1_000_016.into(), &"the last line".into()));
}

/// In real time: so is a program's.
#[tokio::test]
async fn a_program_that_is_not_there_is_nobodys_failure_and_a_wrong_code_is_one() {
    let run = async |program| done(&command(program, ""), Faults::default()).await;
    let killed = run("\"sh\", \"-c\", \"kill -9 $$\"");
    let (none, killed, wrong) = tokio::join!(run("\"./none\""), killed, run("\"false\""));
    assert_eq!(none.verdict.exit, ExitCode::Inconclusive);
    assert_eq!(killed.verdict.exit, ExitCode::Inconclusive);
    assert_eq!(wrong.verdict.exit, ExitCode::Fail);
    let reason = wrong.verdict.reason.unwrap_or_default();
    assert!(reason.contains("`false` exited with 1, not 0"), "{reason}");
}

/// A program that asks a node for something, and says by its code whether it got an answer.
const ASKS: &str = r#""bash", "-c", "at=${HARNESS_RPC_NODE_1#http://}; exec 3<>/dev/tcp/${at%:*}/${at#*:}; read -r -u 3 line""#;

/// In real time: so is a program's.
#[tokio::test]
async fn a_dial_of_ours_that_fails_is_recorded_and_is_no_nodes_failure() {
    let (no_descriptors, refused) = (24, 111);
    let run = async |errno| {
        let faults = Faults { dials_fail: Some(errno), ..Faults::default() };
        done(&command(ASKS, ""), faults).await
    };
    let (ours, the_nodes) = tokio::join!(run(no_descriptors), run(refused));
    for (done, exit) in [(ours, ExitCode::Inconclusive), (the_nodes, ExitCode::Fail)] {
        assert_eq!(done.verdict.exit, exit, "{:#}", done.json());
        let reason = done.verdict.reason.clone().unwrap_or_default();
        assert!(reason.contains("exited with 1, not 0"), "{reason}");
        let hindered =
            done.events().iter().any(|event| event["seen"]["command"]["hindered"].is_string());
        assert_eq!(hindered, exit == ExitCode::Inconclusive);
        let verified = verify(done.dir.path(), None).unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }
}
