//! Bytes of a log to lines: bounded, any encoding, no byte lost or changed. And how far their reader is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Bytes that wait for the end of their line; a longer line is passed on in pieces.
const MOST: usize = 1024 * 1024;

/// Cuts one stream of bytes into lines, each with its newline.
#[derive(Debug, Default)]
pub(crate) struct LineAssembler {
    partial: Vec<u8>,
}

impl LineAssembler {
    /// Takes the next bytes and appends every line that they complete.
    pub(crate) fn push(&mut self, mut bytes: &[u8], lines: &mut Vec<Vec<u8>>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            self.partial.extend_from_slice(line);
            lines.push(std::mem::take(&mut self.partial));
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() >= MOST {
            lines.push(std::mem::take(&mut self.partial));
        }
    }

    /// The last line of a stream that ended without a newline.
    pub(crate) fn flush(&mut self, lines: &mut Vec<Vec<u8>>) {
        if !self.partial.is_empty() {
            lines.push(std::mem::take(&mut self.partial));
        }
    }
}

/// How much of a log was passed on: who waits for its end tells a slow machine from a reader that does not read.
#[derive(Debug, Default)]
pub(crate) struct Advance(AtomicU64);

impl Advance {
    /// It got on.
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when it has not got on for so long, at most twice as late.
    pub(crate) async fn stalls(&self, limit: Duration) {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(limit).await;
            let now = self.0.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_gets_on_is_waited_for_and_what_does_not_is_given_up() {
        let (advance, limit) = (Advance::default(), Duration::from_secs(5));
        let began = tokio::time::Instant::now();
        let gets_on = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                advance.one();
            }
        };
        tokio::join!(gets_on, advance.stalls(limit));
        let took = began.elapsed().as_secs();
        assert!((45..=50).contains(&took), "40 s in which it gets on, and 5 to 10 s more: {took}");
    }

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut assembler, mut lines) = (LineAssembler::default(), Vec::new());
        for chunk in chunks {
            assembler.push(chunk, &mut lines);
        }
        assembler.flush(&mut lines);
        lines
    }

    #[test]
    fn chunks_do_not_matter_and_every_byte_is_kept() {
        let text = b"one\n\ntwo\r\n\xff\x00\nfive";
        let whole = lines(&[text]);
        let expected: [&[u8]; 5] = [b"one\n", b"\n", b"two\r\n", b"\xff\x00\n", b"five"];
        assert_eq!(whole, expected);
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_end_comes_in_pieces_and_the_next_one_is_whole() {
        let long = [vec![b'x'; 2 * MOST + 1000], b"\nnext\n".to_vec()].concat();
        let lines = lines(&long.chunks(10_000).collect::<Vec<_>>());
        assert!(lines.iter().all(|piece| piece.len() < MOST + 10_000), "what waits is bounded");
        assert_eq!(lines.concat(), long);
        assert_eq!(lines.last().map(Vec::as_slice), Some(&b"next\n"[..]));
    }
}
