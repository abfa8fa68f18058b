//! The lines at the bottom of standard error that are drawn again and again, and whatever is said above them.
//!
//! Only written, never read, and no mode of the terminal is changed: there is nothing to restore, whatever ends us, and a
//! run in the background is not stopped for it. That is why it is not a viewport of a library for whole screens: those ask
//! the terminal where the cursor is, and wait for its answer.

use std::{
    io::{self, Write},
    panic,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use harness_core::{
    live::Window,
    tone::{Colour, Line},
};

/// Columns of each line that is there now. Of the process: so is standard error.
static SHOWN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// What a terminal is taken for that does not say how large it is.
const USUAL: Window = Window { width: 80, height: 24 };

/// As large as the terminal is now; at least a line of something.
pub(super) fn window() -> Window {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or(USUAL, |size| Window { width: size.ws_col.into(), height: size.ws_row.into() })
}

/// Says `above`, and shows these lines below it in place of the earlier ones.
pub(super) fn draw(above: &str, area: &[Line], window: Window, colour: Colour) {
    // Before it is held: what a panic says while it is would be drawn over.
    let lines: Vec<String> = area.iter().map(|line| line.painted(colour)).collect();
    let widths = area.iter().map(Line::width).collect();
    let mut shown = lock();
    let mut text = String::from(BEGIN);
    text += &erased(&shown, window.width);
    text += above;
    text += &lines.join("\n");
    text += END;
    *shown = widths;
    write(&text);
}

/// Says something of anybody's; what is shown below is drawn again with its next change.
pub(super) fn say(text: &str) {
    let mut shown = lock();
    let erased = erased(&shown, window().width);
    shown.clear();
    write(&format!("{erased}{text}\n"));
}

/// Nothing is left of it.
pub(super) fn clear() {
    let mut shown = lock();
    if !shown.is_empty() {
        let erased = erased(&shown, window().width);
        shown.clear();
        write(&erased);
    }
}

/// What a panic says is not drawn over.
pub(super) fn make_room_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Whoever holds it may be the one that panics.
            if let Ok(mut shown) = SHOWN.try_lock() {
                write(&erased(&shown, window().width));
                shown.clear();
            }
            usual(info);
        }));
    });
}

/// Terminals that can show all of a change at once do; others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// From the end of lines of these widths to the start of the first, and nothing is after it. A terminal that has become
/// narrower has broken them.
fn erased(shown: &[usize], width: usize) -> String {
    let rows: usize = shown.iter().map(|line| line.div_ceil(width.max(1)).max(1)).sum();
    match rows {
        0 => String::new(),
        1 => "\r\u{1b}[J".to_owned(),
        rows => format!("\r\u{1b}[{}A\u{1b}[J", rows - 1),
    }
}

/// A reader that went away is no reason to stop.
fn write(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

fn lock() -> MutexGuard<'static, Vec<usize>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_narrower_window_has_broken_are_erased_whole() {
        assert_eq!(erased(&[], 80), "");
        assert_eq!(erased(&[30], 80), "\r\u{1b}[J");
        assert_eq!(erased(&[30, 0, 79], 80), "\r\u{1b}[2A\u{1b}[J");
        assert_eq!(erased(&[30, 0, 79], 40), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(erased(&[30, 0, 80], 40), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(erased(&[30, 0, 81], 0), "\r\u{1b}[111A\u{1b}[J", "a width that is none");
    }
}
