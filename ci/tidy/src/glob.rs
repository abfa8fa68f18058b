//! Patterns of paths, as `.gitignore` and people's prose write them: `*` and `?` within one part,
//! `**` for any number of parts, `{a,b}` for one of several. Nothing else is special.

/// Whether `path` is what `pattern` describes. Both use `/`, and neither begins or ends with it.
pub fn matches(pattern: &str, path: &str) -> bool {
    let path: Vec<&str> = path.split('/').collect();
    alternatives(pattern).iter().any(|one| parts(&one.split('/').collect::<Vec<_>>(), &path))
}

/// Whether `text` is more than a plain path.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '{'])
}

fn alternatives(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![pattern.to_owned()];
    };
    let Some((choices, after)) = rest.split_once('}') else {
        return vec![pattern.to_owned()];
    };
    choices
        .split(',')
        .flat_map(|choice| alternatives(&format!("{before}{choice}{after}")))
        .collect()
}

fn parts(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), None) => parts(rest, path),
        (Some((&"**", rest)), Some((_, later))) => parts(rest, path) || parts(pattern, later),
        (Some((one, rest)), Some((part, later))) => {
            characters(one.as_bytes(), part.as_bytes()) && parts(rest, later)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn characters(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => characters(rest, text),
        (Some((b'*', rest)), Some((_, later))) => {
            characters(rest, text) || characters(pattern, later)
        }
        (Some((b'?', rest)), Some((_, later))) => characters(rest, later),
        (Some((one, rest)), Some((other, later))) => one == other && characters(rest, later),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stays_within_its_part_and_two_stars_do_not() {
        assert!(matches("tests/prop_*.rs", "tests/prop_book.rs"));
        assert!(!matches("tests/*.rs", "tests/deep/book.rs"));
        assert!(matches("tests/**/*.rs", "tests/deep/er/book.rs"));
        assert!(matches("tests/**/*.rs", "tests/book.rs"));
        assert!(matches("check/**", "check/peers.rs"));
    }

    #[test]
    fn braces_are_a_choice() {
        assert!(matches("run/{phase,watch}.rs", "run/watch.rs"));
        assert!(!matches("run/{phase,watch}.rs", "run/testbed.rs"));
    }
}
