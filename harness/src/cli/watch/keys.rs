//! What a key means.

use harness_core::live::{Condition, Node};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Choose the node above or below, so many lines away.
    Move(isize),
    /// Do something to the chosen node.
    Do(Act),
    /// Go, and leave all as it is.
    Leave,
}

/// What can be done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Without a word.
    Kill,
    /// As it was started.
    Restart,
    /// Freeze it, or let it go on.
    Pause,
    /// Cut it off from all others, or join it again: its network says which.
    Isolate,
}

impl Act {
    /// What it is called, done to this node.
    pub(super) fn word(self, node: &Node) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Pause if node.condition == Condition::Frozen => "go on",
            Self::Pause => "pause",
            Self::Isolate => "isolate/rejoin",
        }
    }
}

/// Lines of a page.
const PAGE: isize = 10;

/// What this key means, if it means anything.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a key that the footer does not name means nothing"
)]
pub(super) fn command(key: KeyEvent) -> Option<Command> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        // In this mode of the terminal it is no signal.
        KeyCode::Char('c') if with_control => Some(Command::Leave),
        KeyCode::Char(_) if with_control => None,
        KeyCode::Char('q') | KeyCode::Esc => Some(Command::Leave),
        KeyCode::Up | KeyCode::Char('k') => Some(Command::Move(-1)),
        KeyCode::Down | KeyCode::Char('j') => Some(Command::Move(1)),
        KeyCode::PageUp => Some(Command::Move(-PAGE)),
        KeyCode::PageDown => Some(Command::Move(PAGE)),
        KeyCode::Home => Some(Command::Move(isize::MIN)),
        KeyCode::End => Some(Command::Move(isize::MAX)),
        KeyCode::Char('x') => Some(Command::Do(Act::Kill)),
        KeyCode::Char('r') => Some(Command::Do(Act::Restart)),
        KeyCode::Char('p') => Some(Command::Do(Act::Pause)),
        KeyCode::Char('i') => Some(Command::Do(Act::Isolate)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        command(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_mean_what_the_footer_says() {
        let plain = |letter| of(KeyCode::Char(letter), KeyModifiers::NONE);
        assert_eq!(plain('x'), Some(Command::Do(Act::Kill)));
        assert_eq!(plain('r'), Some(Command::Do(Act::Restart)));
        assert_eq!(plain('p'), Some(Command::Do(Act::Pause)));
        assert_eq!(plain('i'), Some(Command::Do(Act::Isolate)));
        assert_eq!(plain('q'), Some(Command::Leave));
        assert_eq!(of(KeyCode::Down, KeyModifiers::NONE), Some(Command::Move(1)));
    }

    #[test]
    fn control_c_leaves_and_control_and_another_letter_is_no_order() {
        let control = |letter| of(KeyCode::Char(letter), KeyModifiers::CONTROL);
        assert_eq!(control('c'), Some(Command::Leave));
        assert_eq!(['x', 'r', 'p', 'i'].map(control), [None; 4]);
        assert_eq!(of(KeyCode::Char('X'), KeyModifiers::SHIFT), None);
    }
}
