//! Lanes on one axis of time: phases, faults, nodes, the way of blocks, checks. SVG that a browser without script
//! shows as well.

use std::fmt::Write;

use maud::{Markup, html};

use super::{
    series::Series,
    story::{Lane, Story},
};
use crate::{
    event::{CheckVerdict, FaultId, Moment},
    text::{printable, short},
    verdict::Verdict,
};

/// Of the picture, in its own units.
pub(super) const WIDTH: f64 = 1000.0;
/// Where time begins.
pub(super) const LEFT: f64 = 170.0;
/// Where it ends.
pub(super) const RIGHT: f64 = 990.0;

/// With more nodes than this, lanes are lower.
const MANY: usize = 16;

/// Time to the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    end: f64,
}

impl Axis {
    pub(super) fn new(end: Moment) -> Self {
        Self { end: (end.0 as f64).max(1.0) }
    }

    pub(super) fn x(self, at: f64) -> f64 {
        round(LEFT + (RIGHT - LEFT) * (at / self.end).clamp(0.0, 1.0))
    }

    fn at(self, at: Moment) -> f64 {
        self.x(at.0 as f64)
    }

    /// A rectangle's place and width: one that takes no time can still be seen.
    fn span(self, from: Moment, to: Moment) -> (f64, f64) {
        let x = self.at(from);
        (x, round((self.at(to) - x).max(1.5)))
    }

    /// Round numbers of seconds, at most ten of them.
    fn ticks(self) -> Vec<f64> {
        let steps = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
            3600.0, 7200.0, 21_600.0, 86_400.0,
        ];
        let seconds = self.end / 1000.0;
        let step = steps.into_iter().find(|step| seconds / step <= 10.0).unwrap_or(seconds / 10.0);
        (0..)
            .map(|number| f64::from(number) * step)
            .take_while(|at| *at <= seconds)
            .take(12)
            .collect()
    }
}

/// To a tenth: more no screen shows, and pages stay small.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The whole picture.
pub(super) fn picture(story: &Story, verdict: &Verdict) -> Markup {
    let axis = Axis::new(story.end);
    let mut rows = Rows { story, axis, y: 24.0, parts: Vec::new() };
    rows.phases(verdict);
    rows.faults();
    let lanes = rows.y;
    rows.nodes();
    let lanes = (lanes, rows.y);
    rows.blocks();
    rows.checks(verdict);
    let (height, marks) = (rows.y + 8.0, marks(story, axis, lanes));
    html! {
        svg id="time" viewBox={ "0 0 " (WIDTH) " " (height) } role="img" tabindex="0"
            data-left=(LEFT) data-right=(RIGHT) data-end=(story.end.0)
            aria-label="Phases, faults, nodes and checks over time. The table below says the same. Arrow keys move the line; Enter shows the logs of its moment." {
            @for tick in axis.ticks() {
                @let x = axis.x(tick * 1000.0);
                line.grid x1=(x) x2=(x) y1="16" y2=(height) {}
                text.tick x=(x) y="12" { (seconds(tick)) }
            }
            @for part in rows.parts { (part) }
            (marks)
            line #cursor x1=(LEFT) x2=(LEFT) y1="16" y2=(height) {}
        }
    }
}

fn seconds(value: f64) -> String {
    match value {
        v if v >= 3600.0 && v % 3600.0 == 0.0 => format!("{} h", v / 3600.0),
        v if v >= 120.0 => format!("{} min", round(v / 60.0)),
        v => format!("{} s", round(v)),
    }
}

/// Faults as bands over the lanes of whom they hit, and what else happened as lines.
fn marks(story: &Story, axis: Axis, lanes: (f64, f64)) -> Markup {
    html! {
        @for span in story.faults.values() {
            @if let Some(from) = span.from {
                @let (x, width) = axis.span(from, span.to.unwrap_or(story.end));
                rect.band x=(x) width=(width) y=(lanes.0) height=(round(lanes.1 - lanes.0)) {}
            }
        }
        @for (at, what) in &story.notes {
            @let x = axis.at(*at);
            line.note x1=(x) x2=(x) y1=(lanes.0) y2=(lanes.1) { title { (printable(what)) } }
        }
    }
}

struct Rows<'a> {
    story: &'a Story,
    axis: Axis,
    y: f64,
    parts: Vec<Markup>,
}

impl Rows<'_> {
    fn phases(&mut self, verdict: &Verdict) {
        let y = self.y;
        let bars: Vec<_> = self.story.phases.iter().zip(&verdict.phases).enumerate().collect();
        self.parts.push(html! {
            text.name x="4" y=(y + 12.0) { "phases" }
            @for (number, (span, phase)) in bars {
                @if let Some(from) = span.from {
                    @let (x, width) = self.axis.span(from, span.to.unwrap_or(self.story.end));
                    @let name = printable(&phase.name);
                    rect.phase x=(x) width=(width) y=(y) height="16" rx="2" { title { (name) } }
                    text.inside x=(x + 4.0) y=(y + 12.0) { (fits(&format!("{}. {name}", number + 1), width)) }
                }
            }
        });
        self.y += 22.0;
    }

    fn faults(&mut self) {
        for (id, span) in &self.story.faults {
            let (y, end) = (self.y, self.story.end);
            let name = self.story.words_of(*id);
            let Some(from) = span.from else { continue };
            let (x, width) = self.axis.span(from, span.to.unwrap_or(end));
            let effect = span.since.map(|since| self.axis.span(since, span.to.unwrap_or(end)));
            self.parts.push(html! {
                text.name x="4" y=(y + 10.0) { (clipped(&name, 26)) title { (name) } }
                rect.fault x=(x) width=(width) y=(y) height="12" rx="2" { title { (fault_title(&name, *id)) } }
                @if let Some((x, width)) = effect {
                    rect.effect x=(x) width=(width) y=(y) height="12" rx="2" { title { (name) " in effect" } }
                }
            });
            self.y += 16.0;
        }
        self.y += 4.0;
    }

    fn nodes(&mut self) {
        let low = self.story.lanes.len() > MANY;
        let high = if low { 18.0 } else { 40.0 };
        let most = if low { 200 } else { 500 };
        let peers = top(self.story.lanes.iter().map(|lane| &lane.peers));
        let heights = top(self.story.lanes.iter().map(|lane| &lane.height));
        let bottom = bottom(self.story.lanes.iter().map(|lane| &lane.height)).min(heights);
        for (number, lane) in self.story.lanes.iter().enumerate() {
            let area = Area { axis: self.axis, top: self.y + 2.0, bottom: self.y + high - 3.0 };
            let end = self.story.end;
            self.parts.push(html! {
                g.lane data-node=(number) {
                    text.name x="4" y=(self.y + high / 2.0 + 3.0) { (clipped(&lane.name, 18)) title { (lane.name) } }
                    text.last x=(LEFT - 6.0) y=(self.y + high / 2.0 + 3.0) { (last(lane)) }
                    rect.lane-bed x=(LEFT) width=(RIGHT - LEFT) y=(self.y) height=(high - 1.0) {}
                    @for away in &lane.away {
                        @let (x, width) = self.axis.span(away.from, away.to.unwrap_or(end));
                        rect class=(if away.frozen { "frozen" } else { "down" }) x=(x) width=(width) y=(self.y) height=(high - 1.0) {
                            title { (lane.name) (if away.frozen { ": frozen" } else { ": not running" }) }
                        }
                    }
                    path.height d=(area.line(&lane.height.at_most(most), bottom, heights)) {}
                    path.peers d=(area.steps(&lane.peers.at_most(most), 0.0, peers.max(1.0))) {}
                }
            });
            self.y += high;
        }
        self.y += 10.0;
    }

    fn blocks(&mut self) {
        const HIGH: f64 = 70.0;
        if self.story.dots.is_empty() {
            return;
        }
        let mut delays: Vec<u64> = self.story.dots.iter().map(|dot| dot.after_ms).collect();
        delays.sort_unstable();
        let top = delays[(delays.len() - 1) * 99 / 100].max(500) as f64;
        let y = self.y;
        let place = |after: u64| round(y + HIGH - (HIGH - 4.0) * (after as f64 / top).min(1.0));
        let few = self.story.dots.len() <= 600;
        self.parts.push(html! {
            text.name x="4" y=(y + 12.0) { "blocks' way" }
            text.last x=(LEFT - 6.0) y=(y + 8.0) { (short(std::time::Duration::from_millis(top as u64))) }
            text.last x=(LEFT - 6.0) y=(y + HIGH) { "0" }
            rect.lane-bed x=(LEFT) width=(RIGHT - LEFT) y=(y) height=(HIGH + 2.0) {}
            @for dot in &self.story.dots {
                circle.dot cx=(self.axis.at(dot.first)) cy=(place(dot.after_ms)) r="1.6" {
                    @if few {
                        title { "block " (dot.height) " at " (self.story.lanes[dot.node].name) " " (dot.after_ms) " ms after it was first seen" }
                    }
                }
            }
        });
        self.y += HIGH + 12.0;
    }

    fn checks(&mut self, verdict: &Verdict) {
        for (id, span) in &self.story.checks {
            let check = verdict.phases.get(id.phase).and_then(|phase| phase.checks.get(id.check));
            let (Some(check), Some(from)) = (check, span.from) else { continue };
            let (y, to) = (self.y, span.to.unwrap_or(self.story.end));
            let (x, width) = self.axis.span(from, to);
            let held = span.since.map(|since| self.axis.span(since.max(from), to));
            let name = format!("{} of {}", check.check, check.selector);
            let words = format!("{name}: {}", printable(&check.reason));
            self.parts.push(html! {
                text.name x="4" y=(y + 10.0) { (mark(check.verdict)) " " (clipped(&name, 25)) title { (name) } }
                rect class={ "check " (class(check.verdict)) } x=(x) width=(width) y=(y + 2.0) height="9" rx="2" { title { (words) } }
                @if let Some((x, width)) = held {
                    rect class={ "held " (class(check.verdict)) } x=(x) width=(width) y=(y + 2.0) height="9" rx="2" { title { "held" } }
                }
                @if span.to.is_some() {
                    circle class={ "decided " (class(check.verdict)) } cx=(x + width) cy=(y + 6.5) r="4" { title { "decided at " (short(to.since(Moment(0)))) } }
                }
            });
            self.y += 15.0;
        }
    }
}

/// Where a lane's lines are drawn.
struct Area {
    axis: Axis,
    top: f64,
    bottom: f64,
}

impl Area {
    fn y(&self, value: f64, low: f64, high: f64) -> f64 {
        let share = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        round(self.bottom - (self.bottom - self.top) * share)
    }

    /// Straight from value to value; where values were put together, over both ends of them.
    fn line(&self, series: &Series, low: f64, high: f64) -> String {
        let mut path = String::new();
        for bucket in series.buckets() {
            let x = self.axis.x(bucket.from as f64);
            for value in if bucket.low < bucket.high {
                vec![bucket.low, bucket.high]
            } else {
                vec![bucket.last]
            } {
                let letter = if bucket.first && value == bucket.low { 'M' } else { 'L' };
                let _ = write!(path, "{letter}{x} {}", self.y(value, low, high));
            }
        }
        path
    }

    /// A value stays until the next one.
    fn steps(&self, series: &Series, low: f64, high: f64) -> String {
        let (mut path, mut before) = (String::new(), None);
        for bucket in series.buckets() {
            let (x, y) = (self.axis.x(bucket.from as f64), self.y(bucket.last, low, high));
            match before.filter(|_| !bucket.first) {
                None => {
                    let _ = write!(path, "M{x} {y}");
                }
                Some(before) if before == y && bucket.low == bucket.high => continue,
                Some(_) => {
                    let _ = write!(path, "H{x}");
                    if bucket.low < bucket.last {
                        let _ = write!(path, "V{}", self.y(bucket.low, low, high));
                    }
                    let _ = write!(path, "V{y}");
                }
            }
            before = Some(y);
        }
        if let Some(last) = series.buckets().last() {
            let _ = write!(path, "H{}", self.axis.x(last.from as f64));
        }
        path
    }
}

/// Two lines of what nodes use, if anybody measured it.
pub(super) fn uses(story: &Story) -> Option<Markup> {
    let measured: Vec<&Lane> =
        story.lanes.iter().filter(|lane| !lane.memory.buckets().is_empty()).collect();
    if measured.is_empty() {
        return None;
    }
    let axis = Axis::new(story.end);
    let memory = top(measured.iter().map(|lane| &lane.memory)).max(1.0);
    let cores = top(measured.iter().map(|lane| &lane.cores)).max(0.01);
    let high = 26.0;
    let height = high * measured.len() as f64 + 20.0;
    Some(html! {
        p { "The thick line is resident memory, up to " (mebibytes(memory)) "; the thin one processor time, up to " (round(cores * 100.0)) " % of a core." }
        svg.uses viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="Memory and processor time of each node; the table below has their ends" {
            @for (row, lane) in measured.iter().enumerate() {
                @let y = row as f64 * high + 4.0;
                @let area = Area { axis, top: y + 2.0, bottom: y + high - 4.0 };
                text.name x="4" y=(y + 16.0) { (clipped(&lane.name, 18)) }
                text.last x=(LEFT - 6.0) y=(y + 16.0) { (lane.memory.buckets().last().map_or(String::new(), |last| mebibytes(last.last))) }
                rect.lane-bed x=(LEFT) width=(RIGHT - LEFT) y=(y) height=(high - 2.0) {}
                path.cores d=(area.line(&lane.cores.at_most(400), 0.0, cores)) {}
                path.memory d=(area.line(&lane.memory.at_most(400), 0.0, memory)) {}
            }
        }
    })
}

fn mebibytes(bytes: f64) -> String {
    format!("{} MiB", round(bytes / 1_048_576.0))
}

fn top<'a>(series: impl Iterator<Item = &'a Series>) -> f64 {
    series.flat_map(|series| series.buckets()).map(|bucket| bucket.high).fold(0.0, f64::max)
}

fn bottom<'a>(series: impl Iterator<Item = &'a Series>) -> f64 {
    series.flat_map(|series| series.buckets()).map(|bucket| bucket.low).fold(f64::MAX, f64::min)
}

fn last(lane: &Lane) -> String {
    let value = |series: &Series| series.buckets().last().map(|bucket| bucket.last);
    match (value(&lane.peers), value(&lane.height)) {
        (Some(peers), Some(height)) => format!("{peers} · {height}"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => "–".to_owned(),
    }
}

fn fault_title(name: &str, id: FaultId) -> String {
    format!("{name}, phase {}, from its beginning to its end", id.phase.saturating_add(1))
}

/// A verdict's class in the style sheet.
pub(super) fn class(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Pass => "pass",
        CheckVerdict::Fail => "fail",
        CheckVerdict::Inconclusive => "unsure",
        CheckVerdict::NotJudged => "never",
    }
}

/// And its mark: nobody must know colours apart.
pub(super) fn mark(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Pass => "✓",
        CheckVerdict::Fail => "✗",
        CheckVerdict::Inconclusive => "?",
        CheckVerdict::NotJudged => "·",
    }
}

fn fits(text: &str, width: f64) -> String {
    let letters = (width / 6.2) as usize;
    if letters < 4 { String::new() } else { clipped(text, letters - 1) }
}

pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
