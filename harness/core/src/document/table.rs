//! Walks a parsed TOML table and collects every error instead of stopping at the first. Knows TOML
//! and durations, not scenarios.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use serde::Serialize;
use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    json,
    key::Key,
    names::{nearest, suggest},
    problem::{MISSING, Problems},
};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands, in bytes of the text.
    #[serde(skip)]
    pub span: Range<usize>,
}

impl<T> At<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), span: self.span }
    }
}

/// One table, what it is called in messages, and where errors about it go.
pub(crate) struct Table<'t, 'i> {
    entries: &'t DeTable<'i>,
    pub(crate) span: Range<usize>,
    what: String,
}

impl<'t, 'i> Table<'t, 'i> {
    pub(crate) fn root(document: &'t Spanned<DeTable<'i>>, what: &str) -> Self {
        Self { entries: document.get_ref(), span: 0..0, what: what.to_owned() }
    }

    fn open(value: &'t Spanned<DeValue<'i>>, what: &str, problems: &mut Problems) -> Option<Self> {
        let Some(entries) = value.get_ref().as_table() else {
            problems.error(
                value.span(),
                format!("{what} must be a table, not {}", article(value.get_ref())),
            );
            return None;
        };
        Some(Self { entries, span: value.span(), what: what.to_owned() })
    }

    /// Every other key is an error. `known` in the order in which people should read it.
    pub(crate) fn only(&self, known: &[&[Key]], problems: &mut Problems) {
        let names = names(known);
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if !names.contains(&name) {
                problems.error_hint(
                    key.span(),
                    format!("unknown key `{name}` in {}", self.what),
                    suggest(name, names.iter().copied()),
                );
            }
        }
    }

    /// Only keys that are nearly one of `known` are errors: for a table of which not every key is
    /// known.
    pub(crate) fn misspelt(&self, known: &[Key], problems: &mut Problems) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            let near = nearest(name, names(&[known]));
            if let Some(near) = near.filter(|near| *near != name) {
                problems.error_hint(
                    key.span(),
                    format!("unknown key `{name}` in {}", self.what),
                    format!("did you mean `{near}`?"),
                );
            }
        }
    }

    pub(crate) fn table(&self, key: &str, problems: &mut Problems) -> Option<Table<'t, 'i>> {
        Self::open(self.entries.get(key)?, &format!("`[{key}]`"), problems)
    }

    /// An array of tables; empty if it is not there.
    pub(crate) fn tables(
        &self,
        key: &str,
        what: &str,
        problems: &mut Problems,
    ) -> Vec<Table<'t, 'i>> {
        let Some(value) = self.entries.get(key) else {
            return Vec::new();
        };
        match value.get_ref().as_array() {
            Some(array) => {
                array.iter().filter_map(|entry| Self::open(entry, what, problems)).collect()
            }
            None => {
                problems.error_hint(
                    value.span(),
                    format!("`{key}` must be an array of tables, not {}", article(value.get_ref())),
                    format!("write `[[{key}]]`"),
                );
                Vec::new()
            }
        }
    }

    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<At<String>> {
        let value = self.entries.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(At { value: text.to_owned(), span: value.span() }),
            None => wrong_type(key, "a string", value, problems),
        }
    }

    /// One of some words.
    pub(crate) fn word(
        &self,
        key: &str,
        words: &[&'static str],
        problems: &mut Problems,
    ) -> Option<At<&'static str>> {
        let text = self.text(key, problems)?;
        if let Some(word) = words.iter().find(|word| **word == text.value) {
            return Some(text.map(|_| *word));
        }
        let all: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        problems.error_hint(
            text.span,
            format!("`{key}` cannot be `{}`", text.value),
            format!("write {}", all.join(" or ")),
        );
        None
    }

    /// Lists of strings.
    pub(crate) fn groups(
        &self,
        key: &str,
        problems: &mut Problems,
    ) -> Option<Vec<Vec<At<String>>>> {
        const WANTED: &str = "a list of lists of strings";
        let value = self.entries.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            return wrong_type(key, WANTED, value, problems);
        };
        let mut groups = Vec::new();
        for entry in array.iter() {
            let Some(names) = entry.get_ref().as_array() else {
                wrong_type::<()>(key, WANTED, entry, problems);
                continue;
            };
            let name = |name: &Spanned<DeValue<'_>>| {
                let text = name.get_ref().as_str()?.to_owned();
                Some(At { value: text, span: name.span() })
            };
            let read: Vec<_> = names.iter().filter_map(name).collect();
            if read.len() < names.len() {
                wrong_type::<()>(key, WANTED, entry, problems);
            }
            groups.push(read);
        }
        Some(groups)
    }

    /// A duration that may be negative, in milliseconds.
    pub(crate) fn offset(&self, key: &str, problems: &mut Problems) -> Option<At<i64>> {
        self.measure(
            key,
            "a duration with its unit in quotes, like \"60s\" or \"-60s\"",
            "write a number and a unit, with a minus for the past: \"60s\", \"-2m\"",
            |text| {
                let (sign, rest) = match text.trim().strip_prefix('-') {
                    Some(rest) => (-1, rest),
                    None => (1, text),
                };
                let length = parse_duration(rest)?.as_millis();
                i64::try_from(length).map(|length| sign * length).map_err(|_| "too long".to_owned())
            },
            problems,
        )
    }

    pub(crate) fn boolean(&self, key: &str, problems: &mut Problems) -> Option<At<bool>> {
        let value = self.entries.get(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(At { value: flag, span: value.span() }),
            None => wrong_type(key, "`true` or `false`", value, problems),
        }
    }

    /// A whole number that is at least `least` and fits 32 bits.
    pub(crate) fn number(&self, key: &str, least: u32, problems: &mut Problems) -> Option<At<u32>> {
        let value = self.entries.get(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            return wrong_type(key, "a whole number", value, problems);
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if number >= least => Some(At { value: number, span: value.span() }),
            Ok(number) => {
                problems
                    .error(value.span(), format!("`{key}` must be at least {least}, not {number}"));
                None
            }
            Err(_) => {
                problems.error(
                    value.span(),
                    format!("`{key}` must be a number from {least} to {}, not {integer}", u32::MAX),
                );
                None
            }
        }
    }

    pub(crate) fn duration(&self, key: &str, problems: &mut Problems) -> Option<At<Duration>> {
        let value = self.entries.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            return wrong_type(
                key,
                "a duration with its unit in quotes, like \"60s\"",
                value,
                problems,
            );
        };
        match parse_duration(text) {
            Ok(duration) => Some(At { value: duration, span: value.span() }),
            Err(why) => {
                problems.error_hint(
                    value.span(),
                    format!("`{key}` is not a duration: {why}"),
                    "write a number and a unit: \"500ms\", \"60s\", \"3m\"",
                );
                None
            }
        }
    }

    /// Like [`Self::duration`], and zero is an error.
    pub(crate) fn positive_duration(
        &self,
        key: &str,
        problems: &mut Problems,
    ) -> Option<At<Duration>> {
        let duration = self.duration(key, problems)?;
        if duration.value.is_zero() {
            problems.error(duration.span, format!("`{key}` must be longer than nothing"));
            return None;
        }
        Some(duration)
    }

    /// An amount of memory with its unit, in bytes.
    pub(crate) fn size(&self, key: &str, problems: &mut Problems) -> Option<At<u64>> {
        self.measure(
            key,
            "a size with its unit in quotes, like \"48 MiB\"",
            "write a number and a unit: \"512 KiB\", \"48 MiB\", \"1 GiB\"",
            parse_size,
            problems,
        )
    }

    /// A share in percent, in thousandths.
    pub(crate) fn share(&self, key: &str, problems: &mut Problems) -> Option<At<u32>> {
        self.measure(
            key,
            "a share with its unit in quotes, like \"25%\"",
            "write percent: \"25%\", \"0.5%\"",
            parse_share,
            problems,
        )
    }

    fn measure<T>(
        &self,
        key: &str,
        wanted: &str,
        hint: &str,
        parse: fn(&str) -> Result<T, String>,
        problems: &mut Problems,
    ) -> Option<At<T>> {
        let value = self.entries.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            return wrong_type(key, wanted, value, problems);
        };
        match parse(text) {
            Ok(parsed) => Some(At { value: parsed, span: value.span() }),
            Err(why) => {
                problems.error_hint(value.span(), format!("`{key}`: {why}"), hint);
                None
            }
        }
    }

    pub(crate) fn texts(&self, key: &str, problems: &mut Problems) -> Option<At<Vec<String>>> {
        let value = self.entries.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            return wrong_type(key, "a list of strings", value, problems);
        };
        let mut texts = Vec::new();
        for entry in array.iter() {
            match entry.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => problems.error(
                    entry.span(),
                    format!("`{key}` must hold strings, not {}", article(entry.get_ref())),
                ),
            }
        }
        Some(At { value: texts, span: value.span() })
    }

    pub(crate) fn text_table(
        &self,
        key: &str,
        problems: &mut Problems,
    ) -> Option<BTreeMap<String, At<String>>> {
        let value = self.entries.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            return wrong_type(key, "a table of strings", value, problems);
        };
        let mut texts = BTreeMap::new();
        for (name, entry) in table {
            match entry.get_ref().as_str() {
                Some(text) => {
                    texts.insert(
                        name.get_ref().to_string(),
                        At { value: text.to_owned(), span: name.span() },
                    );
                }
                None => problems.error(
                    entry.span(),
                    format!(
                        "`{key}.{}` must be a string (in quotes), not {}",
                        name.get_ref(),
                        article(entry.get_ref())
                    ),
                ),
            }
        }
        Some(texts)
    }

    /// A value of any kind.
    pub(crate) fn json(&self, key: &str, problems: &mut Problems) -> Option<At<Value>> {
        let value = self.entries.get(key)?;
        match json::of(value) {
            Ok(read) => Some(At { value: read, span: value.span() }),
            Err((span, why)) => {
                problems.error(span, format!("`{key}`: {why}"));
                None
            }
        }
    }

    /// A number, whole or not.
    pub(crate) fn real(&self, key: &str, problems: &mut Problems) -> Option<At<Number>> {
        let value = self.entries.get(key)?;
        let At { value: read, span } = self.json(key, problems)?;
        match read {
            Value::Number(number) => Some(At { value: number, span }),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => wrong_type(key, "a number", value, problems),
        }
    }

    /// Says so if the key is not there at all. A key of the wrong type was complained about
    /// already.
    pub(crate) fn require(&self, key: &str, problems: &mut Problems) {
        if !self.entries.contains_key(key) {
            problems.error(self.span.clone(), format!("{MISSING}key `{key}` in {}", self.what));
        }
    }

    /// Whether a key is this string.
    pub(crate) fn is_text(&self, key: &str, text: &str) -> bool {
        self.entries.get(key).is_some_and(|value| value.get_ref().as_str() == Some(text))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Something is written there: an empty list is nothing.
    pub(crate) fn has_some(&self, key: &str) -> bool {
        let list = |value: &Spanned<DeValue<'i>>| value.get_ref().as_array().map(|list| list.len());
        self.entries.get(key).is_some_and(|value| list(value) != Some(0))
    }

    /// Where a key stands; the whole table if it does not.
    pub(crate) fn key_span(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }
}

fn names(keys: &[&[Key]]) -> Vec<&'static str> {
    keys.iter().flat_map(|keys| keys.iter()).map(|key| key.name).collect()
}

fn wrong_type<T>(
    key: &str,
    wanted: &str,
    value: &Spanned<DeValue<'_>>,
    problems: &mut Problems,
) -> Option<T> {
    problems
        .error(value.span(), format!("`{key}` must be {wanted}, not {}", article(value.get_ref())));
    None
}

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// A duration with its unit, up to a day: longer is a slip of the unit, and memory of a run grows
/// with its length.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    if text.trim().chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(if text.trim().is_empty() {
            "it is empty".to_owned()
        } else {
            "its unit is missing".to_owned()
        });
    }
    let duration = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    if duration > LONGEST {
        return Err("longer than a day".to_owned());
    }
    Ok(duration)
}

/// `48 MiB`: powers of 1024 and of 1000, each by its own name.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit: u64 = match unit.trim() {
        "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        "" => return Err("its unit is missing".to_owned()),
        unit => return Err(format!("`{unit}` is no unit of memory")),
    };
    let number: u64 = number.parse().map_err(|_| "it is no whole number".to_owned())?;
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "no machine has that much, or nothing".to_owned())
}

/// `12.5%`, to a tenth of a percent.
fn parse_share(text: &str) -> Result<u32, String> {
    /// A machine of 1024 cores.
    const MOST: u32 = 1_024_000;
    let number = text
        .trim()
        .strip_suffix('%')
        .ok_or_else(|| "its unit is missing (percent)".to_owned())?
        .trim_end();
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(tenths) || tenths.len() > 1 {
        return Err("it is no number of percent, with one digit after the point at most".to_owned());
    }
    let permille = whole
        .parse::<u32>()
        .ok()
        .and_then(|whole| whole.checked_mul(10)?.checked_add(tenths.parse().ok()?));
    permille
        .filter(|permille| (1..=MOST).contains(permille))
        .ok_or_else(|| "no node uses nothing, or so much".to_owned())
}

#[cfg(test)]
mod tests;
