//! What may be asked of an answer, and whether answers are so.

use std::{cmp::Ordering, fmt};

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number::Number;
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
    /// Why nobody can judge this answer, if so.
    pub(super) fn beyond(&self, part: &Part) -> Option<&'static str> {
        match part {
            Part::TooLong { .. } if !self.is_error() => Some(TOO_LONG),
            Part::Json(text) => match serde_json::from_str::<Value>(text) {
                Ok(value) => self.may_be_rounded(&value).then_some(ROUNDED),
                Err(_) => Some(TOO_DEEP),
            },
            Part::TooLong { .. } | Part::Same | Part::Absent | Part::Missing(_) => None,
        }
    }

    /// Whether this alone says neither yes nor no, or may not beside others.
    fn may_be_rounded(&self, value: &Value) -> bool {
        let alone = self.is(value);
        let beside = matches!(self, Self::SameEverywhere) && is_equal(value, value) != Holds::Yes;
        alone == Holds::Unknown || (alone == Holds::Yes && beside)
    }

    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::IsError)
    }

    /// What the answers of one round say.
    pub(super) fn says<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> Holds {
        let (mut says, mut first) = (Holds::Yes, None);
        for part in parts {
            let value = match part {
                Part::Json(text) => serde_json::from_str::<Value>(text).ok(),
                Part::Same | Part::Absent | Part::TooLong { .. } | Part::Missing(_) => None,
            };
            says = says.and(self.of(part, value.as_ref()));
            if let (Self::SameEverywhere, Some(value)) = (self, value) {
                let known = first.get_or_insert_with(|| value.clone());
                says = says.and(is_equal(known, &value));
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
            (Part::Json(_), Some(value)) => self.is(value),
            // Deeper than a reader goes, or as one that nobody gave: nobody can judge it.
            (Part::Json(_), None) | (Part::Same, _) => Holds::Unknown,
        }
    }

    fn is(&self, value: &Value) -> Holds {
        match self {
            Self::Equals(wanted) => is_equal(wanted, value),
            Self::AtLeast(least) => is(value, least, Ordering::is_ge),
            Self::AtMost(most) => is(value, most, Ordering::is_le),
            Self::Matches(pattern) => match value {
                Value::Null => Holds::No,
                Value::String(text) => yes(pattern.is_match(text)),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    yes(pattern.is_match(&value.to_string()))
                }
            },
            Self::SameEverywhere => yes(!value.is_null()),
            Self::IsError => Holds::No,
        }
    }
}

/// Why nobody can judge an answer.
const TOO_LONG: &str =
    "is longer than the 4096 bytes that can be judged: a `pointer` leads to a part of it";
const _: () = assert!(Part::LONGEST == 4096, "the words above");
const ROUNDED: &str = "has a number that is rounded, and so cannot be compared exactly";
const TOO_DEEP: &str = "is nested deeper than can be judged: a `pointer` leads to a part of it";

/// A number on this side of the bound.
fn is(value: &Value, bound: &Number, side: fn(Ordering) -> bool) -> Holds {
    let Some(number) = Number::of(value) else { return Holds::No };
    number.compare(bound).map_or(Holds::Unknown, |order| yes(side(order)))
}

fn yes(holds: bool) -> Holds {
    if holds { Holds::Yes } else { Holds::No }
}

/// Nobody looked at what is too long, but an error it is not.
fn yes_or_unknown(wanted: &Wanted) -> Holds {
    if wanted.is_error() { Holds::No } else { Holds::Unknown }
}

/// JSON that says the same: of numbers their value counts, not how it is written. Two that were rounded to
/// one may be two.
fn is_equal(one: &Value, other: &Value) -> Holds {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => match Number::of(other) {
            Some(number) => is(one, &number, Ordering::is_eq),
            None => Holds::No,
        },
        (Value::Array(one), Value::Array(other)) => one
            .iter()
            .zip(other)
            .map(|(one, other)| is_equal(one, other))
            .fold(yes(one.len() == other.len()), Holds::and),
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .map(|(key, value)| other.get(key).map_or(Holds::No, |other| is_equal(value, other)))
            .fold(yes(one.len() == other.len()), Holds::and),
        _ => yes(one == other),
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
        Part::Json(text.to_owned().into())
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
            assert_eq!(says(&want, &[Part::Same]), Holds::Unknown, "in a forged stream");
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

    /// Readers round what has more digits than they keep: two that look alike may be two numbers.
    #[test]
    fn whole_numbers_that_a_reader_rounds_are_never_taken_for_the_same() {
        let same = |one: &str, other: &str| says(&Want::SameEverywhere, &[json(one), json(other)]);
        let large = "18446744073709551616";
        assert_eq!(same(large, "18446744073709551617"), Holds::Unknown);
        assert_eq!(same(&format!("[1,{large}]"), &format!("[1,{large}]")), Holds::Unknown);
        assert_eq!(same(&format!("[1,{large}]"), &format!("[2,{large}]")), Holds::No);
        assert_eq!(same(large, "28446744073709551616"), Holds::No);
        assert_eq!(same("9007199254740993", "9007199254740993.0"), Holds::Unknown);
        assert_eq!(same("18446744073709551615", "18446744073709551614"), Holds::No);
        let of = |want: Want, answer: &str| says(&want, &[json(answer)]);
        let text = str::to_owned;
        assert_eq!(of(Want::Equals(text(large)), "18446744073709551617"), Holds::Unknown);
        assert_eq!(of(Want::AtLeast(text("18446744073709551617")), large), Holds::Unknown);
        assert_eq!(of(Want::AtMost(text(large)), "18446744073709551617"), Holds::Unknown);
        assert_eq!(of(Want::AtLeast(text("2")), large), Holds::Yes);
        assert_eq!(of(Want::AtMost(text("2")), large), Holds::No);
        assert_eq!(of(Want::AtMost(text("2")), "-1e30"), Holds::Yes);
    }

    #[test]
    fn hexadecimal_numbers_of_any_length_are_compared() {
        let of = |want: Want, answer: &str| says(&want, &[json(answer)]);
        let (least, most) = (Want::AtLeast("2".to_owned()), Want::AtMost("2".to_owned()));
        let huge = format!("\"0xF{}\"", "0".repeat(32));
        let padded = format!("\"0x{}2\"", "0".repeat(64));
        assert_eq!(of(least.clone(), &huge), Holds::Yes);
        assert_eq!(of(most.clone(), &huge), Holds::No);
        assert_eq!(
            (of(least.clone(), &padded), of(most.clone(), &padded)),
            (Holds::Yes, Holds::Yes)
        );
        assert_eq!(of(Want::AtLeast("1e30".to_owned()), &huge), Holds::Yes);
        assert_eq!(of(Want::AtLeast("1e60".to_owned()), &huge), Holds::No);
        assert_eq!(of(Want::AtMost("1e60".to_owned()), &huge), Holds::Yes);
        let endless = format!("\"0x{}\"", "f".repeat(4_000));
        assert_eq!(of(Want::AtLeast("1e300".to_owned()), &endless), Holds::Yes);
        assert_eq!(of(least, "\"0x00\""), Holds::No);
        assert_eq!(of(most, "\"0x00\""), Holds::Yes);
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
