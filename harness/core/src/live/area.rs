//! A run as lines that fit a window. Nodes that need a look come first where not all of them fit.

use super::{Condition, Live, Network, Node};
use crate::{
    event::Moment,
    tone::{Line, Tone},
};

/// A terminal's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
}

/// Faults that are shown; more are counted.
const FAULTS: usize = 3;

/// The longest name that is shown whole.
const LONGEST_NAME: usize = 16;

/// What is shown of a run at a moment, in at most so many lines.
pub fn area(live: &Live, now: Moment, window: Window) -> Vec<Line> {
    let seconds = now.0 as f64 / 1000.0;
    let (time, indent) = if window.width < NARROW {
        (format!("{seconds:.1}s  "), "  ")
    } else {
        (format!("{seconds:>7.1}s  "), INDENT)
    };
    let place = Line::default().with(Tone::Faint, &time).with(Tone::Strong, &live.course.place());
    let mut lines = vec![place];
    if let Some(left) = live.course.left(now) {
        let tone = if live.course.has_failed() { Tone::Bad } else { Tone::Plain };
        lines.push(Line::plain(indent).with(tone, &left));
    }
    let faults = live.course.faults(now);
    let shown = faults.iter().take(FAULTS);
    lines.extend(shown.map(|fault| Line::plain(indent).with(Tone::Doubt, fault)));
    if faults.len() > FAULTS {
        let more = format!("{indent}and {} more faults", faults.len() - FAULTS);
        lines.push(Line::default().with(Tone::Doubt, &more));
    }
    lines.truncate(window.height);
    let room = window.height - lines.len();
    let nodes = rows(&live.network, now, Window { height: room, ..window });
    lines.into_iter().map(|line| line.cut(window.width)).chain(nodes).collect()
}

/// As wide as the time before a line.
const INDENT: &str = "          ";

/// A window in which that would leave too little.
const NARROW: usize = 60;

/// The nodes in at most so many lines: a heading, a row each, and one for all that do not fit. Where that would leave no row,
/// there is no heading.
pub fn rows(network: &Network, now: Moment, window: Window) -> Vec<Line> {
    let nodes = network.nodes();
    let Some(below) = window.height.checked_sub(1) else { return Vec::new() };
    let has_heading = nodes.len() <= below || below > 1;
    let (shown, rest) = chosen(nodes, if has_heading { below } else { window.height });
    let columns = Columns::fitting(&shown, nodes, window.width);
    let mut lines: Vec<Line> = has_heading.then(|| columns.heading()).into_iter().collect();
    lines.extend(shown.iter().map(|node| columns.row(node, now)));
    if !rest.is_empty() {
        lines.push(summed_up(&rest, now));
    }
    lines.into_iter().map(|line| line.cut(window.width)).collect()
}

/// Those that have a row of their own, in their order, and the rest: troubled ones are shown first.
fn chosen(nodes: &[Node], room: usize) -> (Vec<&Node>, Vec<&Node>) {
    if nodes.len() <= room {
        return (nodes.iter().collect(), Vec::new());
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|at| !nodes[*at].is_troubled());
    let (mut shown, mut rest) = (order[..room - 1].to_vec(), order[room - 1..].to_vec());
    shown.sort_unstable();
    rest.sort_unstable();
    let of = |places: Vec<usize>| places.into_iter().map(|at| &nodes[at]).collect();
    (of(shown), of(rest))
}

/// How wide each column is; those that do not fit, or of which nothing is known, are not there.
struct Columns {
    name: usize,
    age: bool,
    usage: bool,
}

const STATE: usize = 8;

impl Columns {
    fn fitting(shown: &[&Node], all: &[Node], width: usize) -> Self {
        let longest = shown.iter().map(|node| node.name.chars().count()).max().unwrap_or(0);
        let name = longest.clamp(4, LONGEST_NAME);
        let base = name + 2 + STATE + 2 + 5 + 2 + 6;
        let age = width >= base + 2 + 5;
        let measured = all.iter().any(|node| node.memory.is_some());
        Self { name, age, usage: measured && width >= base + 7 + 2 + 5 + 2 + 8 }
    }

    fn heading(&self) -> Line {
        let usage = (self.usage).then_some(["cpu", "memory"]);
        let text = self.text("node", "state", ["peers", "height", "block"], usage);
        Line::default().with(Tone::Faint, text.trim_end())
    }

    fn row(&self, node: &Node, now: Moment) -> Line {
        let (word, tone) = word(&node.condition);
        let number = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |it| it.to_string());
        let age = node.block.map_or_else(|| "–".to_owned(), |at| age(now.since(at).as_millis()));
        let usage = [
            node.cores.map_or_else(|| "–".to_owned(), |it| format!("{:.0}%", it * 100.0)),
            node.memory.map_or_else(|| "–".to_owned(), |it| format!("{} MiB", it >> 20)),
        ];
        let values = [number(node.peers), number(node.height), age];
        let usage = self.usage.then_some(usage.each_ref().map(String::as_str));
        let text = self.text(&node.name, &word, values.each_ref().map(String::as_str), usage);
        // Only what is out of the ordinary is coloured.
        Line::default().with(tone, text.trim_end())
    }

    fn text(&self, name: &str, state: &str, values: [&str; 3], usage: Option<[&str; 2]>) -> String {
        let name: String = match name.chars().count() {
            length if length > self.name => name.chars().take(self.name - 1).chain(['…']).collect(),
            _ => name.to_owned(),
        };
        let (width, [peers, height, block]) = (self.name, values);
        let mut text = format!("{name:width$}  {state:STATE$}  {peers:>5}  {height:>6}");
        if self.age {
            text += &format!("  {block:>5}");
        }
        if let Some([cpu, memory]) = usage {
            text += &format!("  {cpu:>5}  {memory:>8}");
        }
        text
    }
}

/// Columns of a state are few: the event above says more.
fn word(condition: &Condition) -> (String, Tone) {
    match condition {
        Condition::Waiting => ("waiting".to_owned(), Tone::Faint),
        Condition::Running => ("running".to_owned(), Tone::Plain),
        Condition::Silent => ("silent".to_owned(), Tone::Doubt),
        Condition::Frozen => ("frozen".to_owned(), Tone::Doubt),
        Condition::Down => ("down".to_owned(), Tone::Doubt),
        Condition::Broken(_) => ("broken".to_owned(), Tone::Bad),
    }
}

/// What all of them are like, in one line.
fn summed_up(nodes: &[&Node], now: Moment) -> Line {
    let span = |values: Vec<u64>, name: &str| {
        let (least, most) = (values.iter().min()?, values.iter().max()?);
        let span = if least == most { least.to_string() } else { format!("{least}–{most}") };
        Some(format!("{name} {span}"))
    };
    let troubled = nodes.iter().filter(|node| node.is_troubled()).count();
    let states = match troubled {
        0 => "running".to_owned(),
        troubled => format!("{troubled} of them not running"),
    };
    let oldest = nodes.iter().filter_map(|node| node.block).min();
    let parts = [
        Some(states),
        span(nodes.iter().filter_map(|node| node.peers).collect(), "peers"),
        span(nodes.iter().filter_map(|node| node.height).collect(), "height"),
        oldest.map(|at| format!("block up to {}", age(now.since(at).as_millis()))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let tone = if troubled == 0 { Tone::Faint } else { Tone::Doubt };
    Line::default().with(tone, &format!("and {} more: {}", nodes.len(), parts.join(", ")))
}

/// In five columns at most.
fn age(ms: u128) -> String {
    match ms {
        0..10_000 => format!("{:.1}s", ms as f64 / 1000.0),
        10_000..600_000 => format!("{}s", ms / 1000),
        600_000..36_000_000 => format!("{}m", ms / 60_000),
        _ => format!("{}h", ms / 3_600_000),
    }
}
