//! The nodes' logs in the order of their time. Nodes of any kind: what has no time of its own is of the line before.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::text::printable;

/// Bytes of all nodes' lines together, as the page has them: more no browser likes.
const MOST: usize = 6 * 1024 * 1024;

/// Of one node: with many nodes still a few lines of each.
const LEAST: usize = 32 * 1024;

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
        let room = (MOST / nodes.max(1)).max(LEAST);
        let mut reader = BufReader::new(log);
        let mut all = Self::default();
        let (mut head, mut used) = (true, 0);
        // As they are: of a flood only what is shown is looked into.
        let (mut tail, mut waiting) = (VecDeque::<Vec<u8>>::new(), 0);
        loop {
            let mut bytes = Vec::new();
            if reader.by_ref().take(LONGEST * 4).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            if bytes.last() != Some(&b'\n') {
                skip_line(&mut reader)?;
            }
            if head && used < room / 8 {
                used += all.push(&bytes, node, started);
                continue;
            }
            head = false;
            waiting += room_of(&bytes);
            tail.push_back(bytes);
            while waiting > room - room / 8 {
                let Some(dropped) = tail.pop_front() else { break };
                waiting -= room_of(&dropped);
                all.left_out += 1;
            }
        }
        for bytes in tail {
            all.push(&bytes, node, started);
        }
        Ok(all)
    }

    /// Takes in a line; how much room it takes.
    fn push(&mut self, bytes: &[u8], node: usize, started: SystemTime) -> usize {
        let text = String::from_utf8_lossy(bytes);
        let text: String = printable(text.trim_end()).chars().take(LONGEST as usize).collect();
        let before = self.lines.last().and_then(|line| line.at);
        let at = time(&text, started).or(before);
        self.lines.push(Line { at, node, level: level(&text), text });
        room_of(bytes)
    }
}

/// What a line takes on a page, at most: its place and time, and every byte escaped where that is needed.
fn room_of(bytes: &[u8]) -> usize {
    let of =
        |byte: &u8| if byte.is_ascii_graphic() && *byte != b'<' || *byte == b' ' { 1 } else { 6 };
    48 + bytes.iter().map(of).sum::<usize>()
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
        assert_eq!((log.lines.len(), log.left_out), (5002, 0));
        let flood = "<<<<< a flood of markup\n".repeat(300_000);
        let (log, shared) = (read(flood.as_bytes()), Log::read(flood.as_bytes(), 0, 50, started()));
        assert_eq!(log.lines.len() as u64 + log.left_out, 300_000);
        let page = serde_json::to_string(&log.lines).unwrap().replace('<', "\\u003c").len();
        assert!((MOST / 2..MOST * 2).contains(&page), "{page}");
        assert!(shared.unwrap().lines.len() < log.lines.len() / 40);
        let log = read(&text);
        assert_eq!(log.lines.last().unwrap().text, "no end \u{fffd}");
    }
}
