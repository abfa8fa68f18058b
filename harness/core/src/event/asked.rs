//! What single checks look at by themselves.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckId, Miss, Moment};

/// One look of one check at what only it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whose: its plan has the question.
    pub check: CheckId,
    /// When it began.
    pub sent: Moment,
    /// When the last answer was there, or was given up.
    pub answered: Moment,
    /// What came back.
    pub seen: AskedFor,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedFor {
    /// To one question that all its nodes were asked at once, by node.
    Answers(BTreeMap<String, Part>),
    /// One sample of each node's page of metrics.
    Metrics(BTreeMap<String, Scrape>),
    /// What a program of the user's does.
    Command(Ran),
    /// What each node had tried to dial; `None`: it is down, or nobody could say.
    Dials(BTreeMap<String, Option<Dialled>>),
}

/// The kernel's count of connections that were tried from a node's network, without the harness's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialled {
    /// Which network: another one begins to count at 0.
    pub network: u64,
    /// So far.
    pub attempts: u64,
}

/// What became of a program of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ran {
    /// It was executed.
    Began,
    /// It is over.
    Ended {
        /// How.
        how: Ending,
        /// That it wrote.
        bytes: u64,
        /// The end of that.
        last: String,
    },
    /// It could not be executed.
    NotRun(String),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which was not ours.
    Signalled(i32),
    /// We ended it after so long.
    TimedOut {
        /// In milliseconds.
        ms: u64,
    },
}

impl Ran {
    /// Characters of its last line that are recorded.
    pub const LONGEST: usize = 200;
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began => f.write_str("it runs"),
            Self::Ended { bytes: 0, .. } => f.write_str("it wrote nothing"),
            Self::Ended { bytes, last, .. } => {
                write!(f, "it wrote {bytes} bytes, the last: {last}")
            }
            Self::NotRun(_) => f.write_str("it was not executed"),
        }
    }
}

/// One node's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrape {
    /// Which start of the node was asked.
    pub start: u32,
    /// What was on it.
    pub seen: Sampled,
}

/// What a page says of the sample that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampled {
    /// Its value, as it stands on the page: text is read the same by everybody.
    Value(String),
    /// It is not there, on a page that is good.
    Absent,
    /// So many are there.
    Several(usize),
    /// The page is none: the line that shows it.
    Wrong(String),
    /// There is no page.
    Missing(Miss),
}

impl fmt::Display for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(text) => f.write_str(text),
            Self::Absent => f.write_str("not on its page"),
            Self::Several(count) => write!(f, "{count} samples"),
            Self::Wrong(line) => write!(f, "a page with the line `{line}`"),
            Self::Missing(miss) => miss.fmt(f),
        }
    }
}

/// The part of an answer that is judged, and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// As JSON text: so a run and `verify` read it from the same bytes, however deep it is and whatever
    /// its numbers.
    Json(String),
    /// There is an answer, and nothing where the pointer leads.
    Absent,
    /// It is longer than [`Part::LONGEST`]: nobody can judge it.
    TooLong {
        /// Of its JSON.
        bytes: usize,
    },
    /// There is no answer, or an error.
    Missing(Miss),
}

impl Part {
    /// Bytes of JSON that are recorded of one answer. 253 nodes' answers, each of them quoted, are then
    /// within the 4 MiB that a line of events may have.
    pub const LONGEST: usize = 4096;

    /// What the pointer leads to in an answer; an empty one is all of it.
    pub fn of(answer: Result<Value, Miss>, pointer: &str) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(miss) => return Self::Missing(miss),
        };
        let Some(part) = answer.pointer(pointer) else { return Self::Absent };
        let text = part.to_string();
        if text.len() > Self::LONGEST {
            return Self::TooLong { bytes: text.len() };
        }
        Self::Json(text)
    }

    /// Why there is no answer, if there is none.
    pub fn miss(&self) -> Option<&Miss> {
        match self {
            Self::Missing(miss) => Some(miss),
            Self::Json(_) | Self::Absent | Self::TooLong { .. } => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => f.write_str(text),
            Self::Absent => write!(f, "an answer without it"),
            Self::TooLong { bytes } => {
                write!(f, "{bytes} bytes of JSON, of which {} can be judged", Self::LONGEST)
            }
            Self::Missing(miss) => miss.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_recorded_is_the_part_and_bounded() {
        let of = |answer: Value, pointer: &str| Part::of(Ok(answer), pointer);
        assert_eq!(of(json!({ "a": [1, { "b": 2.5 }] }), "/a/1/b"), Part::Json("2.5".to_owned()));
        assert_eq!(of(json!({ "a": null }), "/a"), Part::Json("null".to_owned()));
        assert_eq!(of(json!({ "a": 1 }), "/b"), Part::Absent);
        assert_eq!(of(json!(7), ""), Part::Json("7".to_owned()));
        let (fits, long) = ("x".repeat(Part::LONGEST - 2), "x".repeat(Part::LONGEST - 1));
        assert!(matches!(of(json!(fits), ""), Part::Json(_)));
        assert_eq!(of(json!(long), ""), Part::TooLong { bytes: Part::LONGEST + 1 });
        // Only the part counts.
        assert_eq!(of(json!({ "a": 1, "b": long }), "/a"), Part::Json("1".to_owned()));
        assert_eq!(Part::of(Err(Miss::Timeout), "/a"), Part::Missing(Miss::Timeout));
    }
}
