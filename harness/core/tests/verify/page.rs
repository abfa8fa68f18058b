//! The page of the recorded bundle, and of the same with words in it that nobody should believe.

use std::io;

use harness_core::{
    event::CheckVerdict,
    page::{self, Belief, Beside},
    report::markdown,
    verdict::RunVerdict,
};

use crate::memory::Memory;

fn page(memory: &Memory) -> String {
    let verdict = memory.verified().verdict.unwrap();
    page::of(memory, &verdict, &Belief::Whole).unwrap()
}

/// What a reader without pictures reads.
fn words(page: &str) -> String {
    let body = page.split("<body>").nth(1).unwrap().split("<script").next().unwrap();
    let (mut out, mut inside) = (String::new(), false);
    for letter in body.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push('\n');
            }
            letter if !inside => out.push(letter),
            _ => {}
        }
    }
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_that_was_found_is_there_in_words() {
    insta::assert_snapshot!(words(&page(&Memory::recorded())));
}

/// The same of a bundle that an older harness made.
#[test]
fn older_bundles_have_a_page() {
    assert!(page(&Memory::older()).contains("PASS"));
}

#[test]
fn a_nodes_words_are_text() {
    let mut memory = Memory::recorded();
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{1b}[31m";
    memory.files.insert("logs/node.log".to_owned(), format!("{evil}\n").repeat(3).into_bytes());
    memory.change(
        "events.jsonl",
        "\"event\":\"all-started\"",
        &format!(
            "\"event\":\"environment-failed\",\"reason\":\"{}\",\"unsupported\":false",
            evil.replace('\u{1b}', "\\u001b")
        ),
    );
    let page = page(&memory);
    assert!(page.contains("alert(1)") && page.contains("onerror"), "it is shown");
    assert_eq!(page.matches("<script").count(), 2, "data and ours");
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn evidence_that_does_not_fit_is_said_first() {
    let memory = Memory::recorded();
    let verdict = memory.verified().verdict.unwrap();
    let belief = Belief::Broken(2, "logs/node.log: was changed".to_owned());
    let words = words(&page::of(&memory, &verdict, &belief).unwrap());
    let at = |what: &str| words.find(what).unwrap();
    assert!(at("The evidence does not fit (2 problems)") < at("What was found"));
    let mut gone = Memory::recorded();
    gone.files.remove("events.jsonl");
    let refused = page::of(&gone, &verdict, &Belief::Fresh).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
}

#[test]
fn several_runs_are_counted_by_what_their_evidence_says() {
    let run = |belief, verdict| Beside {
        place: "runs/<a>".to_owned(),
        belief,
        digest: None,
        verdict,
        builds: [("workspace".to_owned(), "ab".repeat(32))].into(),
        seed: Some(7),
    };
    let verdict = Memory::recorded().verified().verdict;
    let broken = Belief::Broken(1, "events.jsonl:3: the chain breaks".to_owned());
    let page = page::beside(&[
        run(Belief::Whole, verdict.clone()),
        run(broken.clone(), verdict),
        run(broken, None),
    ]);
    let words = words(&format!("{page}<script"));
    assert!(words.contains("2 NOT WHOLE, 1 PASS") && words.contains("runs/&lt;a&gt;"), "{words}");
    assert!(words.contains("3 runs of 1 scenario, 1 build"), "{words}");
}

#[test]
fn a_jobs_summary_has_what_failed_in_full() {
    let mut verdict = Memory::recorded().verified().verdict.unwrap();
    insta::assert_snapshot!("summary_pass", markdown::summary(&verdict, "runs/a`b", None));
    assert!(markdown::annotations(&verdict).is_empty());
    verdict.verdict = RunVerdict::Fail;
    verdict.reason = Some("check `peers` of node: 1 | not 2\nmore".to_owned());
    let check = &mut verdict.phases[0].checks[0];
    check.verdict = CheckVerdict::Fail;
    check.observed = "node-1: <b>1</b> | x".to_owned();
    insta::assert_snapshot!("summary_fail", markdown::summary(&verdict, "runs/a", None));
    insta::assert_snapshot!("annotations", markdown::annotations(&verdict).join("\n"));
}
