//! SIGKILL at any moment loses nothing that was acknowledged and never prevents the next start.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use hegemon_node::chain::{Chain, ChainParams, Imported};

/// In the child: the database file.
const CHILD: &str = "HEGEMON_TEST_KILL_DATABASE";

/// Kills per run, each at another point of the child's work.
const KILLS: usize = 8;

/// The process that gets killed. It mines, imports, and then says which height is durable.
#[test]
#[ignore = "not a test by itself: the other one starts and kills it"]
fn child() {
    let path = std::env::var_os(CHILD).expect("started by the test that kills it");
    let chain = Chain::open(path.as_ref(), ChainParams::trivial("kill")).unwrap();
    let mut out = std::io::stdout();
    for now_ms in 1_800_000_000_000.. {
        let block = chain.template([1; 32], now_ms).unwrap().mine(0);
        let result = chain.import(&block, now_ms + 10_000_000);
        assert!(matches!(result, Ok(Ok(Imported::NewBest { .. }))), "{result:?}");
        writeln!(out, "durable {}", block.number()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_databases_open_again_with_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chain.redb");
    let mut height = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = lines.map_while(Result::ok).filter_map(|line| {
            let number = line.split("durable ").nth(1)?;
            number.parse::<u32>().ok()
        });
        // Another number of blocks each time; the kill itself lands anywhere in the next import.
        let last = acknowledged.nth(3 + 5 * kill).unwrap();
        child.kill().unwrap();
        let last = acknowledged.last().unwrap_or(last);
        child.wait().unwrap();

        let chain = Chain::open(&path, ChainParams::trivial("kill")).unwrap();
        assert!(chain.best().number >= last, "{:?} after {last}", chain.best());
        assert!(chain.best().number > height);
        height = chain.best().number;
        chain.audit().unwrap();
    }
}
