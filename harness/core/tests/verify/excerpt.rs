//! What stands beside a verdict that is no pass: of the recorded bundle, in which something is made to fail.

use harness_core::{
    bundle::Link,
    page::excerpt,
    record::PlanRecord,
    report::{excerpt::Excerpt, verdict::Text},
    tone::Colour,
    verdict::{Ledger, RunVerdict, Verdict},
};

use crate::memory::Memory;

/// What the events say, whether or not they could have happened.
fn verdict(memory: &Memory) -> Verdict {
    let record: PlanRecord = serde_json::from_slice(&memory.files["plan.json"]).unwrap();
    let mut ledger = Ledger::new(record.run, record.plan);
    for line in memory.text("events.jsonl").lines() {
        let event = Link::read(line.as_bytes()).unwrap().event;
        ledger.record(&serde_json::from_slice(&event).unwrap());
    }
    ledger.verdict()
}

fn of(memory: &Memory) -> Excerpt {
    excerpt(memory, &verdict(memory)).unwrap().unwrap()
}

/// The last check of the recorded run, by its place in the events.
fn fails(memory: &mut Memory) {
    memory.events(|lines| {
        let settled = |line: &&mut String| line.contains("\"check-settled\"");
        let last = lines.iter_mut().rfind(settled).unwrap();
        *last = last.replacen("\"verdict\":\"pass\"", "\"verdict\":\"fail\"", 1);
    });
}

#[test]
fn a_pass_has_none() {
    let memory = Memory::recorded();
    assert_eq!(excerpt(&memory, &verdict(&memory)).unwrap(), None);
}

#[test]
fn a_failed_check_has_the_samples_before_it_and_the_lines_of_its_nodes() {
    let mut memory = Memory::recorded();
    fails(&mut memory);
    let log = "2027-01-15T08:00:01.000Z  INFO early\n2027-01-15T08:00:02.000Z  WARN the peer is gone\n2027-01-15T09:00:00.000Z  INFO long after\n";
    memory.files.insert("logs/node.log".to_owned(), log.as_bytes().to_vec());
    let verdict = verdict(&memory);
    assert_eq!(verdict.verdict, RunVerdict::Fail);
    let excerpt = of(&memory);
    assert_eq!(excerpt.moments.last(), Some(&excerpt.decided));
    assert!(excerpt.samples.iter().all(|(_, cells)| cells.len() == excerpt.moments.len()));
    assert!(excerpt.logs.iter().any(|line| line.text.contains("the peer is gone")));
    assert!(!excerpt.logs.iter().any(|line| line.text.contains("long after")), "came later");
    let text = Text {
        verdict: &verdict,
        excerpt: Some(&excerpt),
        evidence: std::path::Path::new("runs/one"),
        digest: None,
        again: None,
        colour: Colour::Off,
        width: Some(80),
    };
    insta::assert_snapshot!(text.to_string());
}

/// Others' fork, of before the check, did not decide it.
#[test]
fn a_fork_is_shown_if_it_was_seen_while_the_check_looked() {
    const FORK: &str = r#""hashes":{"node":{"value":"0xaa"},"seed":{"value":"0xbb"}}}"#;
    const CHECK: &str = r#""check":{"phase":1,"check":0}"#;
    let with = |is_looking: bool| {
        let mut memory = Memory::recorded();
        memory.events(|lines| {
            let of_check = |event: &str| {
                let event = format!("\"event\":\"{event}\",{CHECK}");
                lines.iter().position(|line| line.contains(&event)).unwrap()
            };
            let (began, settled) = (of_check("check-started"), of_check("check-settled"));
            let at = if is_looking { began + 1 } else { began - 1 };
            let moment = lines[at].split("\"event\"").next().unwrap().to_owned();
            let ms: u64 = moment.split([':', ',']).nth(3).unwrap().parse().unwrap();
            lines[at] = format!(
                "{moment}\"event\":\"hashes\",\"height\":3,\"sent\":{ms},\"answered\":{ms},{FORK}"
            );
            lines[settled] = lines[settled].replacen("\"pass\"", "\"fail\"", 1);
        });
        of(&memory).fork
    };
    assert!(with(true).is_some_and(|fork| fork.contains("0xbb… of seed")));
    assert_eq!(with(false), None);
}

#[test]
fn a_node_that_ended_has_its_own_last_lines_and_nobody_elses() {
    let mut memory = Memory::recorded();
    memory.events(|lines| {
        let at = lines.iter().position(|line| line.contains("\"fault-started\"")).unwrap();
        let moment = lines[at].split("\"event\"").next().unwrap().to_owned();
        let exited = r#""event":"node-exited","node":"node","code":7,"signal":null,"last_lines":["on fire"]}"#;
        lines[at] = format!("{moment}{exited}");
    });
    memory.files.insert("logs/node.log".to_owned(), b"opening\non fire\n".to_vec());
    let excerpt = of(&memory);
    assert_eq!(excerpt.samples.iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>(), ["node"]);
    let lines: Vec<&str> = excerpt.logs.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["opening", "on fire"]);
}

#[test]
fn a_log_that_is_not_there_takes_nothing_from_the_rest() {
    let mut memory = Memory::recorded();
    fails(&mut memory);
    memory.files.remove("logs/node.log");
    memory.files.remove("logs/seed.log");
    assert!(of(&memory).logs.is_empty());
    assert!(!of(&memory).samples.is_empty());
}
