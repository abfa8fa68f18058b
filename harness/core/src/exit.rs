//! What the process says to the shell. The one place where exit codes are numbers; everything else
//! uses [`ExitCode`].

/// The exit codes, as `harness --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// Every check passed.
    Pass,
    /// A check failed, or a node did: it exited, panicked, was silent or answered nonsense.
    Fail,
    /// Nothing can be said: a fault without proof, too few samples because of us, a clock that
    /// jumped.
    Inconclusive,
    /// The environment: no engine, no image, a binary that does not start, a full disk.
    Environment,
    /// Nothing ran: what was asked for needs what the provider cannot do.
    NothingRan,
    /// A flag, an unknown scenario, a bad file.
    Usage,
    /// A bug of the harness.
    Bug,
    /// Interrupted by a signal, after clean-up.
    Interrupted(Signal),
}

/// A signal that asks the harness to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The terminal went away.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// What `kill` and CI systems send.
    Terminate,
}

impl Signal {
    /// The signal's number, the same on every Unix.
    pub fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

impl ExitCode {
    /// The number for the shell.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 2,
            Self::Environment => 3,
            Self::NothingRan => 4,
            Self::Usage => 64,
            Self::Bug => 70,
            Self::Interrupted(signal) => 128 + signal.number(),
        }
    }

    /// What a harness that exited with this number said; `None`: it says no such thing.
    pub fn of(code: u8) -> Option<Self> {
        const ALL: [ExitCode; 10] = [
            ExitCode::Pass,
            ExitCode::Fail,
            ExitCode::Inconclusive,
            ExitCode::Environment,
            ExitCode::NothingRan,
            ExitCode::Usage,
            ExitCode::Bug,
            ExitCode::Interrupted(Signal::Hangup),
            ExitCode::Interrupted(Signal::Interrupt),
            ExitCode::Interrupted(Signal::Terminate),
        ];
        ALL.into_iter().find(|exit| exit.code() == code)
    }

    /// One code for several scenarios: what stopped us first (an interrupt, a bug, bad usage), then
    /// 1, 3, 2, 4, 0 as the specification orders them.
    pub fn over(codes: impl IntoIterator<Item = ExitCode>) -> ExitCode {
        codes.into_iter().max_by_key(|code| code.weight()).unwrap_or(ExitCode::Bug)
    }

    fn weight(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::NothingRan => 1,
            Self::Inconclusive => 2,
            Self::Environment => 3,
            Self::Fail => 4,
            Self::Usage => 5,
            Self::Bug => 6,
            Self::Interrupted(_) => 7,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        let codes = [
            (ExitCode::Pass, 0),
            (ExitCode::Fail, 1),
            (ExitCode::Inconclusive, 2),
            (ExitCode::Environment, 3),
            (ExitCode::NothingRan, 4),
            (ExitCode::Usage, 64),
            (ExitCode::Bug, 70),
            (ExitCode::Interrupted(Signal::Hangup), 129),
            (ExitCode::Interrupted(Signal::Interrupt), 130),
            (ExitCode::Interrupted(Signal::Terminate), 143),
        ];
        for (code, number) in codes {
            assert_eq!(code.code(), number, "{code:?}");
            assert_eq!(ExitCode::of(number), Some(code));
            // The standard library's type has no other way to be looked at.
            assert_eq!(
                format!("{:?}", std::process::ExitCode::from(code)),
                format!("{:?}", std::process::ExitCode::from(number))
            );
        }
    }

    #[test]
    fn signals_are_called_as_people_write_them() {
        assert_eq!(
            [Signal::Hangup, Signal::Interrupt, Signal::Terminate].map(Signal::name),
            ["SIGHUP", "SIGINT", "SIGTERM"]
        );
    }

    #[test]
    fn over_several_scenarios_the_order_is_1_3_2_4_0() {
        use ExitCode::{Environment, Fail, Inconclusive, NothingRan, Pass};
        assert_eq!(ExitCode::over([Pass, Environment, Fail, Inconclusive]), Fail);
        assert_eq!(ExitCode::over([Pass, Inconclusive, Environment]), Environment);
        assert_eq!(ExitCode::over([NothingRan, Inconclusive, Pass]), Inconclusive);
        assert_eq!(ExitCode::over([Pass, NothingRan]), NothingRan);
        assert_eq!(ExitCode::over([Pass, Pass]), Pass);
    }

    #[test]
    fn nothing_at_all_is_never_a_pass() {
        assert_eq!(ExitCode::over([]), ExitCode::Bug);
    }
}
