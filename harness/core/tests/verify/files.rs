//! What is wrong with files: said by name, with its reason, and nothing else is said.

use std::io;

use harness_core::{
    bundle::{Entry, MANIFEST, Sha256Hex},
    verdict::RunVerdict,
    verify::verify,
};

use crate::memory::Memory;

#[test]
fn a_bundle_that_was_recorded_long_ago_is_whole() {
    let recorded = Memory::recorded();
    let verified = recorded.verified();
    assert_eq!(recorded.said(), Vec::<String>::new());
    assert!(verified.is_whole());
    assert_eq!((verified.events, verified.more), (171, 0));
    let digest = Sha256Hex::of(&[&recorded.files[MANIFEST]]);
    assert_eq!(verified.digest, Some(digest));
    assert!(verify(&recorded, Some(digest)).unwrap().is_whole());
    let verdict = verified.verdict.unwrap();
    assert_eq!((verdict.verdict, verdict.exit_code), (RunVerdict::Pass, 0));
    assert_eq!(verified.plan.unwrap().run, "c61a302936");
}

#[test]
fn another_digest_than_the_expected_one_is_said() {
    let other = Sha256Hex([7; 32]);
    let verified = verify(&Memory::recorded(), Some(other)).unwrap();
    assert_eq!(verified.problems.len(), 1);
    assert!(
        verified.problems[0].what.ends_with("as expected: it is another bundle, or was changed")
    );
    let mut without = Memory::recorded();
    without.files.remove(MANIFEST);
    let verified = verify(&without, Some(other)).unwrap();
    assert!(verified.problems[1].what.starts_with("the bundle's digest is none, not 0707"));
    assert!(!verified.is_whole());
}

#[test]
fn a_file_that_is_missing_is_named() {
    for (file, also) in [
        ("events.jsonl", "events.jsonl: cannot be read: entity not found"),
        ("junit.xml", "junit.xml: is missing"),
        ("logs/seed.log", "logs/seed.log: is missing"),
        (MANIFEST, "manifest.json: is missing"),
        ("plan.json", "plan.json: is missing"),
        ("verdict.json", "verdict.json: is missing"),
    ] {
        let mut bundle = Memory::recorded();
        bundle.files.remove(file);
        let said = bundle.said();
        assert!(said.contains(&also.to_owned()), "{file}: {said:?}");
        assert!(!bundle.verified().is_whole());
        let follows = !["events.jsonl", "plan.json"].contains(&file);
        assert_eq!(bundle.verified().verdict.is_some(), follows, "{file}");
    }
}

#[test]
fn where_nothing_is_there_is_nothing_to_verify() {
    let mut nothing = Memory::recorded();
    nothing.files.clear();
    assert_eq!(verify(&nothing, None).unwrap_err().kind(), io::ErrorKind::NotFound);
    nothing.strange.push("pipe".to_owned());
    let said = nothing.said();
    assert_eq!(said[0], "pipe: neither a file nor a folder that a run leaves");
    let mut alone = Memory::recorded();
    alone.files.retain(|path, _| path == MANIFEST);
    assert!(!alone.verified().is_whole(), "a manifest is something of a bundle");
}

#[test]
fn every_file_is_as_the_manifest_says() {
    let mut longer = Memory::recorded();
    longer.files.get_mut("logs/seed.log").unwrap().push(b'x');
    assert_eq!(longer.said(), ["logs/seed.log: has 43 bytes, the manifest says 42"]);
    let mut other = Memory::recorded();
    other.files.get_mut("logs/seed.log").unwrap()[0] ^= 1;
    let said = other.said();
    assert!(said.len() == 1 && said[0].starts_with("logs/seed.log: was changed: its hash is "));
    let mut more = Memory::recorded();
    more.files.insert("logs/more.log".to_owned(), Vec::new());
    assert_eq!(more.said(), ["logs/more.log: is not in the manifest"]);
}

#[test]
fn a_manifest_is_written_in_one_way() {
    for (from, to, what) in [
        ("{\n", "{ \n", "is not written as a harness writes it"),
        ("\"version\": 2", "\"version\": 3", "format version 3; this harness knows 1 to 2"),
        ("\"version\": 2,", "\"version\": 2, \"more\": 1,", "cannot be understood: unknown field"),
        ("\"version\": 2,", "", "cannot be understood: missing field `version`"),
    ] {
        let mut bundle = Memory::recorded();
        bundle.change(MANIFEST, from, to);
        let said = bundle.said();
        assert!(
            said.len() == 1 && said[0].starts_with(&format!("manifest.json: {what}")),
            "{said:?}"
        );
    }
}

#[test]
fn what_a_manifest_says_of_the_whole_follows_from_the_rest() {
    let entry = |path: &str| Entry { path: path.to_owned(), bytes: 0, sha256: Sha256Hex([0; 32]) };
    let said = |change: &dyn Fn(&mut harness_core::bundle::Manifest)| {
        let mut bundle = Memory::recorded();
        bundle.fit(change);
        bundle.said()
    };
    assert_eq!(said(&|_| ()), Vec::<String>::new());
    assert_eq!(
        said(&|manifest| manifest.files.swap(2, 3)),
        ["manifest.json: files are not in their order, or twice"]
    );
    assert_eq!(
        said(&|manifest| manifest.files.insert(3, manifest.files[2].clone())),
        ["manifest.json: files are not in their order, or twice", "logs/node.log: is missing"]
    );
    assert_eq!(
        said(&|manifest| manifest.files.insert(0, entry("../x"))),
        ["../x: is no file of this bundle"]
    );
    assert_eq!(said(&|manifest| manifest.files.push(entry("x"))), ["x: is missing"]);
    assert_eq!(
        said(&|manifest| drop(manifest.files.remove(5))),
        [
            "verdict.json: is not in the manifest",
            "manifest.json: does not list verdict.json, which every bundle has"
        ]
    );
    assert_eq!(
        said(&|manifest| manifest.events += 1),
        ["manifest.json: says 172 events, there are 171"]
    );
    assert_eq!(
        said(&|manifest| manifest.chain = Sha256Hex([1; 32])),
        ["manifest.json: says another last value of the chain than the events have"]
    );
    assert_eq!(
        said(&|manifest| manifest.run.push('x')),
        ["manifest.json: is of run c61a302936x, plan and events are of run c61a302936"]
    );
    let another = "manifest.json: says another verdict";
    for verdict in [
        said(&|manifest| manifest.exit_code = 1),
        said(&|manifest| manifest.verdict = RunVerdict::Fail),
        said(&|manifest| manifest.scenario.push('x')),
    ] {
        assert!(verdict.len() == 1 && verdict[0].starts_with(another), "{verdict:?}");
    }
}

#[test]
fn verdict_and_report_follow_from_the_events() {
    let said = |file: &str, from: &str, to: &str| {
        let mut bundle = Memory::recorded();
        bundle.change(file, from, to);
        bundle.fit(|_| ());
        bundle.said()
    };
    assert_eq!(
        said("verdict.json", "\"pass\"", "\"fail\""),
        ["verdict.json: verdict says \"fail\", but \"pass\" follows from the events"]
    );
    assert_eq!(
        said("verdict.json", "held for 300 ms", "held for 400 ms"),
        ["verdict.json: phases.0.checks.0.reason says \"held for 400 ms, distinct peer IDs \
             agree\", but \"held for 300 ms, distinct peer IDs agree\" follows from the events"]
    );
    assert_eq!(
        said("verdict.json", "{\n", "{ \n"),
        ["verdict.json: is not written as a harness writes it"]
    );
    assert_eq!(said("verdict.json", "{\n", "\n"), ["verdict.json: cannot be understood"]);
    assert_eq!(
        said("verdict.json", "\"seed\",\n            \"node\"\n", "\"seed\"\n"),
        ["verdict.json: phases.0.checks.0.nodes says [\"seed\"], but [\"seed\",\"node\"] follows \
             from the events"]
    );
    let added = said("verdict.json", "{\n", "{\n\"more\": 1,\n");
    assert_eq!(added, ["verdict.json: more says 1, but null follows from the events"]);
    assert_eq!(said("junit.xml", "test", "rest"), ["junit.xml: does not follow from the events"]);
}

#[test]
fn a_plan_is_the_one_that_its_own_text_gives() {
    let said = |from: &str, to: &str| {
        let mut bundle = Memory::recorded();
        bundle.change("plan.json", from, to);
        bundle.fit(|_| ());
        bundle.said()
    };
    let text = "fault = \\\"restart\\\"";
    assert!(
        said(text, "fault = \\\"rest\\\"")[0].starts_with("plan.json: its scenario is refused")
    );
    assert_eq!(
        said("downtime = \\\"300ms\\\"", "downtime = \\\"400ms\\\"")[0],
        "plan.json: is not the plan that its scenario gives with its overrides"
    );
    assert_eq!(
        said("\"fake\": true", "\"fake\": false"),
        ["events.jsonl:3: the provider's facts are others than in plan.json"]
    );
    assert!(said("\"plan\": {", "\"plan\": [{")[0].starts_with("plan.json: cannot be understood"));
}

#[test]
fn a_line_is_a_link_of_the_chain_and_an_event() {
    let said = |change: &dyn Fn(&mut Vec<String>)| {
        let mut bundle = Memory::recorded();
        let mut lines: Vec<String> =
            bundle.text("events.jsonl").lines().map(|line| format!("{line}\n")).collect();
        change(&mut lines);
        bundle.files.insert("events.jsonl".to_owned(), lines.concat().into_bytes());
        bundle.fit(|_| ());
        bundle.said()
    };
    let breaks = "the chain breaks: this line was changed, or one before it was changed, added, \
                  dropped or moved";
    assert_eq!(
        said(&|lines| lines[1] = lines[1].replace("making", "faking")),
        [format!("events.jsonl:2: {breaks}")]
    );
    assert_eq!(
        said(&|lines| lines.last_mut().unwrap().truncate(60)),
        [
            "events.jsonl:171: is cut off",
            "events.jsonl: there is no end (torn-down or kept): the harness was killed, or the \
             rest is missing",
            "manifest.json: says another last value of the chain than the events have",
        ]
    );
    assert!(
        said(&|lines| lines[1] = "{}\n".to_owned())
            .contains(&"events.jsonl:2: has no value of the chain at its end".to_owned())
    );
    let mut other = Memory::recorded();
    other.events(|lines| lines[1] = r#"{"seq":1}"#.to_owned());
    assert!(other.said()[0].starts_with("events.jsonl:2: is no event: "), "{:?}", other.said());
    let mut spaced = Memory::recorded();
    spaced.events(|lines| lines[1] = lines[1].replacen("\"seq\":", "\"seq\": ", 1));
    assert_eq!(spaced.said(), ["events.jsonl:2: is not written as a harness writes it"]);
}

#[test]
fn what_fills_memory_is_not_read() {
    let said = |length: usize| {
        let mut large = Memory::recorded();
        large.files.insert("verdict.json".to_owned(), vec![b' '; length]);
        large.said().pop().unwrap()
    };
    assert_eq!(said(16 * 1024 * 1024), "verdict.json: cannot be understood");
    assert_eq!(
        said(16 * 1024 * 1024 + 1),
        "verdict.json: cannot be read: larger than 16777216 bytes"
    );
    let mut long = Memory::recorded();
    long.files.insert("events.jsonl".to_owned(), vec![b'x'; 4 * 1024 * 1024 + 1]);
    let said = "events.jsonl:1: a line of more than 4194304 bytes".to_owned();
    assert!(long.said().contains(&said), "{:?}", long.said());
}

#[test]
fn a_few_problems_help_and_the_rest_is_counted() {
    let mut bundle = Memory::recorded();
    for number in 0..60 {
        bundle.files.insert(format!("logs/{number:02}-{}.log", "x".repeat(500)), Vec::new());
    }
    let verified = bundle.verified();
    assert_eq!((verified.problems.len(), verified.more), (50, 10));
    let mut hostile = Memory::recorded();
    hostile.change(MANIFEST, "\"version\": 2,", &format!("\"{}\": 1,", "x\\u001b".repeat(500)));
    let what = &hostile.verified().problems[0].what;
    assert!(what.chars().count() <= 500 && !what.contains('\u{1b}'), "{what}");
}

/// Evidence outlives the harness that made it.
#[test]
fn an_older_bundle_is_verified_but_for_its_words() {
    let older = Memory::older();
    let verified = older.verified();
    assert!(verified.is_whole(), "{:?}", older.said());
    assert_eq!(verified.verdict.map(|verdict| verdict.verdict), Some(RunVerdict::Pass));
    let said = |from: &str, to: &str| {
        let mut bundle = Memory::older();
        bundle.change("verdict.json", from, to);
        bundle.fit(|_| ());
        bundle.said()
    };
    assert_eq!(said("held for 300 ms", "held for 400 ms"), Vec::<String>::new());
    assert_eq!(
        said("\"pass\"", "\"fail\""),
        ["verdict.json: verdict says \"fail\", but \"pass\" follows from the events"]
    );
}
