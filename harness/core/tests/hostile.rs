//! Groups of adversaries: what a file may say of them, and what follows from what they report.

use std::path::Path;

use harness_core::{
    event::{Event, EventKind, Look, LookedAt, Moment},
    hostile::Report,
    node::NodeSource,
    scenario::{Origin, Overrides, Plan, load},
    verdict::{Ledger, RunVerdict},
};

const NODES: &str =
    "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[nodes]]\nname = \"node\"\ncount = 2\n";
const VILLAIN: &str =
    "[[nodes]]\nname = \"villain\"\nkind = \"hostile\"\nattack = \"silence\"\ncount = 2\n";
const ALIVE: &str =
    "[[phases]]\nname = \"p\"\nchecks = [{ check = \"alive\", nodes = \"*\", within = \"5s\" }]\n";

fn loaded(text: &str) -> (Option<Plan>, String) {
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    (plan, problems.to_string())
}

fn plan(text: &str) -> Plan {
    let (plan, problems) = loaded(text);
    plan.unwrap_or_else(|| panic!("{problems}"))
}

#[test]
fn adversaries_are_beside_the_network_and_attack_all_of_it() {
    let plan = plan(&[NODES, VILLAIN, "rate = 7\n", ALIVE].concat());
    assert_eq!(plan.network(), ["seed", "node-1", "node-2"]);
    assert_eq!(plan.adversaries(), ["villain-1", "villain-2"]);
    assert_eq!(plan.phases[0].checks[0].nodes, plan.network(), "`*` does not mean them");
    let villain = &plan.nodes[3];
    assert_eq!(villain.source, NodeSource::Hostile);
    assert_eq!(villain.seeds, Some(plan.network()), "whom they attack");
    assert_eq!(villain.hostile.as_ref().unwrap().rate, Some(7));
    let text = serde_json::to_string(&plan).unwrap();
    let again: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text, "it survives the evidence");
}

#[test]
fn what_is_wrong_with_them_is_said() {
    let phase = |step: &str| format!("{ALIVE}[[phases]]\nname = \"q\"\n{step}\n");
    let later = format!("{VILLAIN}start = \"later\"\n");
    let check = r#"checks = [{ check = "alive", nodes = "villain", within = "5s" }]"#;
    let join = r#"faults = [{ fault = "join", nodes = "villain" }]"#;
    let stop = r#"faults = [{ fault = "stop", nodes = "villain-1" }]"#;
    let hostile = r#"faults = [{ fault = "hostile", nodes = "node" }]"#;
    let early = r#"faults = [{ fault = "hostile", nodes = "villain" }]"#;
    for (groups, phases, why) in [
        (VILLAIN.replace("silence", "silense"), ALIVE.to_owned(), "unknown attack `silense`"),
        (VILLAIN.replace("attack = \"silence\"\n", ""), ALIVE.to_owned(), "`attack`"),
        (
            VILLAIN.replace("kind = \"hostile\"\n", ""),
            ALIVE.to_owned(),
            "`attack` in a group of nodes",
        ),
        (format!("{VILLAIN}mine = true\n"), ALIVE.to_owned(), "`mine` in a group of adversaries"),
        (format!("{VILLAIN}args = []\n"), ALIVE.to_owned(), "`args` in a group of adversaries"),
        (format!("{VILLAIN}bin = \"x\"\n"), ALIVE.to_owned(), "`bin` in a group of adversaries"),
        (format!("{VILLAIN}seed = true\n"), ALIVE.to_owned(), "`seed` in a group of adversaries"),
        (format!("{VILLAIN}rate = 1001\n"), ALIVE.to_owned(), "`rate` is at most 1000"),
        (
            format!("{VILLAIN}seeds = [\"villain\"]\n"),
            ALIVE.to_owned(),
            "`seeds` names the adversary",
        ),
        (VILLAIN.to_owned(), phase(check), "a check of the adversary `villain`"),
        (later.clone(), phase(join), "`join` of the adversary `villain-1`"),
        (later.clone(), phase(stop), "`stop` of the adversary `villain-1`"),
        (later.clone(), phase(hostile), "`hostile` starts adversaries, and `node-1` is none"),
        (VILLAIN.to_owned(), phase(early), "`villain-1` is none that starts later"),
        (later, ALIVE.to_owned(), "nobody starts the adversary `villain-1`"),
    ] {
        let (plan, problems) = loaded(&[NODES, &groups, &phases].concat());
        assert!(plan.is_none() && problems.contains(why), "{why}:\n{problems}");
    }
}

#[test]
fn a_run_whose_adversary_did_nothing_is_inconclusive_by_its_name() {
    let plan = plan(&[NODES, VILLAIN, ALIVE].concat());
    let said = |reports: &[(&str, u64)]| {
        let mut ledger = Ledger::new("run".to_owned(), plan.clone());
        for (node, connected) in reports {
            let report = Report {
                attack: "silence".to_owned(),
                connected: *connected,
                sessions: 0,
                bytes_sent: 0,
            };
            let (sent, answered) = (Moment(1), Moment(1));
            let look =
                Look { node: (*node).to_owned(), sent, answered, seen: LookedAt::Report(report) };
            let what = EventKind::Look(look);
            ledger.record(&Event { seq: 0, at_ms: Moment(2), wall: String::new(), what });
        }
        let verdict = ledger.verdict();
        assert_eq!(verdict.verdict, RunVerdict::Inconclusive);
        verdict.reason.unwrap()
    };
    assert!(said(&[]).contains("the adversary villain-1"));
    assert!(said(&[("villain-1", 0), ("villain-2", 1)]).contains("the adversary villain-1"));
    assert!(said(&[("villain-1", 1), ("villain-2", 0)]).contains("the adversary villain-2"));
    assert_eq!(said(&[("villain-1", 1), ("villain-2", 1)]), "not every check was judged");
}
