//! Events that could not have happened in this order, or do not lead to what was found.

use harness_core::{event::Event, record::PlanRecord, verdict::RunVerdict, verify::Rederived};
use serde_json::{Value, json};

use crate::memory::Memory;

/// The recorded events, to be changed.
struct Stream(Vec<Value>);

impl Stream {
    fn recorded() -> Self {
        let text = Memory::recorded().text("events.jsonl");
        Self(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// The place of the nth event of a kind, from 0.
    fn at(&self, kind: &str, nth: usize) -> usize {
        let mut places = (0..self.0.len()).filter(|place| self.0[*place]["event"] == kind);
        places.nth(nth).unwrap()
    }

    fn set(&mut self, place: usize, pointer: &str, value: Value) {
        *self.0[place].pointer_mut(pointer).unwrap() = value;
    }

    fn drop(&mut self, kind: &str, nth: usize) {
        let place = self.at(kind, nth);
        self.0.remove(place);
    }

    fn twice(&mut self, kind: &str, nth: usize) {
        let place = self.at(kind, nth);
        self.0.insert(place, self.0[place].clone());
    }

    fn renumbered(mut self) -> Self {
        for (number, event) in self.0.iter_mut().enumerate() {
            event["seq"] = number.into();
        }
        self
    }

    /// What is wrong with it, in order, and the verdict that follows.
    fn said(&self) -> (Vec<String>, RunVerdict) {
        let record: PlanRecord =
            serde_json::from_str(&Memory::recorded().text("plan.json")).unwrap();
        let mut rederived = Rederived::new(&record.plan, &record.run);
        let mut said = Vec::new();
        for event in &self.0 {
            let event: Event = serde_json::from_value(event.clone()).unwrap();
            said.extend(rederived.take(&event));
        }
        said.extend(rederived.end().err());
        (said, rederived.verdict().verdict)
    }
}

/// What is said first of the recorded events after a change.
fn first(change: impl FnOnce(&mut Stream)) -> String {
    let mut stream = Stream::recorded();
    change(&mut stream);
    stream.renumbered().said().0.into_iter().next().unwrap_or_default()
}

#[test]
fn the_recorded_events_lead_to_their_verdict() {
    assert_eq!(Stream::recorded().said(), (Vec::new(), RunVerdict::Pass));
}

#[test]
fn a_run_begins_once_as_its_plan_says() {
    assert_eq!(first(|s| s.drop("run-started", 0)), "an event before the run started");
    assert_eq!(first(|s| s.twice("run-started", 0)), "the run starts a second time");
    for (key, value, what) in [
        ("/version", json!(3), "the events have format 3, this harness knows 1 to 2"),
        ("/run", json!("x"), "the events are of run x, the plan is of run c61a302936"),
        ("/scenario", json!("x"), "the events are of the scenario x, the plan is of test"),
        ("/seed", json!(7), "the events have the seed 7, the plan has 0"),
    ] {
        assert_eq!(first(|s| s.set(0, key, value)), what);
    }
    let nothing = Stream(Vec::new()).said().0;
    assert_eq!(nothing, ["there is no beginning (run-started)"]);
}

#[test]
fn a_run_ends() {
    let end = "there is no end (torn-down or kept): the harness was killed, or the rest is missing";
    assert_eq!(first(|s| s.drop("torn-down", 0)), end);
    let kept = first(|s| {
        let place = s.at("torn-down", 0);
        s.0[place] = json!({ "seq": 0, "at_ms": 2950, "wall": "", "event": "kept" });
    });
    assert_eq!(kept, "");
    let after = first(|s| {
        let phase = s.0.remove(s.at("phase-started", 1));
        let mut phase = phase;
        phase["at_ms"] = json!(2950);
        s.0.push(phase);
    });
    assert_eq!(after, "a fault of phase 1, which is not under way");
    let over = first(|s| {
        let place = s.at("teardown-started", 0);
        let mut phase = s.0[s.at("phase-started", 0)].clone();
        (phase["at_ms"], phase["phase"]) = (json!(2950), json!(2));
        s.0.insert(place + 1, phase);
    });
    assert_eq!(over, "phase 2 starts out of order", "after the last comes nothing");
}

#[test]
fn numbers_and_moments_go_forward() {
    let mut gap = Stream::recorded();
    gap.0.remove(20);
    assert_eq!(gap.said().0[0], "event 21 where 20 should be");
    assert_eq!(gap.said().0.len(), 1, "the rest is gone through as if it had been right");
    assert_eq!(
        first(|s| s.set(61, "/at_ms", json!(1049))),
        "time goes back, from 1050 ms to 1049 ms"
    );
}

#[test]
fn phases_follow_each_other() {
    assert_eq!(first(|s| s.twice("phase-started", 0)), "phase 0 starts out of order");
    assert_eq!(
        first(|s| s.set(s.at("phase-started", 0), "/phase", json!(1))),
        "phase 1 starts out of order"
    );
    assert_eq!(
        first(|s| s.set(s.at("phase-ended", 0), "/phase", json!(1))),
        "phase 1 ends and was not under way"
    );
    assert_eq!(first(|s| s.twice("phase-ended", 1)), "phase 1 ends and was not under way");
    let more = first(|s| {
        let place = s.at("phase-ended", 1) + 1;
        let mut third = s.0[s.at("phase-started", 1)].clone();
        (third["phase"], third["at_ms"]) = (json!(2), s.0[place]["at_ms"].clone());
        s.0.insert(place, third);
    });
    assert_eq!(more, "the plan has no phase 2");
}

#[test]
fn a_fault_goes_its_way() {
    let fault = |kind: &str, pointer: &str, value: Value| {
        let kind = kind.to_owned();
        first(move |s| s.set(s.at(&kind, 0), pointer, value))
    };
    assert_eq!(
        fault("fault-started", "/fault/fault", json!(1)),
        "the plan has no fault 1 in phase 1"
    );
    assert_eq!(
        fault("fault-started", "/fault/phase", json!(0)),
        "the plan has no fault 0 in phase 0"
    );
    assert_eq!(first(|s| s.twice("fault-started", 0)), "a fault starts a second time");
    assert_eq!(
        first(|s| s.drop("fault-started", 0)),
        "a fault cannot become Effective that was None"
    );
    assert_eq!(
        first(|s| s.drop("fault-effective", 0)),
        "the check 1 of phase 2 starts at another time than the plan says"
    );
    assert_eq!(
        first(|s| s.twice("fault-healed", 0)),
        "a fault cannot become Healed that was Some(Healed)"
    );
    for kind in ["fault-effective", "fault-healed"] {
        assert_eq!(
            fault(kind, "/since", json!(9999)),
            "a fault in effect, or healed, in the future"
        );
    }
    assert_eq!(
        fault("fault-effective", "/nodes", json!(["node"])),
        "the fault hit other nodes than the plan says"
    );
    let unproven = |s: &mut Stream, kind: &str| {
        let place = s.at(kind, 0);
        let (at, fault) = (s.0[place]["at_ms"].clone(), s.0[place]["fault"].clone());
        s.0[place] = json!({
            "seq": 0, "at_ms": at, "wall": "", "event": "fault-unproven", "fault": fault, "reason": "x",
        });
    };
    for kind in ["fault-effective", "fault-healed"] {
        let said = first(|s| unproven(s, kind));
        assert!(said.ends_with("starts at another time than the plan says"), "{kind}: {said}");
    }
    assert_eq!(
        first(|s| {
            s.twice("fault-healed", 0);
            let place = s.at("fault-healed", 1);
            let mut again = s.0[place].clone();
            again["event"] = json!("fault-unproven");
            again["reason"] = json!("x");
            s.0[place] = again;
        }),
        "a fault cannot become Unproven that was Some(Healed)"
    );
}

#[test]
fn a_fault_is_proven_by_what_was_recorded() {
    let said = first(|s| {
        let (from, to) = (s.at("fault-started", 0), s.at("fault-effective", 0));
        s.0.splice(from + 1..to, []);
    });
    assert!(said.starts_with("the fault has no proof: of seed the record says that "), "{said}");
    let early = first(|s| {
        let healed = s.0.remove(s.at("fault-healed", 0));
        let place = s.at("check-settled", 2);
        let mut healed = healed;
        healed["at_ms"] = s.0[place]["at_ms"].clone();
        s.0.insert(place, healed);
    });
    assert_eq!(early, "a fault healed before the checks during it were decided");
    assert_eq!(
        first(|s| s.drop("node-started", 2)),
        "the fault has no proof: seed is back and was not started again"
    );
    let without = first(|s| {
        s.drop("node-started", 2);
        s.drop("node-started", 0);
    });
    assert!(without.contains("seed"), "{without}");
    let silent = first(|s| {
        let (from, to) = (s.at("node-started", 2), s.at("fault-healed", 0));
        s.0.splice(from + 1..to, []);
    });
    assert_eq!(silent, "the fault has no proof: nothing shows that seed is back");
    let alive = first(|s| {
        let place = s.at("check-settled", 2);
        let running = s.0[s.at("state", 0)].clone();
        assert_eq!(running["node"], "seed");
        let mut running = running;
        running["at_ms"] = s.0[place]["at_ms"].clone();
        s.0.insert(place, running);
    });
    assert!(alive.ends_with("although it should have been down all the time"), "{alive}");
}

#[test]
fn a_check_starts_once_at_its_time() {
    let check = |nth: usize, pointer: &str, value: Value| {
        first(move |s| s.set(s.at("check-started", nth), pointer, value))
    };
    assert_eq!(
        first(|s| s.twice("check-started", 0)),
        "the check 1 of phase 1 starts a second time"
    );
    assert_eq!(check(0, "/check/check", json!(2)), "the plan has no check 2 in phase 0");
    assert_eq!(check(0, "/check/phase", json!(2)), "the plan has no check 0 in phase 2");
    assert_eq!(
        check(0, "/check/phase", json!(1)),
        "the check 1 of phase 2 in a phase that is not under way"
    );
    let of_the_fault = "the check 2 of phase 2 starts at another time than the plan says";
    assert_eq!(check(2, "/check/check", json!(1)), of_the_fault);
    let after = "the check 1 of phase 2 starts at another time than the plan says";
    assert_eq!(check(3, "/check/check", json!(0)), after);
}

#[test]
fn a_check_finds_what_follows_from_what_was_seen() {
    assert_eq!(
        first(|s| s.twice("check-settled", 0)),
        "the check 1 of phase 1 is decided a second time"
    );
    assert_eq!(
        first(|s| s.drop("check-started", 0)),
        "the check 1 of phase 1 is decided and was never started"
    );
    let early = first(|s| {
        let settled = s.0.remove(s.at("check-settled", 0));
        let place = s.at("check-started", 1) + 1;
        let mut settled = settled;
        settled["at_ms"] = s.0[place - 1]["at_ms"].clone();
        s.0.insert(place, settled);
    });
    assert_eq!(early, "the check 1 of phase 1 was not decided yet by what was seen until then");
    let said =
        |pointer: &str, value: Value| first(|s| s.set(s.at("check-settled", 0), pointer, value));
    let is = "held for 300 ms, distinct peer IDs agree [seed: 1; node: 1]";
    assert_eq!(
        said("/finding/reason", json!("x")),
        format!("the check 1 of phase 1 finds something else than is recorded: {is}")
    );
    assert_eq!(
        said("/finding/verdict", json!("fail")),
        format!(
            "the check 1 of phase 1 finds something else than is recorded (Pass, not Fail): {is}"
        )
    );
    let mut failed = Stream::recorded();
    failed.set(failed.at("check-settled", 0), "/finding/verdict", json!("fail"));
    assert_eq!(failed.said().1, RunVerdict::Pass, "what was seen counts, not what is said of it");
}
