//! Lines of logs that checks look for: what of them is recorded.

use std::{collections::BTreeMap, time::Duration};

use harness_core::event::LogSeen;
use regex_lite::Regex;
use tokio::time::Instant;

/// Between two signs that a log goes on.
const SIGN: Duration = Duration::from_secs(1);

/// What is looked for in each node's log.
#[derive(Default)]
pub(crate) struct Wanted(BTreeMap<String, Log>);

struct Log {
    patterns: Vec<Regex>,
    lines: u64,
    recorded: usize,
    sign: Option<Instant>,
}

impl Wanted {
    /// Whatever is no pattern was refused with its scenario.
    pub(crate) fn new(patterns: BTreeMap<String, Vec<String>>) -> Self {
        let log = |(node, patterns): (String, Vec<String>)| {
            let patterns = patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
            (node, Log { patterns, lines: 0, recorded: 0, sign: None })
        };
        Self(patterns.into_iter().map(log).collect())
    }

    /// What is to be recorded of a line.
    pub(crate) fn hear(&mut self, node: &str, text: &str) -> Option<LogSeen> {
        let log = self.0.get_mut(node)?;
        log.lines += 1;
        let line: String = text.trim_end().chars().take(LogSeen::LONGEST).collect();
        let is_wanted = log.recorded < LogSeen::MOST
            && log.patterns.iter().any(|pattern| pattern.is_match(&line));
        let now = Instant::now();
        if is_wanted {
            log.recorded += 1;
        } else if log.sign.is_some_and(|last| now.duration_since(last) < SIGN) {
            return None;
        }
        log.sign = Some(now);
        let (node, lines) = (node.to_owned(), log.lines);
        Some(LogSeen { node, lines, line: is_wanted.then_some(line) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted::new(BTreeMap::from([("a".to_owned(), vec!["x+y".to_owned(), "z".to_owned()])]))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wanted_is_recorded_and_of_the_rest_a_sign_a_second() {
        let mut wanted = wanted();
        let mut line = |text| wanted.hear("a", text).map(|seen| (seen.lines, seen.line));
        assert_eq!(line("nothing\n"), Some((1, None)));
        assert_eq!(line("nothing\n"), None);
        assert_eq!(line("it is xxy\n"), Some((3, Some("it is xxy".to_owned()))));
        tokio::time::advance(SIGN).await;
        assert_eq!(line("nothing"), Some((4, None)));
        assert_eq!(wanted.hear("b", "xxy"), None, "nobody asked for it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_off_and_a_long_line_too() {
        let mut wanted = wanted();
        let long = format!("z{}", "é".repeat(5_000));
        let seen = (0..5_000).filter_map(|_| wanted.hear("a", &long)).collect::<Vec<_>>();
        assert_eq!(seen.len(), LogSeen::MOST);
        assert_eq!(seen[0].line.as_ref().map(|line| line.chars().count()), Some(LogSeen::LONGEST));
    }
}
