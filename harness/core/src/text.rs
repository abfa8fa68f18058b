//! Words: text that others wrote (nodes, files), made fit to be searched and shown, and how durations
//! and ends of processes are said.

use std::time::Duration;

/// A line without its ANSI escape sequences.
pub fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            // CSI: parameters, then one letter.
            Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            // OSC (titles, links): until BEL or ESC \.
            Some(']') => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            Some(_) | None => {}
        }
    }
    plain
}

/// Text of a node or file, for a terminal: no escape sequence, no control character, nothing that
/// changes the direction of writing.
pub fn printable(text: &str) -> String {
    let direction = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    plain(text)
        .chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() || direction(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A duration to the millisecond, as people read it: `1.3 s`, `250 ms`.
pub fn short(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", duration.as_secs_f64()) }
}

/// How a process ended, in words.
pub fn ending(code: Option<i64>, signal: Option<i64>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no code".to_owned(),
    }
}

/// An end that nobody asked for, in words, with its cause where that is known.
pub fn exited(code: Option<i64>, signal: Option<i64>, cause: Option<&str>) -> String {
    let how = format!("exited unplanned ({})", ending(code, signal));
    cause.map_or_else(|| how.clone(), |cause| format!("{how}: {cause}"))
}

/// How Rust programs begin to panic.
const PANIC: &str = "panicked at";

/// Whether a line of a log is the first one of a panic.
pub fn is_panic(line: &str) -> bool {
    line.contains(PANIC)
}

/// The first panic in a log's lines, with its cause: since Rust 1.73 that stands on the lines after.
pub fn panic(lines: &[String]) -> Option<String> {
    const MOST: usize = 4;
    let first = lines.iter().position(|line| is_panic(line))?;
    let is_cause = |line: &&String| {
        let line = line.trim_start();
        !line.starts_with("note: ") && !line.starts_with("stack backtrace:")
    };
    // On one line the cause is told already.
    let told = lines[first].trim_end().ends_with(':');
    let causes = lines[first + 1..].iter().take_while(is_cause).take(if told { MOST } else { 0 });
    let words: Vec<String> =
        lines[first..=first].iter().chain(causes).map(|line| printable(line.trim())).collect();
    Some(words.join(" ").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_cause_wherever_that_stands() {
        let said = |log: &str| panic(&log.lines().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(said("all is well\nnote: nothing"), None);
        assert_eq!(
            said("INFO x\nthread 'main' panicked at src/a.rs:1:2:\nthe disk\nis full\nnote: run with `RUST_BACKTRACE=1`").as_deref(),
            Some("thread 'main' panicked at src/a.rs:1:2: the disk is full")
        );
        assert_eq!(
            said("thread 'main' panicked at 'the disk is full', src/a.rs:1:2\nINFO y").as_deref(),
            Some("thread 'main' panicked at 'the disk is full', src/a.rs:1:2")
        );
        assert_eq!(
            said("thread 'main' panicked at a.rs:1:").as_deref(),
            Some("thread 'main' panicked at a.rs:1:")
        );
    }

    #[test]
    fn colours_go_and_text_stays() {
        assert_eq!(plain("\u{1b}[1;31merror\u{1b}[0m: x"), "error: x");
        assert_eq!(plain("\u{1b}]0;title\u{7}x\u{1b}]8;;http://a\u{1b}\\y"), "xy");
        assert_eq!(plain("cut \u{1b}["), "cut ");
        assert_eq!(plain("cut \u{1b}"), "cut ");
    }

    #[test]
    fn durations_are_read_in_milliseconds_below_a_second() {
        assert_eq!(
            [0, 999, 1000, 62_000].map(|ms| short(Duration::from_millis(ms))),
            ["0 ms", "999 ms", "1.0 s", "62.0 s"]
        );
    }

    #[test]
    fn a_node_cannot_write_on_our_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\rc\u{8}d\u{202e}e\tf"),
            "ab\u{fffd}c\u{fffd}d\u{fffd}e f"
        );
    }
}
