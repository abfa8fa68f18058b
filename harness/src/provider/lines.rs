//! Bytes of a log to lines: bounded, any encoding, no line lost or joined.

/// Longest line that is passed on, in bytes; the rest of a longer one is dropped up to its newline.
const MAX_LINE: usize = 64 * 1024;

/// Cuts one stream of bytes into lines.
#[derive(Debug, Default)]
pub(super) struct LineAssembler {
    partial: Vec<u8>,
}

impl LineAssembler {
    /// Takes the next bytes and appends every line that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], lines: &mut Vec<String>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            lines.extend(self.take(Keep::EvenEmpty));
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// The last line of a stream that ended without a newline.
    pub(super) fn flush(&mut self, lines: &mut Vec<String>) {
        lines.extend(self.take(Keep::NonEmpty));
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self, keep: Keep) -> Option<String> {
        if self.partial.is_empty() && matches!(keep, Keep::NonEmpty) {
            return None;
        }
        if self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        let line = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        Some(line)
    }
}

enum Keep {
    EvenEmpty,
    NonEmpty,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let (mut assembler, mut lines) = (LineAssembler::default(), Vec::new());
        for chunk in chunks {
            assembler.push(chunk, &mut lines);
        }
        assembler.flush(&mut lines);
        lines
    }

    #[test]
    fn chunks_do_not_matter() {
        let text = b"one\n\ntwo\r\nthree";
        let whole = lines(&[text]);
        assert_eq!(whole, ["one", "", "two", "three"]);
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_is_cut_at_its_limit_and_the_next_one_is_whole() {
        let long = [vec![b'x'; MAX_LINE + 1000], b"\nnext\n".to_vec()].concat();
        let lines = lines(&long.chunks(10_000).collect::<Vec<_>>());
        assert_eq!((lines[0].len(), lines[1].as_str()), (MAX_LINE, "next"));
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }
}
