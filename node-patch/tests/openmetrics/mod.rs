//! A strict reader of OpenMetrics 1.0 text, as far as a node writes it: without timestamps
//! and exemplars. What it does not know is an error.

use std::collections::BTreeSet;

/// A metric family as the page has it.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    /// Each with its labels as written.
    pub(crate) samples: Vec<(String, f64)>,
}

/// All families of a page, or the first thing that is wrong with it.
pub(crate) fn parse(page: &str) -> Result<Vec<Family>, String> {
    let body = page.strip_suffix("# EOF\n").ok_or("no EOF at the end")?;
    if !(body.is_empty() || body.ends_with('\n')) {
        return Err("EOF is not on a line of its own".into());
    }
    let (mut families, mut names, mut samples) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = described(line, "HELP")?;
        let kind = described(lines.next().unwrap_or_default(), "TYPE")?;
        if kind.0 != name || !is_name(name) || !names.insert(name.to_owned()) {
            return Err(format!("{line}: not one family with one name"));
        }
        if let Some(line) = lines.next_if(|line| line.starts_with("# UNIT ")) {
            let unit = described(line, "UNIT")?;
            if unit.0 != name || !name.ends_with(&format!("_{}", unit.1)) {
                return Err(format!("{line}: not the end of {name}"));
            }
        }
        let mut family = Family {
            name: name.into(),
            kind: kind.1.into(),
            help: help.into(),
            samples: Vec::new(),
        };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let sample = sample(line, &family)?;
            if !samples.insert(sample.0.clone()) {
                return Err(format!("{line}: a second time"));
            }
            family.samples.push(sample);
        }
        check(&family)?;
        families.push(family);
    }
    Ok(families)
}

fn described<'a>(line: &'a str, keyword: &str) -> Result<(&'a str, &'a str), String> {
    line.strip_prefix(&format!("# {keyword} "))
        .and_then(|rest| rest.split_once(' '))
        .filter(|(_, text)| !text.is_empty() && text.trim() == *text)
        .ok_or_else(|| format!("{line:?}: not # {keyword} NAME TEXT"))
}

fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sample(line: &str, family: &Family) -> Result<(String, f64), String> {
    let wrong = |what: &str| format!("{line}: {what}");
    let (sample, value) = line.rsplit_once(' ').ok_or_else(|| wrong("no value"))?;
    let value: f64 = value.parse().map_err(|_| wrong("its value is no number"))?;
    let (name, labels) = match sample.split_once('{') {
        Some((name, rest)) => {
            (name, rest.strip_suffix('}').ok_or_else(|| wrong("labels without an end"))?)
        }
        None => (sample, ""),
    };
    let suffixes: &[&str] = match family.kind.as_str() {
        "gauge" => &[""],
        "counter" => &["_total"],
        "histogram" => &["_sum", "_count", "_bucket"],
        "info" => &["_info"],
        _ => return Err(wrong("a type that no node has")),
    };
    if !suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(&family.name)) {
        return Err(wrong("not a name of its family"));
    }
    let mut rest = labels;
    let mut keys = BTreeSet::new();
    while !rest.is_empty() {
        let (key, after) = label(rest).ok_or_else(|| wrong("a label that cannot be"))?;
        if !is_name(key) || !keys.insert(key) {
            return Err(wrong("a label that cannot be, or is there twice"));
        }
        rest = after;
    }
    if family.kind != "gauge" && !(value >= 0.0 && value.is_finite()) {
        return Err(wrong("counts are not negative"));
    }
    Ok((sample.to_owned(), value))
}

/// The first label's name, and what follows it and its comma.
fn label(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once("=\"")?;
    let mut characters = value.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next()?.1 {
                '\\' | '"' | 'n' => {}
                _ => return None,
            },
            '"' => {
                let after = &value[at + 1..];
                let rest = after.strip_prefix(',').filter(|rest| !rest.is_empty());
                return Some((key, rest.or_else(|| after.is_empty().then_some(""))?));
            }
            _ => {}
        }
    }
    None
}

/// What must hold between the samples of a family.
fn check(family: &Family) -> Result<(), String> {
    let Family { name, kind, samples, .. } = family;
    if samples.is_empty() {
        return Err(format!("{name} has no sample"));
    }
    if kind == "counter" && name.ends_with("_total") {
        return Err(format!("{name}: the suffix is the sample's"));
    }
    if kind != "histogram" {
        return Ok(());
    }
    let of = |suffix: &str| samples.iter().find(|(sample, _)| *sample == format!("{name}{suffix}"));
    let buckets: Vec<_> = samples
        .iter()
        .filter(|(sample, _)| sample.starts_with(&format!("{name}_bucket{{")))
        .collect();
    let rises = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    let last = buckets.last().filter(|(sample, _)| sample.ends_with("{le=\"+Inf\"}"));
    let all = last.map(|(_, value)| *value);
    if rises
        && of("_sum").is_some()
        && all.is_some()
        && all == of("_count").map(|(_, value)| *value)
    {
        Ok(())
    } else {
        Err(format!("{name}: buckets, sum and count do not fit"))
    }
}

#[test]
fn what_is_no_openmetrics_is_refused() {
    let good = "# HELP a_bytes Some words\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{x=\"1\",y=\"2\"} 3\n# EOF\n";
    assert_eq!(
        parse(good).unwrap()[0].samples,
        [("a_bytes_total{x=\"1\",y=\"2\"}".to_owned(), 3.0)]
    );
    for (part, other) in [
        ("# EOF\n", ""),
        ("# EOF\n", "# EOF"),
        ("# EOF\n", "\n# EOF\n"),
        ("# EOF\n", "# EOF\n# EOF\n"),
        ("# EOF\n", "a_bytes_total{x=\"1\",y=\"2\"} 4\n# EOF\n"),
        ("a_bytes_total", "a_bytes"),
        ("a_bytes_total", "b_bytes_total"),
        ("} 3", "} three"),
        ("} 3", "} -3"),
        ("} 3", "}"),
        ("y=\"2\"", "x=\"2\""),
        ("y=\"2\"", "y=\"\"\""),
        ("y=\"2\"", "y=2"),
        ("y=\"2\"}", "y=\"2\""),
        ("y=\"2\"}", "y=\"2\",}"),
        ("y=\"2\"", "y=\"2\\\""),
        ("y=\"2\"", "y=\"\\2\""),
        ("counter", "count"),
        ("counter", "histogram"),
        ("TYPE a_bytes", "TYPE b_bytes"),
        ("# UNIT a_bytes bytes", "# UNIT a_bytes seconds"),
        ("# HELP a_bytes Some words\n", ""),
        ("a_bytes_total{x=\"1\",y=\"2\"} 3\n", ""),
    ] {
        assert!(good.contains(part), "{part}");
        let bad = good.replacen(part, other, 1);
        assert!(parse(&bad).is_err(), "{bad}");
    }
}
