//! Flags of `init`. What goes from here into a CI job's script is held to letters that no shell and no
//! YAML takes for more than a word.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use harness_core::document::is_dns_label;

pub(super) const CODES: &str = "\
Nothing is asked, started or written over. What is written is yours from then on.

Exit codes:
  0   written
  3   it cannot be written
  64  usage: flag, or a file of that name is there already (then nothing was written)";

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The repository's folder; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// What the scenario is called: small letters, digits and hyphens
    #[arg(long, value_name = "NAME", default_value = "first", value_parser = parse_name)]
    pub(crate) name: String,

    /// The image that the CI job and the commands run [default: this testbed's own node]
    #[arg(long, value_name = "REF", conflicts_with = "node_bin", value_parser = parse_word)]
    pub(crate) node_image: Option<String>,

    /// The binary that the CI job and the commands run, relative to the repository
    #[arg(long, value_name = "PATH", value_parser = parse_word)]
    pub(crate) node_bin: Option<String>,

    /// Nodes beside the seed
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=252))]
    pub(crate) nodes: u32,

    /// The CI system that a job is written for
    #[arg(long, value_enum, default_value_t = Ci::Github)]
    pub(crate) ci: Ci,

    /// Where the CI job gets this testbed: OWNER/REPOSITORY of GitHub or a URL, and a tag or commit
    /// [default: a place for it, which you fill in]
    #[arg(long, value_name = "REPOSITORY@REVISION")]
    pub(crate) testbed: Option<Testbed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ci {
    /// A workflow of GitHub Actions
    Github,
    /// A job for `.gitlab-ci.yml` to include
    Gitlab,
    /// A pipeline
    Jenkins,
    /// No CI job
    None,
}

/// A revision of this testbed, where a CI system finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Testbed {
    repository: String,
    revision: String,
}

impl Testbed {
    /// `OWNER/REPOSITORY@REVISION`, as GitHub's workflows name an action; `None` of one elsewhere.
    pub(crate) fn action(&self) -> Option<String> {
        let name = self.repository.strip_prefix(GITHUB).unwrap_or(&self.repository);
        is_owned(name).then(|| format!("{name}@{}", self.revision))
    }

    /// What `git clone` takes, and what is checked out then.
    pub(crate) fn clone_of(&self) -> (String, &str) {
        let github = if is_owned(&self.repository) { GITHUB } else { "" };
        (format!("{github}{}", self.repository), &self.revision)
    }
}

const GITHUB: &str = "https://github.com/";

fn is_owned(repository: &str) -> bool {
    repository.split('/').count() == 2 && repository.split('/').all(|part| !part.is_empty())
}

impl FromStr for Testbed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .rsplit_once('@')
            .map(|(repository, revision)| (repository.trim_end_matches(".git"), revision));
        match parts {
            Some((repository, revision))
                if is_word(repository)
                    && is_word(revision)
                    && (repository.starts_with("https://") || is_owned(repository)) =>
            {
                Ok(Self { repository: repository.to_owned(), revision: revision.to_owned() })
            }
            Some(_) | None => {
                Err("OWNER/REPOSITORY@REVISION or https://…@REVISION, the revision a tag or commit"
                    .to_owned())
            }
        }
    }
}

/// Nothing in it means anything to a shell, to YAML or to Groovy.
fn is_word(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphanumeric() || b"./".contains(byte);
    text.bytes().next().as_ref().is_some_and(first)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:@+-".contains(&byte))
        && !text.ends_with(':')
}

fn parse_word(text: &str) -> Result<String, String> {
    if is_word(text) {
        return Ok(text.to_owned());
    }
    Err("it goes into a script: only letters, digits and ._/:@+- are taken, and a letter, digit, dot or slash comes first; write any other by hand".to_owned())
}

fn parse_name(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("small letters, digits and hyphens, 63 at most, and a letter or digit at both ends"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_testbed_is_on_github_or_behind_a_url() {
        for (text, action, clone) in [
            ("a/b@v1", Some("a/b@v1"), "https://github.com/a/b"),
            ("https://github.com/a/b.git@v1", Some("a/b@v1"), "https://github.com/a/b"),
            ("https://git.example.org/x/y/z@v1", None, "https://git.example.org/x/y/z"),
        ] {
            let testbed: Testbed = text.parse().unwrap();
            assert_eq!(testbed.action().as_deref(), action, "{text}");
            assert_eq!(testbed.clone_of(), (clone.to_owned(), "v1"), "{text}");
        }
    }

    #[test]
    fn nothing_that_a_shell_reads_gets_into_a_script() {
        for bad in ["a/b", "a/b@", "@v1", "a@v1", "a/b/c@v1", "a/b@$(x)", "-a/b@v1", "ssh://a/b@v1"]
        {
            assert!(bad.parse::<Testbed>().is_err(), "{bad}");
        }
        for bad in [
            "", "-x", "a b", "a;b", "$a", "a'b", "a\"b", "a\nb", "`a`", "a#b", "a:", "@a",
            "${{ a }}",
        ] {
            assert!(parse_word(bad).is_err(), "{bad}");
        }
        for good in ["my/node:1.2", "r.example.org:5000/x@sha256:ab", "./target/release/node", "/n"]
        {
            assert!(parse_word(good).is_ok(), "{good}");
        }
    }
}
