//! `compare.jsonl`: what was asked for, then a line for each run that ended. A comparison that was killed goes on from it,
//! and comes to what it would have come to.

use serde::{Deserialize, Serialize};

use super::{
    asked::{Asked, MOST_RUNS, VERSION},
    course::{Course, Ran},
};
use crate::gate::ledger::parse;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Compare(Asked),
    /// Every other.
    Ran(Ran),
}

/// Why a ledger cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its first line is none of ours.
    #[error("its first line is not that of a comparison: {0}")]
    NoComparison(String),
    /// A line in the middle is none of ours.
    #[error("line {0} is no run of this comparison: {1}")]
    Line(usize, String),
}

/// Reads a ledger. Also says how many bytes of the text are whole lines: what follows was cut off by a kill.
///
/// # Errors
///
/// It is not one, or was changed.
pub fn resume(text: &str) -> Result<(Course, usize), Refused> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let (_, first) = lines.next().ok_or_else(|| Refused::NoComparison("it is empty".to_owned()))?;
    let asked = match parse::<Line>(first).map_err(Refused::NoComparison)? {
        Line::Compare(asked) => asked,
        Line::Ran(_) => return Err(Refused::NoComparison("it is a run".to_owned())),
    };
    if asked.version != VERSION {
        return Err(Refused::NoComparison(format!(
            "it has version {}, this harness knows {VERSION}",
            asked.version
        )));
    }
    if asked.scenarios.is_empty() || !(1..=MOST_RUNS).contains(&asked.runs) {
        return Err(Refused::NoComparison("it asks for no runs, or too many".to_owned()));
    }
    let mut course = Course::new(asked);
    for (index, line) in lines {
        let refused = |why: &str| Refused::Line(index + 1, why.to_owned());
        match parse(line) {
            Ok(Line::Ran(ran)) => {
                if !course.ended(ran) {
                    return Err(refused("it was not the next"));
                }
            }
            Ok(Line::Compare(_)) => return Err(refused("another comparison begins in it")),
            Err(why) => return Err(refused(&why)),
        }
    }
    Ok((course, whole))
}
