//! What the integration tests share: scenarios on disk, a run from file to verdict, and a network of fakes.

#![expect(dead_code, reason = "every test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub(crate) mod fake;
pub(crate) mod noop;

use std::{fs, path::Path, sync::Arc};

use harness::{
    provider::Provider,
    record::RunDir,
    report::jsonl::Jsonl,
    run::{
        controller::Controller,
        executor::{AtEnd, Run},
        interrupt::Interrupt,
    },
    scenario::{Overrides, Plan, load},
    verdict::Verdict,
};

/// A run that is over, and what it left.
pub(crate) struct Done {
    pub(crate) verdict: Verdict,
    pub(crate) dir: RunDir,
    pub(crate) folder: tempfile::TempDir,
}

impl Done {
    /// `verdict.json`, as somebody else would read it.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(self.dir.path().join("verdict.json")).unwrap()).unwrap()
    }

    /// Names and decisions of all checks of the run, in order.
    pub(crate) fn checks(&self) -> Vec<(String, String)> {
        let json = self.json();
        let checks = json["phases"].as_array().unwrap().iter().flat_map(|phase| phase["checks"].as_array().unwrap());
        checks.map(|check| (check["check"].as_str().unwrap().to_owned(), check["verdict"].as_str().unwrap().to_owned())).collect()
    }

    /// Every event, in order.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.dir.events()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A plan from text.
pub(crate) fn plan(folder: &Path, text: &str) -> Plan {
    let file = folder.join("test.toml");
    fs::write(&file, text).unwrap();
    let (plan, problems) = load(&file, &Overrides::default());
    plan.unwrap_or_else(|| panic!("{problems}"))
}

/// From a scenario's text to the end of its run.
pub(crate) async fn run(text: &str, provider: Arc<dyn Provider>, interrupt: Interrupt) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), text);
    let dir = RunDir::create(&folder.path().join("runs"), &plan.scenario).unwrap();
    let jsonl = Jsonl::create(&dir.events()).unwrap();
    let controller = Arc::new(Controller::begin(&dir, &plan, vec![Box::new(jsonl)]));
    let run = Run { plan, provider, controller, dir: dir.clone(), timeout_factor: 1.0, at_end: AtEnd::Remove, interrupt };
    let verdict = run.execute().await;
    Done { verdict, dir, folder }
}
