//! No change to a bundle goes unnoticed, by whoever it is made.

use std::fs;

use harness_core::bundle::{Entry, Sha256Hex};
use harness_run::evidence::verify;
use proptest::prelude::*;

use crate::{
    DISCOVER,
    copy::{Copy, chained, first, names},
    found, good, in_paused_time, one, said,
    support::fake::Faults,
};

#[test]
fn a_dropped_line_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| drop(lines.remove(20)));
    copy.is_noticed(&[
        "events.jsonl:21: the chain breaks",
        "events.jsonl:21: event 21 where 20 should be",
        "manifest.json: says",
    ]);
}

#[test]
fn a_changed_digit_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| {
        let sample = first(lines, "sample");
        lines[sample] =
            lines[sample].replacen("\"peers\":{\"value\":", "\"peers\":{\"value\":1", 1);
    });
    copy.is_noticed(&["the chain breaks", "events.jsonl: has "]);
}

#[test]
fn half_a_file_is_noticed() {
    let copy = Copy::new();
    copy.change("events.jsonl", |text| text[..text.len() / 2].to_owned());
    copy.is_noticed(&["is cut off", "there is no end", "manifest.json: says"]);
    let log = Copy::new();
    log.change("logs/seed.log", |text| text[..text.len() / 2].to_owned());
    log.is_noticed(&["logs/seed.log: has"]);
}

#[test]
fn two_lines_swapped_are_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| lines.swap(20, 21));
    copy.is_noticed(&[
        "events.jsonl:21: the chain breaks",
        "event 21 where 20 should be",
        "events.jsonl: was changed",
    ]);
}

#[test]
fn an_edited_verdict_is_noticed() {
    let copy = Copy::new();
    copy.change("verdict.json", |text| text.replacen("\"pass\"", "\"fail\"", 1));
    copy.fit_manifest(|_| ());
    copy.is_noticed(&["verdict.json: verdict says \"fail\", but \"pass\" follows from the events"]);
}

#[test]
fn a_missing_file_is_noticed() {
    for file in names(good().dir.path()) {
        let copy = Copy::new();
        fs::remove_file(copy.path(&file)).unwrap();
        copy.is_noticed(&[
            if file == "events.jsonl" { "events.jsonl: is missing" } else { "is missing" },
            &file,
        ]);
    }
}

#[test]
fn an_edited_log_is_noticed() {
    let copy = Copy::new();
    copy.change("logs/node-1.log", |text| text.replacen("starts", "STARTS", 1));
    copy.is_noticed(&["logs/node-1.log: was changed"]);
}

#[test]
fn an_added_line_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| lines.insert(20, lines[20].clone()));
    copy.is_noticed(&[
        "events.jsonl:22: the chain breaks",
        "event 20 where 21 should be",
        "manifest.json: says",
    ]);
    let file = Copy::new();
    fs::write(file.path("logs/extra.log"), "x").unwrap();
    file.is_noticed(&["logs/extra.log: is not in the manifest"]);
}

#[test]
fn a_manifest_that_fits_a_changed_event_is_noticed_by_the_chain() {
    let copy = Copy::new();
    copy.lines(|lines| {
        let sample = first(lines, "sample");
        lines[sample] = lines[sample].replacen("\"start\":0", "\"start\":1", 1);
    });
    copy.fit_manifest(|_| ());
    let verified = found(copy.folder.path());
    assert!(
        said(&verified).iter().all(|problem| problem.contains("the chain breaks")),
        "{:?}",
        said(&verified)
    );
    assert_eq!(verified.problems.len(), 1);
}

#[test]
fn a_bundle_of_another_run_under_this_name_is_noticed_by_the_expected_digest() {
    let digest = good().dir.digest().unwrap();
    assert!(verify(good().dir.path(), Some(digest)).unwrap().is_whole());
    let other = in_paused_time(|| one(DISCOVER.to_owned(), Faults::default()));
    assert!(verify(other.dir.path(), None).unwrap().is_whole());
    let verified = verify(other.dir.path(), Some(digest)).unwrap();
    assert!(
        said(&verified)[0].starts_with("manifest.json: the bundle's digest is "),
        "{:?}",
        said(&verified)
    );
}

/// Beyond the ten: somebody writes the chain and the manifest anew, and only what follows from the
/// events is left to tell.
#[test]
fn a_finding_that_does_not_follow_from_the_samples_is_noticed_behind_a_new_chain() {
    let changes: [(&str, &str, &str, &str); 4] = [
        (
            "check-settled",
            "\"reason\":\"",
            "\"reason\":\"nearly ",
            "finds something else than is recorded",
        ),
        ("fault-healed", "\"since\":", "\"since\":9", "in the future"),
        (
            "check-settled",
            "\"check\":{\"phase\":0",
            "\"check\":{\"phase\":1",
            "that is not under way",
        ),
        (
            "run-started",
            "\"version\":2",
            "\"version\":3",
            "the events have format 3, this harness knows 1 to 2",
        ),
    ];
    for (event, from, to, reason) in changes {
        let copy = Copy::new();
        let mut last = None;
        copy.lines(|lines| {
            let line = first(lines, event);
            lines[line] = lines[line].replacen(from, to, 1);
            last = Some(chained(lines));
        });
        copy.fit_manifest(|manifest| manifest.chain = last.unwrap());
        copy.is_noticed(&[reason]);
    }
}

/// The engine's word on the seed between the fault's start and its proof, turned around: then
/// nothing shows that it was down.
#[test]
fn a_fault_that_the_events_do_not_show_is_noticed_behind_a_new_chain() {
    let copy = Copy::new();
    let mut last = None;
    copy.lines(|lines| {
        let (from, to) = (first(lines, "fault-started"), first(lines, "fault-effective"));
        let running = lines[..from]
            .iter()
            .rfind(|line| line.contains("\"event\":\"state\",\"node\":\"seed\""))
            .unwrap();
        let state = |line: &str| {
            line[line.find("\"state\":{").unwrap()..line.find(",\"chain\"").unwrap()].to_owned()
        };
        let runs = state(running);
        let ended: Vec<usize> = (from..to)
            .filter(|line| lines[*line].contains("\"event\":\"state\",\"node\":\"seed\""))
            .collect();
        assert!(!ended.is_empty());
        for line in ended {
            let said = state(&lines[line]);
            lines[line] = lines[line].replacen(&said, &runs, 1);
        }
        last = Some(chained(lines));
    });
    copy.fit_manifest(|manifest| manifest.chain = last.unwrap());
    copy.is_noticed(&[
        "the fault has no proof: of seed the record says that it still runs as process",
    ]);
}

#[test]
fn there_is_one_way_to_write_a_manifest() {
    for (from, to) in [
        ("{\n", "{ \n"),
        ("\"version\": 2", "\"version\": 2.0"),
        ("\"version\": 2", "\"version\": 2,\n  \"more\": 1"),
    ] {
        let copy = Copy::new();
        copy.change("manifest.json", |text| text.replacen(from, to, 1));
        copy.is_noticed(&["manifest.json: "]);
    }
}

#[test]
fn hostile_paths_in_a_manifest_open_nothing() {
    for path in ["../secret", "/etc/passwd", "logs/../../x"] {
        let copy = Copy::new();
        copy.fit_manifest(|manifest| {
            manifest.files.push(Entry {
                path: path.to_owned(),
                bytes: 0,
                sha256: Sha256Hex([0; 32]),
            })
        });
        copy.is_noticed(&["is no file of this bundle"]);
    }
    let copy = Copy::new();
    fs::remove_file(copy.path("logs/seed.log")).unwrap();
    std::os::unix::fs::symlink(good().dir.logs().join("seed.log"), copy.path("logs/seed.log"))
        .unwrap();
    copy.is_noticed(&["logs/seed.log: neither a file nor a folder"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_byte_anywhere_is_noticed(file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let copy = Copy::new();
        let names = names(copy.folder.path());
        let path = copy.path(file.get::<String>(&names).as_str());
        let mut bytes = fs::read(&path).unwrap();
        prop_assert!(found(copy.folder.path()).is_whole(), "an unchanged bundle verifies");
        *place.get_mut(&mut bytes) ^= flip;
        fs::write(&path, bytes).unwrap();
        prop_assert!(!found(copy.folder.path()).is_whole(), "{}", path.display());
    }
}
