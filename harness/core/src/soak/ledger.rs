//! `soak.jsonl`: what was asked for, then a line for each network that began, each window that ended, and each time somebody went on. A soak that
//! was killed goes on from it, and comes to the verdict that it would have had.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    asked::{Asked, VERSION, unrepeatable},
    judge::Soak,
    seen::{Network, Window},
    trend::IN_A_ROW,
};

/// A window of a hundred nodes has 6,000 samples; a reason may be a page.
const LONGEST: usize = 8 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Soak(Box<Asked>),
    /// Somebody went on with it: wall clock, RFC 3339.
    Resumed(String),
    /// A network began.
    Network(Network),
    /// A window ended.
    Window(Box<Window>),
}

/// Why a ledger cannot be gone on from.
#[derive(Debug)]
pub enum Refused {
    /// Its first line is none of ours.
    NoSoak(String),
    /// A line in the middle is none of ours.
    Line(usize, String),
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSoak(why) => write!(formatter, "its first line is not that of a soak: {why}"),
            Self::Line(number, why) => {
                write!(formatter, "line {number} does not belong to this soak: {why}")
            }
        }
    }
}

/// Reads a ledger; also how many bytes of the text are whole lines: what follows was cut off by the kill.
///
/// # Errors
///
/// It is not one, or was changed.
pub fn resume(text: &str) -> Result<(Soak, usize), Refused> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let no_soak = |why: &str| Refused::NoSoak(why.to_owned());
    let first = lines.next().ok_or_else(|| no_soak("it is empty"))?.1;
    let asked = match parse(first).map_err(|why| no_soak(&why))? {
        Line::Soak(asked) if asked.version == VERSION => asked,
        Line::Soak(asked) => {
            let version = asked.version;
            return Err(no_soak(&format!(
                "it has version {version}, this harness knows {VERSION}"
            )));
        }
        Line::Resumed(_) | Line::Network(_) | Line::Window(_) => {
            return Err(no_soak("it is a later one"));
        }
    };
    let (plan, problems) = asked.plan(0);
    let plan = plan
        .ok_or_else(|| no_soak(&format!("its scenario is refused by this harness:\n{problems}")))?;
    if let Some(why) = unrepeatable(&plan) {
        return Err(no_soak(&why));
    }
    let mut soak = Soak::new(*asked);
    // What grows is judged by the last windows: two months of them would take an hour.
    let mut left = text[..whole].lines().filter(|line| line.starts_with("{\"window\"")).count();
    for (index, line) in lines {
        let refused = |why: &str| Refused::Line(index + 1, why.to_owned());
        let fits = match parse(line).map_err(|why| refused(&why))? {
            Line::Soak(_) => return Err(refused("another soak begins in it")),
            Line::Resumed(_) => {
                soak.resumed();
                true
            }
            Line::Network(network) => soak.began(network),
            Line::Window(window) => {
                let judged = left <= IN_A_ROW;
                left = left.saturating_sub(1);
                soak.took(*window, judged)
            }
        };
        if !fits {
            return Err(refused("it is out of order"));
        }
    }
    Ok((soak, whole))
}

fn parse(line: &str) -> Result<Line, String> {
    if line.len() > LONGEST {
        return Err("it is too long".to_owned());
    }
    serde_json::from_str(line).map_err(|error| error.to_string())
}
