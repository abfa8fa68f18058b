//! The chain of `events.jsonl`: every line ends with a hash of itself and of the line before, so
//! that a line cannot be changed, dropped, added or moved without all later ones.

use super::Sha256Hex;

/// What stands between an event and its hash.
const MEMBER: &[u8] = b",\"chain\":\"";

/// What stands after it.
const END: &[u8] = b"\"}";

/// The end of the chain so far. Before the first line it is 32 zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    last: Sha256Hex,
}

/// A line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// The event as it was hashed: the line without its last member.
    pub event: Vec<u8>,
    /// The value that the line gives.
    pub chain: Sha256Hex,
}

impl Default for Chain {
    fn default() -> Self {
        Self { last: Sha256Hex([0; 32]) }
    }
}

impl Chain {
    /// The last value.
    pub fn last(&self) -> Sha256Hex {
        self.last
    }

    /// Adds a JSON object's next value to it, as its last member.
    pub fn seal(&mut self, line: &mut Vec<u8>) {
        let value = self.follow(line);
        line.pop();
        line.extend_from_slice(MEMBER);
        line.extend_from_slice(value.to_string().as_bytes());
        line.extend_from_slice(END);
    }

    /// The value that must follow for this event; the chain goes on from there.
    pub fn follow(&mut self, event: &[u8]) -> Sha256Hex {
        self.last = Sha256Hex::of(&[&self.last.0, event]);
        self.last
    }

    /// Goes on from a value that somebody gave, so that what comes after a break is judged by
    /// itself.
    pub fn resume(&mut self, from: Sha256Hex) {
        self.last = from;
    }
}

impl Link {
    /// Takes a line apart. `None` if it has no value at its end.
    pub fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_suffix(END)?;
        let (event, value) = rest.split_at(rest.len().checked_sub(64)?);
        let mut event = event.strip_suffix(MEMBER)?.to_vec();
        event.push(b'}');
        Some(Self { event, chain: Sha256Hex::parse(value)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(events: &[&str]) -> Vec<Vec<u8>> {
        let mut chain = Chain::default();
        let seal = |event: &&str| {
            let mut line = event.as_bytes().to_vec();
            chain.seal(&mut line);
            line
        };
        events.iter().map(seal).collect()
    }

    #[test]
    fn the_first_value_is_the_hash_of_32_zeros_and_the_event() {
        let lines = sealed(&[r#"{"seq":0}"#]);
        // printf '%064d' 0 | xxd -r -p | cat - <(printf '{"seq":0}') | sha256sum
        let expected = Sha256Hex::of(&[&[0; 32], br#"{"seq":0}"#]);
        assert_eq!(
            String::from_utf8_lossy(&lines[0]),
            format!(r#"{{"seq":0,"chain":"{expected}"}}"#)
        );
        assert!(serde_json::from_slice::<serde_json::Value>(&lines[0]).is_ok());
    }

    #[test]
    fn taking_apart_gives_the_bytes_that_were_hashed() {
        let events = [r#"{"seq":0,"text":"\",\"chain\":\""}"#, r#"{"seq":1}"#];
        let mut chain = Chain::default();
        for (line, event) in sealed(&events).iter().zip(events) {
            let link = Link::read(line).unwrap();
            assert_eq!(link.event, event.as_bytes());
            assert_eq!(chain.follow(&link.event), link.chain);
        }
    }

    #[test]
    fn what_is_no_link_is_none() {
        let line = sealed(&[r#"{"seq":0}"#]).remove(0);
        for cut in 0..line.len() {
            assert_eq!(Link::read(&line[..cut]), None, "{cut}");
        }
        let capital = String::from_utf8(line)
            .unwrap()
            .replace(|c: char| c.is_ascii_hexdigit() && c.is_alphabetic(), "A");
        assert_eq!(Link::read(capital.as_bytes()), None);
        assert_eq!(Link::read(b""), None);
    }

    #[test]
    fn every_value_depends_on_all_before() {
        let first = sealed(&[r#"{"a":1}"#, r#"{"b":2}"#]);
        let second = sealed(&[r#"{"a":2}"#, r#"{"b":2}"#]);
        assert_ne!(first[1], second[1]);
    }
}
