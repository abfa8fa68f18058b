//! Files of a bundle that may be anybody's: nothing in them fills our memory.

use std::io::{self, BufRead, Read};

use super::source::Bundle;

/// Everything but events and logs is a few pages.
const LARGEST: u64 = 16 * 1024 * 1024;

/// An event with 50 log lines of a node is the longest, far below this.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// A whole small file.
pub(crate) fn read(bundle: &dyn Bundle, path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bundle.open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

/// The next line, with its newline if it has one; `None` at the end.
pub(crate) fn line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut line)?;
    if line.len() as u64 > LONGEST_LINE {
        return Err(io::Error::other(format!("a line of more than {LONGEST_LINE} bytes")));
    }
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_is_read_and_no_longer_one() {
        let mut longest = io::BufReader::new(io::repeat(b'x').take(LONGEST_LINE));
        assert_eq!(line(&mut longest).unwrap().unwrap().len() as u64, LONGEST_LINE);
        assert_eq!(line(&mut longest).unwrap(), None);
        let mut longer = io::BufReader::new(io::repeat(b'x').take(LONGEST_LINE + 1));
        assert!(line(&mut longer).is_err());
    }

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(line(&mut endless).is_err());
    }
}
