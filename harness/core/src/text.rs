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

#[cfg(test)]
mod tests {
    use super::*;

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
