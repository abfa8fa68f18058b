//! What single checks look at by themselves.

use std::{collections::BTreeMap, fmt, ops::Deref, sync::Arc};

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
    /// Something of this machine's kept it from a node, for the first time: why.
    Hindered(String),
    /// It is over.
    Ended {
        /// How.
        how: Ending,
        /// That it wrote.
        bytes: u64,
        /// The end of that.
        last: String,
        /// What it has started and nobody here can end, each in words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
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
            Self::Ended { bytes, last, left, .. } => {
                match bytes {
                    0 => f.write_str("it wrote nothing")?,
                    _ => write!(f, "it wrote {bytes} bytes, the last: {last}")?,
                }
                if left.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; still there: {}", left.join(", "))
                }
            }
            Self::Hindered(why) => write!(f, "it was kept from a node: {why}"),
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

/// JSON as it was recorded. Rounds in which it is the same share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct JsonText(Arc<str>);

impl From<String> for JsonText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<JsonText> for String {
    fn from(text: JsonText) -> Self {
        text.0.as_ref().to_owned()
    }
}

impl Deref for JsonText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The part of an answer that is judged, and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// As JSON text: so a run and `verify` read it from the same bytes, however deep it is and whatever
    /// its numbers.
    Json(JsonText),
    /// What the node answered in the check's round before. Only events have this: whoever remembers them puts
    /// the answer in its place.
    Same,
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
        Self::Json(text.into())
    }

    /// What is recorded of a round: no answer that was in the round before is written again. All else is short, and
    /// would not be shared by rounds that are remembered.
    pub fn changed(
        now: &BTreeMap<String, Self>,
        before: &BTreeMap<String, Self>,
    ) -> BTreeMap<String, Self> {
        let record = |(node, part): (&String, &Self)| {
            let is_same = matches!(part, Self::Json(_)) && before.get(node) == Some(part);
            let part = if is_same { &Self::Same } else { part };
            (node.clone(), part.clone())
        };
        now.iter().map(record).collect()
    }

    /// The answers again. One that is said to be as before, where there was none, stays that: it says nothing.
    pub fn restore(now: &mut BTreeMap<String, Self>, before: &BTreeMap<String, Self>) {
        for (node, part) in now.iter_mut().filter(|(_, part)| **part == Self::Same) {
            if let Some(Self::Json(text)) = before.get(node) {
                *part = Self::Json(text.clone());
            }
        }
    }

    /// Why there is no answer, if there is none.
    pub fn miss(&self) -> Option<&Miss> {
        match self {
            Self::Missing(miss) => Some(miss),
            Self::Json(_) | Self::Same | Self::Absent | Self::TooLong { .. } => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => f.write_str(text),
            Self::Same => f.write_str("the answer before"),
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

    fn json(text: &str) -> Part {
        Part::Json(text.to_owned().into())
    }

    #[test]
    fn what_is_recorded_is_the_part_and_bounded() {
        let of = |answer: Value, pointer: &str| Part::of(Ok(answer), pointer);
        assert_eq!(of(json!({ "a": [1, { "b": 2.5 }] }), "/a/1/b"), json("2.5"));
        assert_eq!(of(json!({ "a": null }), "/a"), json("null"));
        assert_eq!(of(json!({ "a": 1 }), "/b"), Part::Absent);
        assert_eq!(of(json!(7), ""), json("7"));
        let (fits, long) = ("x".repeat(Part::LONGEST - 2), "x".repeat(Part::LONGEST - 1));
        assert!(matches!(of(json!(fits), ""), Part::Json(_)));
        assert_eq!(of(json!(long), ""), Part::TooLong { bytes: Part::LONGEST + 1 });
        // Only the part counts.
        assert_eq!(of(json!({ "a": 1, "b": long }), "/a"), json("1"));
        assert_eq!(Part::of(Err(Miss::Timeout), "/a"), Part::Missing(Miss::Timeout));
    }

    /// An answer of four kilobytes that stays the same for an hour is one of them, and not thousands.
    #[test]
    fn an_answer_is_recorded_when_it_changes_and_is_whole_again_to_whoever_remembers() {
        let round = |parts: &[(&str, Part)]| -> BTreeMap<String, Part> {
            parts.iter().map(|(node, part)| ((*node).to_owned(), part.clone())).collect()
        };
        let long = json(&format!("\"{}\"", "x".repeat(4_000)));
        let rounds = [
            round(&[("a", long.clone()), ("b", json("1"))]),
            round(&[("a", long.clone()), ("b", json("2"))]),
            round(&[("a", long.clone()), ("b", json("2")), ("c", Part::Missing(Miss::Timeout))]),
            round(&[("b", json("1")), ("c", Part::Missing(Miss::Timeout))]),
            round(&[("a", long.clone()), ("b", json("1"))]),
        ];
        let (mut written, mut known) = (Vec::new(), BTreeMap::new());
        let mut before = BTreeMap::new();
        for answers in rounds {
            let event = serde_json::to_string(&Part::changed(&answers, &before)).unwrap();
            let mut read: BTreeMap<String, Part> = serde_json::from_str(&event).unwrap();
            Part::restore(&mut read, &known);
            assert_eq!(read, answers);
            (known, before) = (read, answers);
            written.push(event);
        }
        assert_eq!(written[1], "{\"a\":\"same\",\"b\":{\"json\":\"2\"}}");
        assert_eq!(written[3], "{\"b\":{\"json\":\"1\"},\"c\":{\"missing\":\"timeout\"}}");
        assert_eq!(written.iter().filter(|event| event.len() > 4_000).count(), 2);
        let silent = Part::Missing(Miss::Nonsense("x".repeat(1_000)));
        for before in [round(&[]), round(&[("a", silent)])] {
            let mut forged = round(&[("a", Part::Same)]);
            Part::restore(&mut forged, &before);
            assert_eq!(
                forged["a"],
                Part::Same,
                "no answer was there, and what is not shared is not multiplied"
            );
        }
    }

    /// As bundles have it that were made before answers were left out.
    #[test]
    fn what_older_bundles_say_is_read_and_written_as_it_was() {
        for line in [
            r#"{"answers":{"a":{"json":"2"},"b":"absent","c":{"missing":"timeout"}}}"#,
            r#"{"command":{"ended":{"how":{"exited":0},"bytes":3,"last":"x"}}}"#,
        ] {
            let read: AskedFor = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), line);
        }
    }
}
