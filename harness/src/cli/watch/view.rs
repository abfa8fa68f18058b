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

/// What can be done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A network that stays: everything that its provider allows.
    Kept,
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

    /// The end of a node's log, if that is the one that is shown.
    pub(super) fn logged(&mut self, node: &str, lines: Vec<String>) {
        if self.chosen().is_some_and(|chosen| chosen.name == node) {
            self.log = lines;
        }
    }

    /// As it is now, in a window of any size.
    pub(super) fn draw(&self, now: Moment, frame: &mut Frame<'_>) {
        let count = u16::try_from(self.live.network.nodes().len()).unwrap_or(u16::MAX);
        let heights = [
            Constraint::Length(1 + u16::from(self.course(now).is_some())),
            Constraint::Length(1),
            // The log has what the nodes leave it, and a third at least.
            Constraint::Max(count.min(frame.area().height / 2)),
            Constraint::Min(3),
            Constraint::Length(u16::try_from(self.said.len()).unwrap_or(0)),
            Constraint::Length(1),
        ];
        let [head, heading, nodes, log, said, keys] = Layout::vertical(heights).areas(frame.area());
        self.draw_head(now, head, frame);
        self.draw_nodes(now, (heading, nodes), frame);
        self.draw_log(log, frame);
        let said_lines: Vec<Line<'_>> = self
            .said
            .iter()
            .map(|(tone, words)| self.line(&tone::Line::default().with(*tone, words)))
            .collect();
        frame.render_widget(Paragraph::new(said_lines), said);
        let words = match self.reach {
            Reach::Kept => "↑↓ node  x kill  r restart  p pause/go on  q leave",
            Reach::InProgress => "↑↓ node  q leave",
        };
        frame.render_widget(Paragraph::new(self.line(&faint(words))), keys);
    }

    fn draw_head(&self, now: Moment, area: Rect, frame: &mut Frame<'_>) {
        let title = tone::Line::default().with(Tone::Strong, &self.title);
        let mut lines = vec![self.line(&title)];
        lines.extend(self.course(now).map(|course| self.line(&tone::Line::plain(&course))));
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

fn faint(words: &str) -> tone::Line {
    tone::Line::default().with(Tone::Faint, words)
}

#[cfg(test)]
mod tests;
