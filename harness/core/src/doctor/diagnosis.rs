//! One line, and all of them.

use std::fmt;

use serde::Serialize;

use crate::exit::ExitCode;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As a run wants it.
    Good,
    /// A run works, or most do.
    Warning,
    /// A run could not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What: one word or two.
    pub subject: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What was seen.
    pub says: String,
    /// What to do, if anything.
    pub remedy: Option<String>,
}

impl Diagnosis {
    pub(super) fn good(subject: &'static str, says: impl Into<String>) -> Self {
        Self { subject, grade: Grade::Good, says: says.into(), remedy: None }
    }

    pub(super) fn new(
        subject: &'static str,
        grade: Grade,
        says: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { subject, grade, says: says.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Good => "good",
            Grade::Warning => "warning",
            Grade::Bad => "BAD",
        };
        write!(formatter, "{grade:<8} {:<13} {}", self.subject, self.says)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(formatter, "; {remedy}"))
    }
}

/// What they mean together: whether a run could work.
pub fn exit(diagnoses: &[Diagnosis]) -> ExitCode {
    if diagnoses.iter().any(|it| it.grade == Grade::Bad) {
        ExitCode::Environment
    } else {
        ExitCode::Pass
    }
}
