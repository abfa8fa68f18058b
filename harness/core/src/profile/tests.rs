//! What each kind of node is given, and profiles that are none.

use std::{collections::BTreeMap, path::Path};

use super::*;

fn launched(profile: &str, args: &[&str]) -> Launched {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let env = BTreeMap::from([("RUST_LOG".to_owned(), "debug".to_owned())]);
    let wanted = Wanted { name: "node-1", block_time: None, mine: true, env: &env, args: &args };
    let place = Place {
        base_path: Path::new("/data"),
        listen: "0.0.0.0:30333".parse().unwrap(),
        rpc_port: 9944,
        rpc_external: true,
        metrics_port: None,
        loopback: false,
    };
    NodeProfile::shipped(profile).unwrap().launch(wanted, &place, "198.18.0.2:30333")
}

const CORE: &str = "--dev --base-path /data --name node-1 --port 30333 --listen-addr 0.0.0.0:30333 --rpc-port 9944 --rpc-external";

#[test]
fn a_foreign_node_gets_the_core_contract_and_nothing_else() {
    for name in ["core", "hegemon-0.10"] {
        let Launched { args, env } = launched(name, &[]);
        assert_eq!(args.join(" "), CORE, "{name}: a released node refuses more");
        let variables: Vec<&str> = env.keys().map(String::as_str).collect();
        assert_eq!(variables, ["HEGEMON_MINE", "HEGEMON_SEEDS", "RUST_LOG"], "{name}");
    }
    for name in ["ours", "hegemon-substrate"] {
        let args = launched(name, &[]).args.join(" ");
        assert_eq!(args, format!("{CORE} --rpc-methods unsafe"), "{name}");
    }
}

#[test]
fn a_page_of_metrics_is_served_only_where_it_is_read_and_reached_as_rpc_is() {
    let env = BTreeMap::new();
    let wanted = Wanted { name: "a", block_time: None, mine: false, env: &env, args: &[] };
    let told = |profile: &str, rpc_external, metrics_port| {
        let place = Place {
            base_path: Path::new("/data"),
            listen: "127.0.0.1:1".parse().unwrap(),
            rpc_port: 2,
            rpc_external,
            metrics_port,
            loopback: true,
        };
        let args = NodeProfile::shipped(profile).unwrap().launch(wanted, &place, "").args;
        args.join(" ")
    };
    assert!(!told("ours", true, None).contains("prometheus"));
    assert!(told("ours", false, Some(3)).ends_with(" --prometheus-port 3"));
    assert!(told("ours", true, Some(3)).contains(" --prometheus-port 3 --prometheus-external"));
    assert!(!told("core", true, Some(3)).contains('3'), "it is never given to a foreign node");
}

#[test]
fn the_scenarios_word_replaces_ours_and_no_flag_is_given_twice() {
    let args = launched("ours", &["--name", "other", "--rpc-methods=safe", "--log", "info"]).args;
    let expected =
        CORE.replace(" --name node-1", "") + " --name other --rpc-methods=safe --log info";
    assert_eq!(args.join(" "), expected);
}

#[test]
fn shipped_profiles_say_what_they_are() {
    for (name, _) in SHIPPED {
        let profile = NodeProfile::shipped(name).unwrap();
        assert!(!profile.about.is_empty() && profile.name == *name, "{name}");
        assert!(profile.dials("198.18.7.2".parse().unwrap()), "{name}: a run's own network");
        assert_eq!(profile.dials_loopback(), *name == "ours");
        let recorded = serde_json::to_string(&*profile).unwrap();
        assert_eq!(serde_json::from_str::<NodeProfile>(&recorded).unwrap(), *profile);
    }
    assert!(NodeProfile::shipped("nobody").is_none());
}

#[test]
fn a_profile_that_is_none_is_refused_with_everything_that_is_wrong() {
    let text = r#"
start_within = "90"
dials = ["198.18.0.1/15", "x"]
colour = "red"
[flags]
rpc_port = "rpc-port"
prot = "--port"
[rpc]
port = 99999
[cannot]
distinct-peer = "why"
"#;
    let (profile, problems) = NodeProfile::read("bad", Path::new("bad.toml"), text.to_owned());
    assert!(profile.is_none());
    let said = problems.to_string();
    for words in [
        "`start_within` is not a duration",
        "has host bits set; the network is 198.18.0.0/15",
        "`x` is not a subnet",
        "unknown key `colour` in a profile",
        "a flag begins with `-`",
        "unknown key `prot`",
        "at most 65535",
        "no check is called `distinct-peer`",
        "did you mean `distinct-peers`?",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (profile, problems) = NodeProfile::read("bad", Path::new("b"), "about = ".to_owned());
    assert!(profile.is_none() && problems.to_string().contains("syntax"), "{problems}");
}

#[test]
fn what_a_profile_does_not_say_is_not_given_and_not_known() {
    let text = "[flags]\nname = \"-n\"\nrpc_external = \"--ext\"\n[rpc]\nport = 9955\nmethods = [\"system_health\"]\n";
    let (profile, problems) = NodeProfile::read("bare", Path::new("b"), text.to_owned());
    let bare = profile.unwrap_or_else(|| panic!("{problems}"));
    assert!(!bare.takes_rpc_port() && NodeProfile::ours().takes_rpc_port());
    assert_eq!(bare.rpc_port, 9955);
    assert_eq!((bare.offers("system_health"), bare.offers("x")), (Some(true), Some(false)));
    assert_eq!(NodeProfile::core().offers("system_health"), None, "it is asked");
    let place = Place {
        base_path: Path::new("/data"),
        listen: "127.0.0.1:1".parse().unwrap(),
        rpc_port: 2,
        rpc_external: false,
        metrics_port: None,
        loopback: true,
    };
    let env = BTreeMap::new();
    let wanted = Wanted { name: "a", block_time: None, mine: false, env: &env, args: &[] };
    let launched = bare.launch(wanted, &place, "");
    assert_eq!((launched.args.join(" ").as_str(), launched.env.len()), ("-n a", 0));
    for (text, why) in [
        ("[variables]\nseeds = \"A B\"\n", "not a variable's name"),
        ("[variables]\nseeds = \"\"\n", "not a variable's name"),
        ("[flags]\nname = \"-\"\n", "a flag begins with `-`"),
        ("dials = []\n", "`dials` is empty"),
    ] {
        let (profile, problems) = NodeProfile::read("bad", Path::new("b"), text.to_owned());
        assert!(profile.is_none() && problems.to_string().contains(why), "{text}: {problems}");
    }
    let long = format!("# {}\n", "x".repeat(64 * 1024));
    assert!(NodeProfile::read("long", Path::new("b"), long).0.is_none());
}
