//! Where a screen's events come from: the file of a run in progress, or nodes of a network that stays, which are asked
//! here.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use harness_core::{
    event::{Event, EventKind},
    node::NodeState,
};
use harness_run::clock::RunClock;
use tokio::sync::mpsc::Sender;

use super::hand::{Hand, event};
use crate::provider::lines::LineAssembler;

/// How often nodes are asked.
const EVERY: Duration = Duration::from_secs(1);

/// How often a file is looked at for more.
const AGAIN: Duration = Duration::from_millis(200);

/// Bytes of a log's end that are looked at, and lines that are shown of them.
const END: u64 = 64 * 1024;
pub(super) const LINES: usize = 200;

/// What a screen hears.
pub(super) enum Told {
    /// Of a run or network.
    Event(Box<Event>),
    /// The evidence cannot be read.
    Lost(io::Error),
}

/// Tells what is in a run's events, and what comes, until nobody listens.
pub(super) async fn follow(events: PathBuf, tell: Sender<Told>) {
    let mut lines = LineAssembler::default();
    let mut at = 0;
    loop {
        let more = match piece(&events, at) {
            Ok(more) => more,
            Err(why) => {
                let _ = tell.send(Told::Lost(why)).await;
                return;
            }
        };
        at += more.len() as u64;
        let mut whole = Vec::new();
        lines.push(&more, &mut whole);
        for line in whole {
            // Every line has a link of the chain beside the event, which is none of its fields.
            if let Ok(event) = serde_json::from_slice::<Event>(&line)
                && tell.send(Told::Event(Box::new(event))).await.is_err()
            {
                return;
            }
        }
        if more.is_empty() {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

fn piece(path: &Path, at: u64) -> io::Result<Vec<u8>> {
    /// Read at once: what is there may be as large as the disk.
    const PIECE: u64 = 1 << 20;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(PIECE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Asks a node again and again, until nobody listens.
pub(super) async fn ask(hand: Hand, clock: Arc<RunClock>, tell: Sender<Told>) {
    let mut onlooker = None;
    loop {
        let seen = hand.look(&mut onlooker).await;
        let has_ended = |what: &EventKind| {
            matches!(what, EventKind::State { state: NodeState::Exited { .. }, .. })
        };
        let asked = onlooker.as_mut().filter(|_| !seen.iter().any(has_ended));
        // Said before it is asked: nobody waits for what does not answer to learn why it does not.
        if !tell_all(seen, &clock, &tell).await {
            return;
        }
        let mut seen = match asked {
            Some(onlooker) => onlooker.ask().await,
            None => Vec::new(),
        };
        seen.extend(hand.measure().await);
        if !tell_all(seen, &clock, &tell).await {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Whether somebody listens.
async fn tell_all(seen: Vec<EventKind>, clock: &RunClock, tell: &Sender<Told>) -> bool {
    for what in seen {
        if tell.send(Told::Event(Box::new(event(clock, what)))).await.is_err() {
            return false;
        }
    }
    true
}

/// The last lines of a log that may be of any size; none of one that is not there.
pub(super) fn tail(path: &Path) -> Vec<String> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>((bytes, length > END))
    };
    let Ok((bytes, is_cut)) = read() else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    // The first of them has no beginning.
    let lines: Vec<&str> = text.lines().skip(usize::from(is_cut)).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_of_a_long_log_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        assert!(tail(&path).is_empty(), "no log yet");
        fs::write(&path, "a\nb\nno end").unwrap();
        assert_eq!(tail(&path), ["a", "b", "no end"]);
        let long: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        fs::write(&path, long).unwrap();
        let lines = tail(&path);
        assert_eq!(lines.len(), LINES);
        assert_eq!((lines[0].as_str(), lines[LINES - 1].as_str()), ("line 19800", "line 19999"));
    }

    #[tokio::test]
    async fn events_are_told_as_they_are_written_and_half_a_line_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let line = |seq: u64| {
            format!(
                "{{\"seq\":{seq},\"at_ms\":{seq},\"wall\":\"\",\"event\":\"all-started\",\"chain\":\"x\"}}\n"
            )
        };
        fs::write(&path, line(0) + &line(1)[..20]).unwrap();
        let (tell, mut told) = tokio::sync::mpsc::channel(8);
        let following = tokio::spawn(follow(path.clone(), tell));
        let next = async |told: &mut tokio::sync::mpsc::Receiver<Told>| match told.recv().await {
            Some(Told::Event(event)) => event.seq,
            Some(Told::Lost(why)) => panic!("{why}"),
            None => panic!("nothing is told any more"),
        };
        assert_eq!(next(&mut told).await, 0);
        fs::write(&path, line(0) + &line(1)).unwrap();
        assert_eq!(next(&mut told).await, 1);
        drop(told);
        following.abort();
    }
}
