//! `command`: a program of the user's own looks at the network, and says by its exit code what it found.
//!
//! It is executed once, when the check starts, and ends with the run at the latest. Only its own exit code
//! is held against the nodes: a program that cannot be executed, or that a signal ended, says nothing of
//! them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        AskedFor,
        CheckVerdict::{Fail, Inconclusive},
        Ending, Ran,
    },
    seconds,
    text::{printable, short},
};

/// Arguments, and bytes of them: more than a command line that people read.
const MOST_WORDS: usize = 64;
const LONGEST: usize = 8 * 1024;

/// The condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// How long it may take; as long as the check, if that is not said.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Its exit code.
    pub expect_exit: i32,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` exits with {}", self.words(), self.expect_exit)
    }
}

impl Command {
    /// As a line.
    pub fn words(&self) -> String {
        printable(&self.run.join(" "))
    }
}

impl Check for Command {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let program = printable(self.run.first().map_or("", String::as_str));
        let (mut last, mut hindered) = (None, None);
        for asked in view.history.asked(view.id, view.start, view.now) {
            match &asked.seen {
                AskedFor::Command(Ran::Hindered(why)) => hindered = hindered.or(Some(why)),
                AskedFor::Command(ran) => last = Some((asked.answered, ran)),
                AskedFor::Answers(_) | AskedFor::Metrics(_) | AskedFor::Dials(_) => {}
            }
        }
        let Some((at, last)) = last else {
            let nothing = "not executed yet".to_owned();
            if view.is_over() {
                let why =
                    format!("`{program}` was not executed in time: this machine was too busy");
                return inconclusive(why, nothing);
            }
            return Judgement::Pending { seen: nothing, wants_hash_at: None };
        };
        let observed = printable(&last.to_string());
        if matches!(last, Ran::Began) && !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        let said = self.said(last);
        match (said, hindered) {
            (Said::Nothing(why), _) => inconclusive(format!("`{program}` {why}"), observed),
            // Whatever it says of a node, that may be why.
            (Said::Good(what) | Said::Bad(what), Some(why)) => {
                let why = printable(why);
                let why =
                    format!("`{program}` {what}, and this machine had kept it from a node: {why}");
                inconclusive(why, observed)
            }
            (Said::Good(what), None) => passed(format!("`{program}` {what}"), observed, at),
            (Said::Bad(what), None) => {
                Judgement::Settled(fail(format!("`{program}` {what}"), observed))
            }
        }
    }
}

/// What a program that is over says of the nodes, in words that follow its name.
enum Said {
    Good(String),
    Bad(String),
    Nothing(String),
}

impl Command {
    fn said(&self, ran: &Ran) -> Said {
        match ran {
            Ran::Began => Said::Bad("still ran at the deadline".to_owned()),
            Ran::Hindered(why) | Ran::NotRun(why) => {
                Said::Nothing(format!("cannot be run: {}", printable(why)))
            }
            Ran::Ended { how: Ending::Exited(code), .. } if *code != self.expect_exit => {
                Said::Bad(format!("exited with {code}, not {}", self.expect_exit))
            }
            Ran::Ended { how: Ending::Exited(code), left, .. } if !left.is_empty() => {
                let left = printable(&left.join(", "));
                Said::Nothing(format!("exited with {code}, and left what cannot be ended: {left}"))
            }
            Ran::Ended { how: Ending::Exited(code), .. } => {
                Said::Good(format!("exited with {code}"))
            }
            Ran::Ended { how: Ending::TimedOut { ms }, .. } => {
                let limit = short(Duration::from_millis(*ms));
                Said::Bad(format!("did not end within {limit}, and was killed"))
            }
            Ran::Ended { how: Ending::Signalled(number), .. } => {
                Said::Nothing(format!("was ended by signal {number}"))
            }
        }
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "command",
    about: "a program of your own exits as it must",
    keys: KEYS,
    window: Window::Once,
    needs: Needs::Samples,
    holds: "**the scenario runs a program on this machine, as you**: look at it before you run somebody else's. It is executed once, when the check starts, in the scenario's folder; a program with a `/` in its name is relative to that, any other is looked for in `PATH`. Its environment is the harness's, and: `HARNESS_RUN_DIR` and `HARNESS_SCENARIO`; `HARNESS_NODES` has the named nodes, with blanks between; for each of them `HARNESS_RPC_NODE_1` has the URL of its JSON-RPC, on this machine's loopback for as long as the program runs, and `HARNESS_STATE_NODE_1` is `running` or `down`. The same as JSON is its standard input: `{\"run_dir\", \"scenario\", \"nodes\": [{\"name\", \"rpc\", \"state\"}]}`. The last 64 KiB that it writes are in the bundle (`logs/command_PHASE_CHECK.log`). It and everything that it has started, in whatever session or group, end as soon as it is over, with the check, with the run, and with the harness, also one that is killed. What others start for it is theirs and stays (a container of Docker's, a unit of systemd's, a job of cron's): a script that has such made must remove it. `attach` refuses it",
    missing: "another exit code fails, and so does a program that does not end in time; one that cannot be executed, that a signal ended, that this machine kept from a node (it had no descriptors or ports left, say), or that has left what cannot be ended (because it runs as another user): inconclusive",
    example: r#"[[phases.checks]]
check = "command"
nodes = "*"
run = ["./probe.sh", "--deep"]
timeout = "30s"
within = "40s"
"#,
    controls: Controls::new(&[
        Control {
            name: "it exits with another code",
            scenario: &[THREE_NODES, PEERS_ONLY, EXITS_WITH_3],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "exited with 3, not 0"),
        },
        Control {
            name: "it hangs",
            scenario: &[THREE_NODES, PEERS_ONLY, HANGS],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not end within 2.0 s"),
        },
        Control {
            name: "there is no such program",
            scenario: &[THREE_NODES, PEERS_ONLY, NO_SUCH_PROGRAM],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Inconclusive, "cannot be run"),
        },
    ]),
};

const EXITS_WITH_3: &str = r#"
[[phases.checks]]
check = "command"
nodes = "node"
run = ["sh", "-c", "echo $HARNESS_NODES; exit 3"]
within = "10s"
"#;

const HANGS: &str = r#"
[[phases.checks]]
check = "command"
nodes = "node"
run = ["sleep", "1000"]
timeout = "2s"
within = "10s"
"#;

const NO_SUCH_PROGRAM: &str = r#"
[[phases.checks]]
check = "command"
nodes = "node"
run = ["./no-such-program"]
within = "10s"
"#;

const KEYS: &[Key] = &[
    Key {
        name: "run",
        takes: Takes::Texts,
        given: Given::Always,
        about: "the program and its arguments; no shell is between",
    },
    Key {
        name: "timeout",
        takes: Takes::Duration,
        given: Given::Else("`within`"),
        about: "how long it may take, no longer than `within`",
    },
    Key {
        name: "expect_exit",
        takes: Takes::Number(0),
        given: Given::Else("0"),
        about: "its exit code",
    },
];

/// As written.
#[derive(Debug)]
pub(super) struct CommandFile {
    run: Vec<String>,
    timeout: Option<At<Duration>>,
    expect_exit: i32,
}

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<CommandFile> {
    table.require("run", problems);
    let timeout = table.positive_duration("timeout", problems);
    let code = table.number("expect_exit", 0, problems);
    if let Some(code) = code.as_ref().filter(|code| code.value > 255) {
        problems
            .error(code.span.clone(), "`expect_exit` is at most 255: no program exits with more");
    }
    let run = table.texts("run", problems)?;
    let bytes: usize = run.value.iter().map(String::len).sum();
    let wrong = match run.value.first() {
        None => Some("`run` is empty: it names the program, and its arguments"),
        Some(program) if program.is_empty() => Some("`run` names no program"),
        Some(_) if run.value.iter().any(|word| word.contains('\0')) => {
            Some("`run` has a NUL in it")
        }
        Some(_) if run.value.len() > MOST_WORDS || bytes > LONGEST => {
            Some("`run` has more than 64 words, or 8 KiB: write a script")
        }
        Some(_) => None,
    };
    if let Some(why) = wrong {
        problems.error(run.span, why);
        return None;
    }
    let expect_exit = code.and_then(|code| i32::try_from(code.value).ok()).unwrap_or_default();
    Some(CommandFile { run: run.value, timeout, expect_exit })
}

impl Written for CommandFile {
    type Condition = Command;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        if let (Some(timeout), Some(within)) = (&self.timeout, place.within)
            && timeout.value > within.value
        {
            problems.error(timeout.span.clone(), "`timeout` is longer than `within`");
        }
    }

    fn resolve(&self, _: &Context<'_>) -> Command {
        Command {
            run: self.run.clone(),
            timeout: self.timeout.as_ref().map(|timeout| timeout.value),
            expect_exit: self.expect_exit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::CheckVerdict::{self, Pass},
        scenario::{Origin, Overrides, load},
    };

    fn said(ran: &[(u64, Ran)], expect_exit: i32) -> (CheckVerdict, String) {
        let timeout = Some(Duration::from_secs(2));
        let run = vec!["./probe".to_owned(), "-x".to_owned()];
        let check = CheckKind::Command(Command { run, timeout, expect_exit });
        let mut seen = Seen::default();
        for (at, ran) in ran {
            seen.asked(*at, 0, AskedFor::Command(ran.clone()));
        }
        let finding = seen.verdict(&check, &["node-1"], 1_000);
        (finding.verdict, finding.reason)
    }

    fn ended(how: Ending) -> Ran {
        Ran::Ended { how, bytes: 3, last: "hm".to_owned(), left: Vec::new() }
    }

    #[test]
    fn only_its_exit_code_is_held_against_anybody() {
        let began = (1_050, Ran::Began);
        let exits = |code| [began.clone(), (2_000, ended(Ending::Exited(code)))];
        assert_eq!(said(&exits(0), 0), (Pass, "`./probe` exited with 0".to_owned()));
        assert_eq!(said(&exits(7), 7).0, Pass);
        assert_eq!(said(&exits(1), 0), (Fail, "`./probe` exited with 1, not 0".to_owned()));
        assert_eq!(said(&exits(0), 1).0, Fail);
        let late = said(&[began.clone(), (3_000, ended(Ending::TimedOut { ms: 2_000 }))], 0);
        assert_eq!(late, (Fail, "`./probe` did not end within 2.0 s, and was killed".to_owned()));
        let killed = said(&[began.clone(), (3_000, ended(Ending::Signalled(11)))], 0);
        assert_eq!(killed, (Inconclusive, "`./probe` was ended by signal 11".to_owned()));
        let none = said(&[(1_050, Ran::NotRun("No such file".to_owned()))], 0);
        assert_eq!(none, (Inconclusive, "`./probe` cannot be run: No such file".to_owned()));
        assert_eq!(
            said(std::slice::from_ref(&began), 0),
            (Fail, "`./probe` still ran at the deadline".to_owned())
        );
        assert_eq!(said(&[], 0).0, Inconclusive, "nobody executed it");
        let leaves = |code| {
            let left = vec!["process 7 (sleep)".to_owned()];
            let how = Ending::Exited(code);
            (2_000, Ran::Ended { how, bytes: 0, last: String::new(), left })
        };
        let (verdict, why) = said(&[began.clone(), leaves(0)], 0);
        assert_eq!(verdict, Inconclusive);
        assert!(why.ends_with("left what cannot be ended: process 7 (sleep)"), "{why}");
        assert_eq!(said(&[began.clone(), leaves(1)], 0).0, Fail);
        // Ours to answer for, whatever it said.
        let hindered = (1_500, Ran::Hindered("node-1 was not dialled: no files".to_owned()));
        for ran in [
            Some(Ending::Exited(0)),
            Some(Ending::Exited(1)),
            Some(Ending::TimedOut { ms: 9 }),
            None,
        ] {
            let mut seen = vec![began.clone(), hindered.clone()];
            seen.extend(ran.map(|how| (2_000, ended(how))));
            let (verdict, why) = said(&seen, 0);
            assert_eq!(verdict, Inconclusive, "{why}");
            assert!(
                why.ends_with("kept it from a node: node-1 was not dialled: no files"),
                "{why}"
            );
        }
        // Of an earlier check of this place, in a forged stream.
        assert_eq!(said(&[(500, ended(Ending::Exited(0)))], 0).0, Inconclusive);
    }

    #[test]
    fn a_command_that_is_none_is_refused() {
        let said = |keys: &str| {
            let text = format!(
                "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"command\", nodes = \"*\", within = \"5s\", {keys} }}]\n"
            );
            let origin = Origin { name: "test", path: std::path::Path::new("test.toml") };
            load(origin, text, &Overrides::default()).1.to_string()
        };
        assert_eq!(said("run = [\"true\"], timeout = \"5s\", expect_exit = 255"), "");
        for (bad, why) in [
            ("timeout = \"1s\"", "missing key `run`"),
            ("run = []", "`run` is empty"),
            ("run = [\"\"]", "names no program"),
            ("run = \"true\"", "must be a list of strings"),
            ("run = [\"true\"], timeout = \"6s\"", "longer than `within`"),
            ("run = [\"true\"], expect_exit = 256", "at most 255"),
            ("run = [\"a\\u0000\"]", "NUL"),
        ] {
            assert!(said(bad).contains(why), "{bad}: {}", said(bad));
        }
    }
}
