//! Whole runs: that they repeat, and that discovery holds in those of the table that are quick
//! enough for every build. The table itself, with all scenarios and a hundred seeds, is `cargo run
//! --release -p hegemon-sim -- table`.

use hegemon_sim::{
    bench::Bench,
    meter::Metered,
    run::{self, Plan},
    scenarios::{self, Verdict},
};

#[global_allocator]
static ALLOCATOR: Metered = Metered;

fn digest(seed: u64) -> String {
    run::run(Plan {
        nodes: 24,
        minutes: 2,
        seed,
        natted_percent: 20,
        seeds: 2,
        churn_per_minute: 10,
    })
    .digest
}

#[test]
fn the_same_seed_makes_the_same_run_and_another_another() {
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn threads_change_no_result() {
    let runs = |threads| Bench { threads, ..Bench::new(3) }.over_seeds(digest);
    assert_eq!(runs(1), runs(3));
}

fn holds(name: &str, seeds: u64) {
    let scenario =
        scenarios::ALL.iter().find(|scenario| scenario.name == name).expect("a row of the table");
    let outcome = (scenario.run)(Bench::new(seeds).metered());
    assert_eq!(outcome.verdict, Verdict::Met, "{name}: {}; goal: {}", outcome.ours, scenario.goal);
}

#[test]
fn a_list_of_sixteen_mebibytes_costs_nothing_and_its_sender_the_session() {
    holds("oversize", 1);
}

#[test]
fn a_host_without_a_network_blames_nobody() {
    holds("offline", 4);
}

#[test]
fn a_week_later_the_store_is_enough() {
    holds("restart", 4);
}

#[test]
fn four_nodes_do_not_storm() {
    holds("four-nodes", 10);
}

#[test]
fn dead_baits_are_not_served() {
    holds("dead-baits", 1);
}
