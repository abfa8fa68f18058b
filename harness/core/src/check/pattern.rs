//! A regular expression in a scenario, for the checks that take one.

use regex_lite::Regex;

use crate::document::{At, Problems, Table};

/// Characters of a pattern: a longer one is no pattern, and compiling it costs time at every look.
const LONGEST: usize = 1000;

/// Reads one. What matches nothing at all matches everything, and says nothing.
pub(super) fn read(
    table: &Table<'_, '_>,
    key: &str,
    problems: &mut Problems,
) -> Option<At<String>> {
    let pattern = table.text(key, problems)?;
    let wrong = match Regex::new(&pattern.value) {
        Err(why) => why.to_string(),
        Ok(_) if pattern.value.len() > LONGEST => format!("longer than {LONGEST} bytes"),
        Ok(all) if all.is_match("") => "it matches a line without any character".to_owned(),
        Ok(_) => return Some(pattern),
    };
    problems.error_hint(
        pattern.span,
        format!("`{key}`: {wrong}"),
        "write a regular expression, like \"WARN|ERROR\"",
    );
    None
}

/// A part of it is a line break, written as it is or as an escape. What a line may not have (`[^\n]`) is none.
pub(super) fn has_line_break(pattern: &str) -> bool {
    let (mut within, mut rest) = (false, pattern.chars());
    while let Some(next) = rest.next() {
        match next {
            '\n' => return true,
            '\\' if matches!(rest.next(), Some('n')) && !within => return true,
            '[' => within = true,
            ']' => within = false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_is_found_as_it_is_and_as_an_escape() {
        for broken in ["WARN\nERROR", r"a\nb", r"\\\n", r"[ab]\n"] {
            assert!(has_line_break(broken), "{broken:?}");
        }
        for whole in ["WARN|ERROR", r"path\\name", r"[^\n]+", r"\d+\s", "run"] {
            assert!(!has_line_break(whole), "{whole:?}");
        }
    }
}
