//! Exploring gives the same answer on any number of threads and in any process, and what fails is made
//! smaller and fails again.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::process::Command;

use hegemon_sim::whole::{
    explore::{Explored, Failing, Left, explore, shrink},
    run,
    schedule::{Act, Fault, Mode, Schedule},
};

/// Small networks.
const SEEDS: std::ops::Range<u64> = 11..14;

fn explored(jobs: usize) -> Explored {
    explore(SEEDS, jobs, Failing::GoesOn, |_, _, _| ())
}

/// What the command says of the same seeds.
fn command(jobs: &str) -> String {
    let seeds = format!("{}..{}", SEEDS.start, SEEDS.end);
    let output = Command::new(env!("CARGO_BIN_EXE_hegemon-sim"))
        .args(["explore", "--all", "--seeds", &seeds, "--jobs", jobs])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn threads_and_processes_change_no_result() {
    let (one, two) = (explored(1), explored(2));
    assert_eq!(one, two);
    assert_eq!(one.failed().count(), 0, "{one:?}");
    let digests: std::collections::BTreeSet<_> =
        one.tried.values().map(|tried| tried.digest).collect();
    assert_eq!(digests.len(), one.tried.len(), "and each seed is another run");
    assert_eq!(run(&Schedule::of(12)).digest, one.tried[&12].digest);
    let digest = format!("{:016x}", one.digest());
    let said = command("2");
    assert!(said.contains(&digest), "{said} {digest}");
}

/// The only miner is ten minutes ahead for a while: its blocks are nobody's until their time comes, which is
/// no bug, and needs none of the other faults, and of the other nodes nobody but the seed.
#[test]
fn of_what_fails_only_the_cause_is_left_and_it_fails_again() {
    let during = |from, begin, to, end| Fault { acts: vec![(from, begin), (to, end)] };
    let schedule = Schedule {
        mode: Mode::Liveness,
        miners: 1,
        yields: 20,
        faults: vec![
            Fault { acts: vec![(3_000, Act::Sever(0, 1))] },
            during(5_000, Act::Clock(3, 600_000), 20_000, Act::Clock(3, 0)),
            during(8_000, Act::Freeze(1), 9_000, Act::Thaw(1)),
        ],
        ..Schedule::quiet(5, 4, 45)
    };
    let broken = run(&schedule).violations;
    let property = broken.first().unwrap().property;
    let smaller = shrink(&schedule, property);
    let cause = Left { faults: vec![1], without: vec![2, 1], plain: true };
    assert_eq!(smaller.left, cause);
    let small = cause.of(&schedule);
    assert!(small.to_string().contains("4 nodes without 2 and 1,"), "{small}");
    assert!(!small.acts().iter().any(|(_, act)| act.concerns(1) || act.concerns(2)), "{small}");
    assert_eq!(run(&small).violations, smaller.violations);
    assert!(smaller.violations.iter().any(|violation| violation.property == property));
    let innocent = Left { faults: vec![0, 2], ..Left::all(&schedule) };
    assert_eq!(run(&innocent.of(&schedule)).violations, [], "without the cause");
}

#[test]
fn a_fault_or_node_that_a_seed_does_not_have_and_a_filter_that_is_none_start_no_run() {
    let wrong = [
        ("--faults=0,99", "none at 99"),
        ("--without=8", "--without: this seed has"),
        ("--log=hegemon_node=loudly", "--log"),
    ];
    for (wrong, why) in wrong {
        let output = Command::new(env!("CARGO_BIN_EXE_hegemon-sim"))
            .args(["explore", "--seed", "11", wrong])
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{words}");
        assert!(output.stdout.is_empty() && words.contains(why), "{words}");
    }
}
