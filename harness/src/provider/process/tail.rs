//! Log files to lines: one thread reads what nodes append, and waits for its reader alone. A node
//! writes to its file and never waits.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::sync::{mpsc as lines, oneshot};

use crate::provider::{
    LogLine,
    lines::{Advance, LineAssembler},
};

/// How often files are looked at: the delay of a line, and no more.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Bytes of one file that are read before the others have their turn.
const BLOCK: usize = 256 * 1024;

enum Order {
    Follow { node: String, path: PathBuf },
    Finish(oneshot::Sender<()>),
}

/// Nodes whose logs are not read to their end.
type Unfinished = Arc<Mutex<BTreeSet<String>>>;

/// The thread that follows logs.
#[derive(Debug)]
pub(super) struct Tail {
    orders: mpsc::Sender<Order>,
    unfinished: Unfinished,
    advance: Arc<Advance>,
}

impl Tail {
    /// Starts the thread; lines go to `to` until [`Tail::finish`] or until nobody reads.
    pub(super) fn new(to: lines::Sender<LogLine>) -> io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let unfinished = Unfinished::default();
        let reading = Arc::clone(&unfinished);
        let advance = Arc::<Advance>::default();
        let to = Passing { to, advance: Arc::clone(&advance) };
        thread::Builder::new().name("read logs".to_owned()).spawn(move || {
            // An error means that the reader is gone: nothing is left to do.
            let _ = follow(&queue, &to, &reading);
        })?;
        Ok(Self { orders, unfinished, advance })
    }

    /// Follows a node's log from its beginning.
    pub(super) fn follow(&self, node: &str, path: &Path) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).insert(node.to_owned());
        let _ = self.orders.send(Order::Follow { node: node.to_owned(), path: path.to_owned() });
    }

    /// Passes on everything that is in the files now, and ends. The channel then closes. Returns
    /// the nodes whose logs were not passed on when nobody had taken a line for so long.
    pub(super) async fn finish(&self, limit: Duration) -> Vec<String> {
        let (done, finished) = oneshot::channel();
        if self.orders.send(Order::Finish(done)).is_err() {
            // It was finished before, or nobody reads.
            return Vec::new();
        }
        tokio::select! {
            // What was read to its end is whole, however late.
            biased;
            _ = finished => Vec::new(),
            () = self.advance.stalls(limit) => {
                let unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
                unfinished.iter().cloned().collect()
            }
        }
    }
}

struct Log {
    node: String,
    path: PathBuf,
    file: Option<File>,
    assembler: LineAssembler,
}

struct Closed;

/// Where lines go.
struct Passing {
    to: lines::Sender<LogLine>,
    advance: Arc<Advance>,
}

fn follow(
    orders: &mpsc::Receiver<Order>,
    to: &Passing,
    unfinished: &Unfinished,
) -> Result<(), Closed> {
    let mut logs: Vec<Log> = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut pause = LOOK_EVERY;
    loop {
        match orders.recv_timeout(pause) {
            Ok(Order::Follow { node, path }) => {
                logs.push(Log { node, path, file: None, assembler: LineAssembler::default() })
            }
            Ok(Order::Finish(done)) => {
                let left = || unfinished.lock().unwrap_or_else(PoisonError::into_inner);
                for log in &mut logs {
                    log.read_rest(&mut block, to)?;
                    log.flush(to)?;
                    left().remove(&log.node);
                }
                let _ = done.send(());
                return Ok(());
            }
            Err(RecvTimeoutError::Timeout) => {
                let read = read_each(&mut logs, &mut block, to)?;
                pause = if read == 0 { LOOK_EVERY } else { Duration::ZERO };
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// One block of every file; the number of bytes that there were.
fn read_each(logs: &mut [Log], block: &mut [u8], to: &Passing) -> Result<usize, Closed> {
    let mut read = 0;
    for log in logs {
        read += log.read(block, to)?;
    }
    Ok(read)
}

impl Log {
    fn read(&mut self, block: &mut [u8], to: &Passing) -> Result<usize, Closed> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(Ok(length)) = self.file.as_mut().map(|file| file.read(block)) else {
            return Ok(0);
        };
        let mut lines = Vec::new();
        self.assembler.push(&block[..length], &mut lines);
        self.send(lines, to)?;
        Ok(length)
    }

    /// What is in the file now: a node that could not be ended goes on writing, and nobody waits for it.
    fn read_rest(&mut self, block: &mut [u8], to: &Passing) -> Result<(), Closed> {
        let end = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let read = self.file.as_mut().and_then(|file| file.stream_position().ok()).unwrap_or(0);
        let mut rest = end.saturating_sub(read);
        while rest > 0 {
            match self.read(block, to)? {
                0 => break,
                length => rest = rest.saturating_sub(length as u64),
            }
        }
        Ok(())
    }

    fn flush(&mut self, to: &Passing) -> Result<(), Closed> {
        let mut lines = Vec::new();
        self.assembler.flush(&mut lines);
        self.send(lines, to)
    }

    fn send(&self, lines: Vec<Vec<u8>>, to: &Passing) -> Result<(), Closed> {
        for bytes in lines {
            to.to.blocking_send(LogLine { node: self.node.clone(), bytes }).map_err(|_| Closed)?;
            to.advance.one();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_that_its_reader_does_not_take_in_time_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (to, mut reader) = lines::channel(1);
        let tail = Tail::new(to).unwrap();
        for (node, text) in [("long", "a\n".repeat(100)), ("short", String::new())] {
            std::fs::write(dir.path().join(node), text).unwrap();
            tail.follow(node, &dir.path().join(node));
        }
        assert!(tail.finish(Duration::from_millis(200)).await.contains(&"long".to_owned()));
        let mut read = 0;
        while reader.recv().await.is_some() {
            read += 1;
        }
        assert_eq!(read, 100, "and it goes on");
    }

    #[tokio::test]
    async fn a_log_that_was_read_to_its_end_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (to, mut reader) = lines::channel(500);
        let tail = Tail::new(to).unwrap();
        std::fs::write(dir.path().join("node"), "a\nb").unwrap();
        tail.follow("node", &dir.path().join("node"));
        assert_eq!(tail.finish(Duration::from_secs(5)).await, Vec::<String>::new());
        assert_eq!(
            (reader.recv().await.unwrap().bytes, reader.recv().await.unwrap().bytes),
            (b"a\n".to_vec(), b"b".to_vec())
        );
    }

    #[tokio::test]
    async fn who_writes_on_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        let (to, mut reader) = lines::channel(1);
        let tail = Tail::new(to).unwrap();
        std::fs::write(&path, "a\n".repeat(100)).unwrap();
        tail.follow("node", &path);
        // Each line that is taken brings another one: the file has no end.
        let reading = tokio::spawn(async move {
            let mut file = File::options().append(true).open(path).unwrap();
            while reader.recv().await.is_some() {
                io::Write::write_all(&mut file, b"b\n").unwrap();
            }
        });
        let finish = tail.finish(Duration::from_secs(5));
        let cut = tokio::time::timeout(Duration::from_secs(60), finish).await;
        assert_eq!(cut, Ok(Vec::new()));
        reading.await.unwrap();
    }
}
