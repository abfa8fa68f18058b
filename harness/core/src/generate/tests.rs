//! Over thousands of seeds: every text is a scenario without a warning, and everything that can be drawn is.

use std::{collections::BTreeSet, path::Path};

use super::{
    asked::{Asked, FEWEST_NODES, MOST_FAULTS, MOST_NODES, Where},
    generate,
    network::Shape,
};
use crate::{
    check::{CHECKS, CheckKind},
    fault::FAULTS,
    scenario::{Origin, Overrides, Plan, load},
    script::{Script, list},
};

const SEEDS: u64 = 2_000;

fn asked(seed: u64) -> Asked {
    // Every limit is met as well.
    let at = seed.wrapping_mul(0x9E37_79B9) >> 8;
    let span = u64::from(MOST_NODES - FEWEST_NODES + 1);
    let (nodes, faults) = match seed % 4 {
        0 => (FEWEST_NODES + u32::try_from(at % span).unwrap(), 1 + (at as u32) % MOST_FAULTS),
        _ => (8, 4),
    };
    let place = if seed.is_multiple_of(3) { Where::Docker } else { Where::Process };
    Asked { seed, nodes, faults, place }
}

fn plan(asked: &Asked, text: &str) -> Plan {
    let origin = Origin { name: "generated", path: Path::new("generated.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    let plan = plan.unwrap_or_else(|| panic!("{asked:?}\n{problems}\n{text}"));
    assert!(problems.is_empty(), "{asked:?}\n{problems}\n{text}");
    plan
}

#[test]
fn every_text_is_a_scenario_without_a_warning_and_keeps_to_its_limits() {
    for seed in 0..SEEDS {
        let asked = asked(seed);
        let text = generate(&asked);
        let plan = plan(&asked, &text);
        assert_eq!(text, generate(&asked), "the same seed, the same text");
        let script = Script::parse(&text).unwrap();
        assert!(text.ends_with(&format!("\n{script}")), "it says what it was made of\n{text}");
        assert!(plan.network().len() <= asked.nodes as usize, "{asked:?}");
        for need in plan.needs() {
            assert!(asked.place.can(need), "{asked:?} needs {need:?}");
        }
        assert!(plan.phases.iter().any(|phase| phase.faults.len() + phase.checks.len() > 0));
    }
}

/// What is asked can be had: nobody is asked for more peers than can find it, and lists of seeds lead from
/// everybody to everybody.
#[test]
fn lists_of_seeds_make_one_network_and_lead_to_nobody_who_cannot_be_dialled() {
    for seed in 0..SEEDS {
        let asked = asked(seed);
        let plan = plan(&asked, &generate(&asked));
        let common: Vec<String> =
            plan.nodes.iter().filter(|node| node.seed).map(|node| node.name.clone()).collect();
        let nodes: Vec<_> = plan.nodes.iter().filter(|node| node.hostile.is_none()).collect();
        let knows = |node: &crate::scenario::NodePlan| node.seeds.clone().unwrap_or(common.clone());
        let mut reached = BTreeSet::from([nodes[0].name.clone()]);
        loop {
            let before = reached.len();
            for node in &nodes {
                let seeds = knows(node);
                if reached.contains(&node.name) || seeds.iter().any(|seed| reached.contains(seed)) {
                    reached.insert(node.name.clone());
                    reached.extend(seeds);
                }
            }
            if reached.len() == before {
                break;
            }
        }
        assert_eq!(reached.len(), nodes.len(), "{asked:?}");
        let hidden = |name: &String| nodes.iter().any(|node| node.name == *name && node.hidden);
        assert!(!nodes.iter().flat_map(|node| knows(node)).any(|seed| hidden(&seed)), "{asked:?}");
        assert!(nodes.iter().any(|node| node.mine && !node.later), "somebody mines: {asked:?}");
        let open = nodes.iter().filter(|node| !node.hidden).count();
        for check in plan.phases.iter().flat_map(|phase| &phase.checks) {
            let CheckKind::Peers(peers) = &check.kind else { continue };
            let can = |name: &String| if hidden(name) { open } else { nodes.len() - 1 };
            let most = check.nodes.iter().map(can).min().unwrap().min(8);
            assert!(peers.needed.least() as usize <= most, "{check:?} of {most}: {asked:?}");
        }
    }
}

#[test]
fn everything_that_can_be_drawn_is_drawn() {
    let (mut faults, mut checks) = (BTreeSet::new(), BTreeSet::new());
    let (mut words, mut late) = (String::new(), 0);
    for seed in 0..SEEDS {
        let asked = asked(seed);
        let text = generate(&asked);
        let script = Script::parse(&text).unwrap();
        words += script.0["scenario"]["description"].as_str().unwrap();
        late += usize::from(text.contains("name = \"late\""));
        for phase in script.list("phases").iter().filter_map(|phase| phase.as_table()) {
            let of = |kind: &str, key: &str| {
                let steps = list(phase, kind).iter();
                steps.map(|step| step[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            faults.extend(of("faults", "fault"));
            checks.extend(of("checks", "check"));
            faults.extend((!list(phase, "storm").is_empty()).then(|| "storm".to_owned()));
        }
    }
    // There is only one build.
    for fault in FAULTS.iter().map(|entry| entry.name).filter(|name| *name != "upgrade") {
        assert!(faults.contains(fault), "`{fault}` is never drawn");
    }
    assert!(faults.contains("storm"));
    for shape in Shape::ALL {
        assert!(words.contains(shape.words()), "{shape:?} is never drawn");
    }
    assert!(late > 200, "newcomers: {late}");
    // What chance decides, or a story, is asked by nobody.
    let known: BTreeSet<&str> = CHECKS.iter().map(|entry| entry.name).collect();
    let must = [
        "alive",
        "catches-up",
        "height-advances",
        "identity-stable",
        "no-restart",
        "no-stall",
        "peers",
        "same-chain",
        "same-genesis",
        "sync-truth",
        "topology",
    ];
    assert_eq!(checks.iter().map(String::as_str).collect::<Vec<_>>(), must);
    assert!(must.iter().all(|check| known.contains(check)));
}

/// Whoever writes a seed down wants that scenario again. A change here is a new [`super::asked::VERSION`].
#[test]
fn a_seed_gives_the_text_that_it_always_gave() {
    let asked = Asked { seed: 7, nodes: 8, faults: 4, place: Where::Process };
    insta::assert_snapshot!(generate(&asked));
}
