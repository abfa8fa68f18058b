//! `report.html`: a run as people see it. One file, nothing from elsewhere, and nothing in it decides: it is made of
//! the plan, the events and the logs of a bundle, of which the verdict follows by itself.
//!
//! | module | what it is |
//! | --- | --- |
//! | `story`, `series` | what is shown, collected in bounded room |
//! | `timeline` | lanes on one axis of time |
//! | `graph` | who talked to whom, and where nodes differed |
//! | `logs` | the nodes' logs by time |
//! | `excerpt` | what of it stands beside a verdict on a terminal |
//! | `words` | verdict, findings, environment |
//! | `frame` | what every page is: one file, nothing from elsewhere |
//! | `beside` | several runs on one page |
//!
//! Nodes' words are text here and never markup: `maud` escapes what it is given, data for the script is JSON without `<`,
//! and the page forbids itself everything from elsewhere.

mod beside;
mod excerpt;
mod frame;
mod graph;
mod logs;
mod series;
mod story;
mod timeline;
mod words;

use std::{
    io::{self, BufReader, Read},
    time::SystemTime,
};

pub use beside::{Beside, beside};
pub use excerpt::excerpt;
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};
pub use words::Belief;

use self::{logs::Log, series::Series, story::Story};
use crate::{
    bundle::Link,
    event::Event,
    record::PlanRecord,
    text::printable,
    verdict::Verdict,
    verify::{Bundle, reading},
};

const SCRIPT: &str = include_str!("page.js");

/// The page of a bundle, with the verdict that follows from it.
///
/// # Errors
///
/// If plan or events cannot be read.
pub fn of(bundle: &dyn Bundle, verdict: &Verdict, belief: &Belief) -> io::Result<String> {
    let record: PlanRecord = serde_json::from_slice(&reading::read(bundle, "plan.json")?)?;
    let mut story = Story::new(&record.plan);
    for event in events(bundle)? {
        story.record(&event?);
    }
    let logs = read_logs(bundle, &story);
    Ok(Page { record: &record, verdict, belief, story: &story }.render(logs).into_string())
}

/// A bundle's events, in their order; a line that is none is left out.
fn events(bundle: &dyn Bundle) -> io::Result<impl Iterator<Item = io::Result<Event>>> {
    let mut events = BufReader::new(bundle.open("events.jsonl")?);
    let lines = std::iter::from_fn(move || reading::line(&mut events).transpose());
    Ok(lines.filter_map(|line| match line {
        Ok(line) => {
            let link = Link::read(line.strip_suffix(b"\n").unwrap_or(&line))?;
            serde_json::from_slice(&link.event).ok().map(Ok)
        }
        Err(why) => Some(Err(io::Error::other(why))),
    }))
}

/// A log that is not there is an empty one: not every node came to write.
fn read_logs(bundle: &dyn Bundle, story: &Story) -> Vec<Log> {
    let started = humantime::parse_rfc3339(&story.started).unwrap_or(SystemTime::UNIX_EPOCH);
    let count = story.lanes.len();
    let log = |(number, name): (usize, &str)| {
        let file = bundle.open(&format!("logs/{name}.log")).ok()?;
        // A log that grows for ever is read to its end only where it is evidence.
        Log::read(file.take(MOST_OF_A_LOG), number, count, started).ok()
    };
    let names = story.lanes.iter().map(|lane| lane.name.as_str()).enumerate();
    names.map(|lane| log(lane).unwrap_or_default()).collect()
}

/// Bytes of a log that are looked through.
const MOST_OF_A_LOG: u64 = 1 << 30;

struct Page<'a> {
    record: &'a PlanRecord,
    verdict: &'a Verdict,
    belief: &'a Belief,
    story: &'a Story,
}

impl Page<'_> {
    fn render(&self, logs: Vec<Log>) -> Markup {
        let left_out: u64 = logs.iter().map(|log| log.left_out).sum();
        let data = self.data(logs);
        let (word, _) = words::badge(self.verdict.verdict, self.belief);
        let scenario = &self.verdict.scenario;
        let body = html! {
            a.skip href="#logs" { "To the logs" }
            (words::head(self.record, self.verdict, self.belief))
            main {
                (self.over_time())
                (words::findings(self.verdict, self.story))
                section { h2 id="sessions" { "Who talked to whom" } (graph::sessions(self.story)) }
                section { h2 id="forks" { "Forks" } (graph::forks(self.story)) }
                @if let Some(uses) = timeline::uses(self.story) {
                    section { h2 id="uses" { "Memory and processor time" } div.scroll { (uses) } }
                }
                (log_lines(left_out))
                (words::environment(self.record))
            }
            script type="application/json" id="data" { (PreEscaped(data)) }
            script { (PreEscaped(SCRIPT)) }
        };
        frame::document(&format!("{word} {}", printable(scenario)), &body)
    }

    fn over_time(&self) -> Markup {
        let thinned =
            self.story.lanes.iter().any(|lane| lane.peers.is_thinned() || lane.height.is_thinned());
        html! {
            section {
                h2 id="timeline" { "Over time" }
                p.legend.soft {
                    span { i style="background:var(--peers)" {} "peers" }
                    span { i style="background:var(--height)" {} "height" }
                    span { i style="background:#e5532d" {} "fault in effect" }
                    span { i style="background:var(--fg);opacity:.3" {} "not running" }
                }
                div.scroll { (timeline::picture(self.story, self.verdict)) }
                p #now aria-live="polite" {}
                @if thinned || self.story.each_dot > 1 {
                    p.soft { "There is more than a picture has room for: values that follow each other are drawn as one, lowest and highest stay"
                        @if self.story.each_dot > 1 { ", and one of " (self.story.each_dot) " blocks' ways is shown" } ". " code { "events.jsonl" } " has all." }
                }
                @if !self.story.notes.is_empty() {
                    ul { @for (at, what) in &self.story.notes {
                        li { button type="button" data-at=(at.0) { (words::after(*at)) } " " (printable(what)) }
                    } }
                }
            }
        }
    }

    /// What the script needs, as JSON that cannot end its own element.
    fn data(&self, logs: Vec<Log>) -> String {
        let most = if self.story.lanes.len() > 16 { 150 } else { 400 };
        let values = |series: &Series| -> Value {
            series
                .at_most(most)
                .buckets()
                .iter()
                .map(|bucket| json!([bucket.from, bucket.last]))
                .collect()
        };
        let nodes: Vec<Value> = self
            .story
            .lanes
            .iter()
            .map(|lane| json!({ "name": lane.name, "peers": values(&lane.peers), "height": values(&lane.height) }))
            .collect();
        json!({ "nodes": nodes, "lines": logs::merged(logs) }).to_string().replace('<', "\\u003c")
    }
}

fn log_lines(left_out: u64) -> Markup {
    html! {
        section {
            h2 id="logs" { "Logs" }
            p.soft { "All nodes by time, in seconds after the run's start; a click on the time line, or Enter there, leads here."
                @if left_out > 0 { " " (left_out) " lines from the middle of long logs are only in " code { "logs/" } "." } }
            noscript { p { "Without script the logs are in " code { "logs/" } " beside this page." } }
            div.filters {
                label { "node " select #node { option value="" { "all" } } }
                label { "level " select #level { option value="" { "all" } option value="E" { "errors" } option value="W" { "and warnings" } option value="I" { "and info" } } }
                label { "text " input #search type="search"; }
                button #earlier type="button" { "earlier" }
                button #later type="button" { "later" }
                span #count aria-live="polite" {}
            }
            div #lines tabindex="0" role="log" aria-label="Log lines" {}
        }
    }
}
