//! The nodes' logs in the order of their time. Nodes of any kind: what has no time of its own is of the line before.

use std::{
    io::{self, BufRead, BufReader, Read},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::text::printable;

/// Lines of one node on a page: its first and its last ones. The files have all.
const FIRST: usize = 300;
const LAST: usize = 3000;

/// Lines of all nodes together: 60 bytes each are what a page can hold.
const MOST: usize = 40_000;

/// Characters of a line.
const LONGEST: u64 = 600;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// Milliseconds after the run's start; none before anything had a time.
    pub(super) at: Option<i64>,
    /// The node's number.
    pub(super) node: usize,
    /// `E`, `W`, `I`, `D`, or empty.
    pub(super) level: &'static str,
    pub(super) text: String,
}

/// Lines of one node, the middle left out if there are many.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    /// Lines left out.
    pub(super) left_out: u64,
}

impl Log {
    /// Reads a node's log, which may be anything.
    pub(super) fn read(
        log: impl Read,
        node: usize,
        nodes: usize,
        started: SystemTime,
    ) -> io::Result<Self> {
        let last = LAST.min(MOST / nodes.max(1)).max(50);
        let mut reader = BufReader::new(log);
        let (mut all, mut at) = (Self::default(), None);
        let mut tail = std::collections::VecDeque::new();
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if reader.by_ref().take(LONGEST * 4).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            if bytes.last() != Some(&b'\n') {
                skip_line(&mut reader)?;
            }
            let text = String::from_utf8_lossy(&bytes);
            let text: String = printable(text.trim_end()).chars().take(LONGEST as usize).collect();
            at = time(&text, started).or(at);
            let line = Line { at, node, level: level(&text), text };
            if all.lines.len() < FIRST.min(last) {
                all.lines.push(line);
                continue;
            }
            tail.push_back(line);
            if tail.len() > last {
                tail.pop_front();
                all.left_out += 1;
            }
        }
        all.lines.extend(tail);
        Ok(all)
    }
}

/// All lines by time; those of one node stay in their order.
pub(super) fn merged(logs: Vec<Log>) -> Vec<Line> {
    let mut lines: Vec<Line> = logs.into_iter().flat_map(|log| log.lines).collect();
    lines.sort_by_key(|line| line.at);
    lines
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let (used, ended) = match reader.fill_buf()? {
            [] => return Ok(()),
            bytes => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (bytes.len(), false),
            },
        };
        reader.consume(used);
        if ended {
            return Ok(());
        }
    }
}

/// `2026-11-27T04:00:06.086075Z`, or with a space and no zone, as released nodes write it (UTC in a container).
fn time(line: &str, started: SystemTime) -> Option<i64> {
    let head: String = line.chars().take(32).collect();
    let mut words = head.split_ascii_whitespace();
    let first = words.next()?;
    let at = humantime::parse_rfc3339_weak(first)
        .ok()
        .filter(|_| first.contains('T'))
        .or_else(|| humantime::parse_rfc3339_weak(&format!("{first} {}", words.next()?)).ok())?;
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Some(match at.duration_since(started) {
        Ok(after) => ms(after),
        Err(before) => -ms(before.duration()),
    })
}

fn level(line: &str) -> &'static str {
    let head: Vec<&str> = line.split_ascii_whitespace().take(4).collect();
    let is = |words: &[&str]| head.iter().any(|word| words.contains(word));
    if is(&["ERROR", "[ERROR]", "error:"]) || crate::text::is_panic(line) {
        "E"
    } else if is(&["WARN", "[WARN]", "warning:"]) {
        "W"
    } else if is(&["INFO", "[INFO]"]) {
        "I"
    } else if is(&["DEBUG", "TRACE"]) {
        "D"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> SystemTime {
        humantime::parse_rfc3339("2026-11-27T04:00:05.500Z").unwrap()
    }

    fn read(text: &[u8]) -> Log {
        Log::read(text, 0, 1, started()).unwrap()
    }

    #[test]
    fn lines_have_the_time_that_they_say_or_that_of_the_line_before() {
        let log = read(b"hello\n2026-11-27T04:00:06.500Z  INFO x\nthread panicked at y\n2026-11-27 04:00:04.500 \x1b[31mERROR\x1b[0m z\n");
        let seen: Vec<_> = log.lines.iter().map(|line| (line.at, line.level)).collect();
        assert_eq!(seen, [(None, ""), (Some(1000), "I"), (Some(1000), "E"), (Some(-1000), "E")]);
        assert_eq!(log.lines[3].text, "2026-11-27 04:00:04.500 ERROR z");
        let merged = merged(vec![log]);
        assert_eq!(
            merged.iter().map(|line| line.at).collect::<Vec<_>>(),
            [None, Some(-1000), Some(1000), Some(1000)]
        );
    }

    #[test]
    fn floods_and_endless_lines_are_cut_and_counted() {
        let mut text = vec![b'x'; 5_000_000];
        text.push(b'\n');
        for number in 0..5000 {
            text.extend(format!("line {number}\n").bytes());
        }
        text.extend(b"no end \xff");
        let log = read(&text);
        assert_eq!(log.lines[0].text.len(), 600);
        assert_eq!(log.lines[1].text, "line 0");
        assert_eq!(log.lines.len(), FIRST + LAST);
        assert_eq!(log.left_out, 5002 - (FIRST + LAST) as u64);
        assert_eq!(log.lines.last().unwrap().text, "no end \u{fffd}");
    }
}
