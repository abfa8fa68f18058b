//! What may be asked of an answer, and whether answers are so.

use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{check::hold::Holds, event::Part};

/// What an answer, or its part, must be. Values are JSON text: a plan that is read again is then the
/// same one, whatever its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// This; 1 and 1.0 are one number.
    Equals(String),
    /// A number from here on.
    AtLeast(String),
    /// A number up to here.
    AtMost(String),
    /// A text that has this in it; anything else counts as its JSON.
    Matches(String),
    /// The same of all nodes, and not `null`.
    SameEverywhere,
    /// An error, of whatever code.
    IsError,
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => write!(f, "= {value}"),
            Self::AtLeast(value) => write!(f, ">= {value}"),
            Self::AtMost(value) => write!(f, "<= {value}"),
            Self::Matches(pattern) => write!(f, "matching `{pattern}`"),
            Self::SameEverywhere => f.write_str("the same of all"),
            Self::IsError => f.write_str("as an error"),
        }
    }
}

/// The same, ready to be compared with.
pub(super) enum Wanted {
    Equals(Value),
    AtLeast(Number),
    AtMost(Number),
    Matches(Regex),
    SameEverywhere,
    IsError,
}

impl Want {
    /// `None`: no scenario gave it.
    pub(super) fn read(&self) -> Option<Wanted> {
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        let number = |text: &str| Number::of(&json(text)?);
        Some(match self {
            Self::Equals(text) => Wanted::Equals(json(text)?),
            Self::AtLeast(text) => Wanted::AtLeast(number(text)?),
            Self::AtMost(text) => Wanted::AtMost(number(text)?),
            Self::Matches(pattern) => Wanted::Matches(Regex::new(pattern).ok()?),
            Self::SameEverywhere => Wanted::SameEverywhere,
            Self::IsError => Wanted::IsError,
        })
    }
}

impl Wanted {
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::IsError)
    }

    /// What the answers of one round say.
    pub(super) fn says<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> Holds {
        let (mut says, mut first) = (Holds::Yes, None);
        for part in parts {
            let value = match part {
                Part::Json(text) => serde_json::from_str::<Value>(text).ok(),
                Part::Absent | Part::TooLong { .. } | Part::Missing(_) => None,
            };
            says = says.and(self.of(part, value.as_ref()));
            if let (Self::SameEverywhere, Some(value)) = (self, value) {
                let known = first.get_or_insert_with(|| value.clone());
                says = says.and(yes(is_equal(known, &value)));
            }
        }
        says
    }

    fn of(&self, part: &Part, value: Option<&Value>) -> Holds {
        match (part, value) {
            (Part::Missing(miss), _) if miss.says_nothing() => Holds::Unknown,
            (Part::Missing(miss), _) => yes(self.is_error() && miss.is_error()),
            (Part::TooLong { .. }, _) => yes_or_unknown(self),
            (Part::Absent, _) => Holds::No,
            (Part::Json(_), Some(value)) => yes(self.is(value)),
            // Deeper than a reader goes: nobody can judge it.
            (Part::Json(_), None) => Holds::Unknown,
        }
    }

    fn is(&self, value: &Value) -> bool {
        let number = || Number::of(value);
        match self {
            Self::Equals(wanted) => is_equal(wanted, value),
            Self::AtLeast(least) => number().is_some_and(|number| number.is_at_least(*least)),
            Self::AtMost(most) => number().is_some_and(|number| most.is_at_least(number)),
            Self::Matches(pattern) => match value {
                Value::Null => false,
                Value::String(text) => pattern.is_match(text),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    pattern.is_match(&value.to_string())
                }
            },
            Self::SameEverywhere => !value.is_null(),
            Self::IsError => false,
        }
    }
}

fn yes(holds: bool) -> Holds {
    if holds { Holds::Yes } else { Holds::No }
}

/// Nobody looked at what is too long, but an error it is not.
fn yes_or_unknown(wanted: &Wanted) -> Holds {
    if wanted.is_error() { Holds::No } else { Holds::Unknown }
}

/// JSON that says the same: of numbers their value counts, not how it is written.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => {
            let (one, other) = (Number::of(one), Number::of(other));
            one.zip(other)
                .is_some_and(|(one, other)| one.is_at_least(other) && other.is_at_least(one))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_equal(value, other)))
        }
        _ => one == other,
    }
}

/// A number as nodes give them: of JSON, or a whole one in hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Other(f64),
}

impl Number {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => {
                let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                whole.map(Self::Whole).or_else(|| number.as_f64().map(Self::Other))
            }
            Value::String(text) => {
                let digits = text.strip_prefix("0x")?;
                let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let number = is_hex.then(|| i128::from_str_radix(digits, 16).ok())?;
                number.map(Self::Whole)
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn is_at_least(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one >= other,
            (one, other) => one.float() >= other.float(),
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Other(float) => float,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Miss;

    fn says(want: &Want, parts: &[Part]) -> Holds {
        want.read().unwrap().says(parts.iter())
    }

    fn json(text: &str) -> Part {
        Part::Json(text.to_owned())
    }

    fn error() -> Part {
        Part::Missing(Miss::Refused { code: -32601, message: "Method not found".to_owned() })
    }

    #[test]
    fn an_answer_is_compared_by_what_it_says() {
        let text = str::to_owned;
        for (want, good, bad) in [
            (Want::Equals(text("3")), vec!["3", "3.0"], vec!["4", "\"3\"", "null", "[3]"]),
            (
                Want::Equals(text("{\"a\":[1]}")),
                vec!["{\"a\":[1.0]}"],
                vec!["{\"a\":[1],\"b\":2}", "{}"],
            ),
            (
                Want::AtLeast(text("2")),
                vec!["2", "2.5", "\"0x2\"", "\"0xff\""],
                vec!["1", "\"3\"", "null", "true", "\"0x\"", "\"0x-3\"", "[9]"],
            ),
            (Want::AtLeast(text("-1.5")), vec!["-1.5", "0"], vec!["-2"]),
            (Want::AtMost(text("2")), vec!["2", "-7", "\"0x0\""], vec!["2.1", "\"0x3\"", "\"\""]),
            (
                Want::AtLeast(text("18446744073709551615")),
                vec!["18446744073709551615"],
                vec!["18446744073709551614"],
            ),
            (Want::Matches(text("^v\\d")), vec!["\"v1\""], vec!["\"1\"", "null", "1"]),
            (Want::Matches(text("\\d,2")), vec!["[1,2]"], vec!["\"null\""]),
            (Want::SameEverywhere, vec!["0", "false"], vec!["null"]),
            (Want::IsError, vec![], vec!["null", "{\"error\":1}"]),
        ] {
            for answer in good {
                assert_eq!(says(&want, &[json(answer)]), Holds::Yes, "{want} of {answer}");
            }
            for answer in bad {
                assert_eq!(says(&want, &[json(answer)]), Holds::No, "{want} of {answer}");
            }
            assert_eq!(says(&want, &[Part::Absent]), Holds::No, "{want}");
            assert_eq!(says(&want, &[Part::Missing(Miss::Timeout)]), Holds::Unknown, "{want}");
            let busy = Part::Missing(Miss::Busy { retry_ms: None });
            assert_eq!(says(&want, &[busy]), Holds::Unknown, "{want}");
            let nonsense = Part::Missing(Miss::Nonsense("<html>".to_owned()));
            assert_eq!(says(&want, &[nonsense]), Holds::No, "{want}");
            let is_error = want == Want::IsError;
            assert_eq!(says(&want, &[error()]) == Holds::Yes, is_error, "{want}");
            let long = says(&want, &[Part::TooLong { bytes: 9_999 }]);
            assert_eq!(long, if is_error { Holds::No } else { Holds::Unknown }, "{want}");
        }
    }

    #[test]
    fn all_have_to_say_it_at_once() {
        let same = Want::SameEverywhere;
        assert_eq!(says(&same, &[json("1"), json("1.0"), json("1")]), Holds::Yes);
        assert_eq!(says(&same, &[json("1"), json("1"), json("2")]), Holds::No);
        assert_eq!(says(&same, &[json("1"), Part::Missing(Miss::Timeout)]), Holds::Unknown);
        assert_eq!(says(&same, &[json("null"), json("null")]), Holds::No, "nothing is nothing");
        let least = Want::AtLeast("2".to_owned());
        assert_eq!(says(&least, &[json("2"), json("1")]), Holds::No);
        assert!(Want::Matches("(".to_owned()).read().is_none(), "in a forged plan");
        assert!(Want::AtLeast("{}".to_owned()).read().is_none(), "in a forged plan");
    }
}
