//! What is on the screen, and how it is drawn: of what was heard, and nothing else.

use harness_core::{
    event::Moment,
    live::{Condition, Live, Node, Window, rows},
    text::printable,
    tone::{self, Tone},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, List, ListState, Paragraph},
};

use super::keys::{Act, Command};

/// Proofs that stay on the screen.
const SAID: usize = 3;

/// A window of fewer lines shows more of the nodes than of a log.
const LOW: usize = 12;

/// A blank at which no line is broken.
const TOGETHER: &str = "\u{a0}";

/// What can be done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A network of containers that stays: everything.
    Containers,
    /// One of processes: they have no lines that could be cut from here.
    Processes,
    /// A run in progress: nothing.
    InProgress,
}

/// The screen.
pub(super) struct View {
    /// Which run it is.
    title: String,
    pub(super) live: Live,
    reach: Reach,
    chosen: usize,
    /// The end of the chosen node's log.
    log: Vec<String>,
    /// What was done, or refused, and what was seen of it; the newest last.
    said: Vec<(Tone, String)>,
    colour: tone::Colour,
}

impl View {
    pub(super) fn new(title: String, live: Live, reach: Reach, colour: tone::Colour) -> Self {
        Self { title, live, reach, chosen: 0, log: Vec::new(), said: Vec::new(), colour }
    }

    /// The node that is chosen.
    pub(super) fn chosen(&self) -> Option<&Node> {
        self.live.network.nodes().get(self.chosen)
    }

    /// What is to be done to whom, if something is.
    pub(super) fn obey(&mut self, command: Command) -> Option<(Act, Node)> {
        match command {
            Command::Move(lines) => {
                let last = self.live.network.nodes().len().saturating_sub(1);
                self.chosen = self.chosen.saturating_add_signed(lines).min(last);
                self.log.clear();
                None
            }
            Command::Do(_) if self.reach == Reach::InProgress => {
                let why =
                    "nothing is done to a run in progress: it would be no run of its scenario";
                self.say(Tone::Doubt, why.to_owned());
                None
            }
            Command::Do(Act::Isolate) if self.reach == Reach::Processes => {
                let why = "only containers can be cut off by hand (`harness up --provider docker`)";
                self.say(Tone::Doubt, why.to_owned());
                None
            }
            Command::Do(act) => self.chosen().cloned().map(|node| (act, node)),
            Command::Leave => None,
        }
    }

    /// Something was done, or was not.
    pub(super) fn say(&mut self, tone: Tone, words: String) {
        if self.said.len() == SAID {
            self.said.remove(0);
        }
        self.said.push((tone, words));
    }

    /// The same, in place of what was said when it began.
    pub(super) fn say_instead(&mut self, of: &str, tone: Tone, words: String) {
        match self.said.iter_mut().find(|(_, said)| said == of) {
            Some(said) => *said = (tone, words),
            None => self.say(tone, words),
        }
    }

    /// The end of a node's log, if that is the one that is shown.
    pub(super) fn logged(&mut self, node: &str, lines: Vec<String>) {
        if self.chosen().is_some_and(|chosen| chosen.name == node) {
            self.log = lines;
        }
    }

    /// As it is now, in a window of any size.
    pub(super) fn draw(&self, now: Moment, frame: &mut Frame<'_>) {
        let width = usize::from(frame.area().width);
        let lines = |tone: Tone, words: &str| -> Vec<Line<'static>> {
            let line = |text: &String| {
                let text = text.replace(TOGETHER, " ");
                self.line(&tone::Line::default().with(tone, &text).cut(width))
            };
            tone::folded(&printable(words), width).iter().map(line).collect()
        };
        let keys = lines(Tone::Faint, &self.keys());
        let each: Vec<Vec<Line<'_>>> =
            self.said.iter().map(|(tone, words)| lines(*tone, words)).collect();
        let newest = each.last().map_or(0, Vec::len);
        let said = each.concat();
        let heights = self.heights(now, frame.area().height.into(), [said.len(), keys.len()]);
        let heights = heights.map(|lines| Constraint::Length(u16::try_from(lines).unwrap_or(0)));
        let [head, heading, nodes, log, below, foot] =
            Layout::vertical(heights).areas(frame.area());
        self.draw_head(now, head, frame);
        self.draw_nodes(now, (heading, nodes), frame);
        self.draw_log(log, frame);
        // The newest, from its beginning.
        let from = said.len() - newest.max(usize::from(below.height).min(said.len()));
        frame.render_widget(Paragraph::new(said[from..].to_vec()), below);
        frame.render_widget(Paragraph::new(keys), foot);
    }

    /// Lines of head, heading, nodes, log, proofs and keys. What a small window has no room for: first the log, then the
    /// heading; a node, the first keys and the newest proof stay as long as anything does.
    fn heights(&self, now: Moment, height: usize, [said, keys]: [usize; 2]) -> [usize; 6] {
        let nodes = self.live.network.nodes().len();
        let mut left = height;
        let mut take = |lines: usize| {
            let taken = lines.min(left);
            left -= taken;
            taken
        };
        let node = take(nodes.min(1));
        let keys = take(keys.min((height / 5).max(1)));
        let said = take(said.min((height / 4).max(1)));
        let head = take(1 + usize::from(self.course(now).is_some()));
        let heading = take(usize::from(height > 5));
        // The log has what the nodes leave it: half of the window, if that is high enough for it.
        let nodes =
            node + take((nodes - node).min(if height < LOW { height } else { height / 2 - node }));
        [head, heading, nodes, left, said, keys]
    }

    /// What each does stays with it.
    fn keys(&self) -> String {
        let acts: &[&str] = match self.reach {
            Reach::Containers => &["x kill", "r restart", "p pause/go on", "i isolate/rejoin"],
            Reach::Processes => &["x kill", "r restart", "p pause/go on"],
            Reach::InProgress => &[],
        };
        let keys = [&["↑↓ node"], acts, &["q leave"]].concat();
        let keys: Vec<String> = keys.iter().map(|key| key.replace(' ', TOGETHER)).collect();
        keys.join("  ")
    }

    fn draw_head(&self, now: Moment, area: Rect, frame: &mut Frame<'_>) {
        let title = tone::Line::default().with(Tone::Strong, &self.title);
        let width = usize::from(area.width);
        let mut lines = vec![self.line(&title.cut(width))];
        let course = self.course(now).map(|course| tone::Line::plain(&course).cut(width));
        lines.extend(course.map(|course| self.line(&course)));
        frame.render_widget(Paragraph::new(lines), area);
    }

    /// Where a run is; a network that stays is nowhere.
    fn course(&self, now: Moment) -> Option<String> {
        (self.reach == Reach::InProgress).then(|| {
            let course = &self.live.course;
            let mut words = format!("{:.1}s  {}", now.0 as f64 / 1000.0, course.place());
            for more in course.left(now).into_iter().chain(course.faults(now)) {
                words += "  ·  ";
                words += &more;
            }
            words
        })
    }

    fn draw_nodes(&self, now: Moment, (heading, area): (Rect, Rect), frame: &mut Frame<'_>) {
        let nodes = self.live.network.nodes();
        let window = Window { width: usize::from(area.width), height: nodes.len() + 1 };
        let mut lines = rows(&self.live.network, now, window).into_iter();
        if let Some(line) = lines.next() {
            frame.render_widget(Paragraph::new(self.line(&line)), heading);
        }
        let with_peers = lines.zip(nodes).map(|(line, node)| {
            let talks: Vec<&str> = node.talks.iter().map(String::as_str).collect();
            let talks =
                if talks.is_empty() { String::new() } else { format!("  ↔ {}", talks.join(" ")) };
            self.line(&line.with(Tone::Faint, &talks).cut(window.width))
        });
        let list = List::new(with_peers.collect::<Vec<_>>())
            .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        let mut state = ListState::default().with_selected(Some(self.chosen));
        frame.render_stateful_widget(list, area, &mut state);
    }

    fn draw_log(&self, area: Rect, frame: &mut Frame<'_>) {
        let title = self.chosen().map_or_else(String::new, |node| {
            let pid = node.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
            let how = match &node.condition {
                Condition::Broken(how) => format!(", {how}"),
                Condition::Waiting
                | Condition::Running
                | Condition::Silent
                | Condition::Frozen
                | Condition::Down => String::new(),
            };
            format!(" log of {}{pid}{how} ", node.name)
        });
        let block = Block::new().borders(Borders::TOP).title(title);
        let room = usize::from(block.inner(area).height);
        let last = &self.log[self.log.len().saturating_sub(room)..];
        let lines: Vec<Line<'_>> = last.iter().map(|line| Line::raw(printable(line))).collect();
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }

    fn line(&self, line: &tone::Line) -> Line<'static> {
        let span = |(tone, text): &(Tone, String)| Span::styled(text.clone(), self.style(*tone));
        Line::from(line.parts().iter().map(span).collect::<Vec<_>>())
    }

    fn style(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let coloured = |colour| match self.colour {
            tone::Colour::On => plain.fg(colour).add_modifier(Modifier::BOLD),
            tone::Colour::Off => plain,
        };
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Faint => plain.add_modifier(Modifier::DIM),
            Tone::Good => coloured(Color::Green),
            Tone::Bad => coloured(Color::Red),
            Tone::Doubt => coloured(Color::Yellow),
        }
    }
}

#[cfg(test)]
mod tests;
