//! Lines for a terminal: words, each in a tone, cut to a width. What a tone looks like is decided where a line is
//! printed: with colours, or without.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::text::printable;

/// Whether tones are shown as colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// How words are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// What people look for.
    Strong,
    /// What may be passed over.
    Faint,
    /// It held.
    Good,
    /// It did not.
    Bad,
    /// Nothing can be said, or it is under way.
    Doubt,
}

impl Tone {
    /// These words with this tone's colours around them.
    pub fn paint(self, text: &str, colour: Colour) -> String {
        match (colour, self.code()) {
            (Colour::On, Some(code)) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            (Colour::On, None) | (Colour::Off, _) => text.to_owned(),
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("1;32"),
            Self::Bad => Some("1;31"),
            Self::Doubt => Some("1;33"),
        }
    }
}

/// One line: nothing in it writes on a terminal but its tones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    parts: Vec<(Tone, String)>,
}

impl Line {
    /// Plain words.
    pub fn plain(text: &str) -> Self {
        Self::default().with(Tone::Plain, text)
    }

    /// The same line with these words after it.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: &str) -> Self {
        self.parts.push((tone, printable(text)));
        self
    }

    /// Its words, in their order.
    pub fn parts(&self) -> &[(Tone, String)] {
        &self.parts
    }

    /// Columns of a terminal that it takes.
    pub fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| text.width()).sum()
    }

    /// Not wider than so many columns; what was cut off is shown to be missing.
    #[must_use]
    pub fn cut(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let (mut room, mut parts) = (width.saturating_sub(1), Vec::new());
        for (tone, text) in self.parts {
            let kept = fitting(&text, room);
            room = room.saturating_sub(kept.width());
            let all = kept.len() == text.len();
            parts.push((tone, kept.to_owned()));
            if !all {
                break;
            }
        }
        if width > 0 {
            parts.push((Tone::Plain, "…".to_owned()));
        }
        Self { parts }
    }

    /// With colours, if they are wanted.
    pub fn painted(&self, colour: Colour) -> String {
        self.parts.iter().map(|(tone, text)| tone.paint(text, colour)).collect()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|(_, text)| f.write_str(text))
    }
}

/// Whole words on lines of so many columns; a longer word has one of its own.
pub fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The first words of a text that take no more than so many columns.
fn fitting(text: &str, width: usize) -> &str {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    // Letters together may be wider than each for itself: an emoji and what makes it one.
    let end = ends.take_while(|end| text[..*end].width() <= width).last();
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_and_says_so() {
        let line = Line::plain("peers ").with(Tone::Bad, "世界 and more");
        assert_eq!(line.width(), 6 + 4 + 9);
        let cut = |width| line.clone().cut(width).to_string();
        assert_eq!(
            [19, 18, 9, 6, 1, 0].map(cut),
            ["peers 世界 and more", "peers 世界 and mo…", "peers 世…", "peers…", "…", ""]
        );
        let sign = Line::plain("⚠\u{fe0f} a warning");
        assert!((0..12).all(|width| sign.clone().cut(width).width() <= width));
        assert!([0, 1, 6, 9, 18].iter().all(|width| line.clone().cut(*width).width() <= *width));
    }

    #[test]
    fn whole_words_are_folded_by_columns() {
        assert_eq!(folded("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(folded("ab cd ef", 4), ["ab", "cd", "ef"]);
        assert_eq!(folded("世界 ab", 6), ["世界", "ab"]);
        assert_eq!(folded("a longer-one b", 4), ["a", "longer-one", "b"]);
    }

    #[test]
    fn only_tones_write_on_the_terminal() {
        let line = Line::plain("a\u{1b}[2Jb").with(Tone::Good, "c");
        assert_eq!(line.painted(Colour::On), "ab\u{1b}[1;32mc\u{1b}[0m");
        assert_eq!(line.painted(Colour::Off), "abc");
    }
}
