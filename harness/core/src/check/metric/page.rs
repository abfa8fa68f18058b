//! A page of OpenMetrics or of Prometheus' older text format, as far as one sample of it is of interest.
//!
//! Read strictly and by ourselves: the crates that parse these formats bring a regex or grammar engine,
//! and take what they do not understand for nothing, where nothing may here decide a verdict.

use std::{collections::BTreeMap, iter::Peekable, str::Chars};

use crate::event::Sampled;

/// Bytes of a page that is read: a node of ours has a fiftieth.
pub const LARGEST: usize = 1024 * 1024;

/// Bytes of a value: it is recorded once a second. No number needs so many.
const LONGEST: usize = 64;

/// Characters of a line that is shown because it is wrong.
const SHOWN: usize = 80;

/// The value of the one sample with this name and these labels; it may have others beside them. Every
/// line of the page must be one, or nothing on it counts.
pub fn find(page: &str, name: &str, labels: &BTreeMap<String, String>) -> Sampled {
    let mut found: Vec<&str> = Vec::new();
    for line in page.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(sample) = Sample::read(line) else {
            return Sampled::Wrong(line.chars().take(SHOWN).collect());
        };
        let has = |(label, value): (&String, &String)| sample.labels.get(label) == Some(value);
        if sample.name == name && labels.iter().all(has) {
            found.push(sample.value);
        }
    }
    match found.as_slice() {
        [] => Sampled::Absent,
        [value] => Sampled::Value((*value).to_owned()),
        several => Sampled::Several(several.len()),
    }
}

struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<String, String>,
    value: &'a str,
}

impl<'a> Sample<'a> {
    /// `name{label="value"} 12.5 timestamp # exemplar`, of which what follows the value is not of
    /// interest.
    fn read(line: &'a str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => self::labels(inside)?,
            None => (BTreeMap::new(), rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let value = words.next()?;
        let after = words.next();
        let is_fine = is_name(name)
            && value.len() <= LONGEST
            && value.parse::<f64>().is_ok()
            && after.is_none_or(|after| after == "#" || after.parse::<f64>().is_ok());
        is_fine.then_some(Self { name, labels, value })
    }
}

/// What stands between the braces, and what follows them.
fn labels(inside: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = inside.chars().peekable();
    loop {
        skip_blanks(&mut rest);
        if rest.peek() == Some(&'}') {
            rest.next();
            let after: usize = rest.map(char::len_utf8).sum();
            return Some((labels, &inside[inside.len() - after..]));
        }
        let mut name = String::new();
        while let Some(c) =
            rest.next_if(|c| !matches!(c, '=' | '}' | '"' | ',') && !c.is_whitespace())
        {
            name.push(c);
        }
        skip_blanks(&mut rest);
        rest.next_if_eq(&'=')?;
        skip_blanks(&mut rest);
        let value = quoted(&mut rest)?;
        if !is_name(&name) || labels.insert(name, value).is_some() {
            return None;
        }
        skip_blanks(&mut rest);
        if rest.next_if_eq(&',').is_none() && rest.peek() != Some(&'}') {
            return None;
        }
    }
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut value = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(value),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
}

/// Of a metric or a label.
pub(super) fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, name: &str, labels: &[(&str, &str)]) -> Sampled {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        find(page, name, &labels.collect())
    }

    fn value(text: &str) -> Sampled {
        Sampled::Value(text.to_owned())
    }

    const PAGE: &str = "# HELP peers Peers.\n# TYPE peers gauge\npeers{direction=\"inbound\"} 2\npeers{direction=\"outbound\",odd=\"a\\\"},\\\\b\\nc\"} 3.5\n# TYPE blocks counter\nblocks_total 17 1700000000.5 # {id=\"x\"} 1\nempty{} 0\nlater{a=\"b\", } NaN\n\n# EOF\n";

    #[test]
    fn a_sample_is_found_by_its_name_and_some_of_its_labels() {
        assert_eq!(found(PAGE, "peers", &[("direction", "inbound")]), value("2"));
        assert_eq!(found(PAGE, "peers", &[("direction", "outbound")]), value("3.5"));
        assert_eq!(found(PAGE, "peers", &[("odd", "a\"},\\b\nc")]), value("3.5"));
        assert_eq!(found(PAGE, "blocks_total", &[]), value("17"));
        assert_eq!(found(PAGE, "empty", &[]), value("0"));
        assert_eq!(found(PAGE, "later", &[("a", "b")]), value("NaN"));
        assert_eq!(found(PAGE, "peers", &[]), Sampled::Several(2));
        for (name, labels) in [
            ("blocks", &[][..]),
            ("peer", &[]),
            ("peers", &[("direction", "in")]),
            ("blocks_total", &[("id", "x")]),
            ("HELP", &[]),
        ] {
            assert_eq!(found(PAGE, name, labels), Sampled::Absent, "{name}");
        }
        assert_eq!(found("", "peers", &[]), Sampled::Absent);
    }

    /// A line that nobody understands may be the one that was looked for.
    #[test]
    fn a_page_with_one_line_that_is_none_says_nothing() {
        for wrong in [
            "peers",
            "peers two",
            "peers{ 2",
            "peers{a=\"b\" 2",
            "peers{a=b} 2",
            "peers{a=\"b\"c=\"d\"} 2",
            "peers{a=\"b\",a=\"c\"} 2",
            "peers{a=\"\\x\"} 2",
            "peers{=\"b\"} 2",
            "2peers 2",
            "pe-ers 2",
            "peers 2 x",
            "<html>",
            "{\"jsonrpc\": 2}",
        ] {
            let seen = found(&format!("good 1\n{wrong}\n"), "good", &[]);
            assert_eq!(seen, Sampled::Wrong(wrong.to_owned()), "{wrong}");
        }
        let digits = |count: usize| format!("good {}\n", "1".repeat(count));
        assert_eq!(found(&digits(64), "good", &[]), value(&"1".repeat(64)));
        assert!(matches!(found(&digits(65), "good", &[]), Sampled::Wrong(_)), "it is recorded");
        let long = found(&"ü".repeat(5_000), "good", &[]);
        assert_eq!(long, Sampled::Wrong("ü".repeat(SHOWN)));
    }
}
