//! The harness's side: a program with its reaper, for as long as somebody waits for it.

use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
};

use super::{
    reaper::{INPUT, PATIENCE, VERB},
    said::{How, Said},
};
use crate::spawn::{PART, when_not_busy};

/// What a process that has ended wrote last is in a pipe; it is read in milliseconds.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Time that a reaper has for its end when nobody waits for its program any more. It goes on beyond that.
const DISMISSAL: Duration = Duration::from_secs(2);
/// A reaper that says nothing for so long after it was let go of is given up. It goes on, and is not killed: what it
/// watches over would be nobody's.
const SILENCE: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

/// A program, ready to be executed.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// It, as it is looked for, and its arguments.
    pub(crate) words: Vec<OsString>,
    /// Where it runs.
    pub(crate) folder: &'a Path,
    /// A file that is its standard input.
    pub(crate) input: PathBuf,
    /// Variables beside the harness's own.
    pub(crate) env: Vec<(String, OsString)>,
}

/// What a program left that was run to its end.
#[derive(Debug)]
pub(crate) struct Kept {
    /// `None` if it was killed at the time limit.
    pub(crate) how: Option<How>,
    /// Bytes that it wrote, to both streams.
    pub(crate) bytes: u64,
    /// The last of them.
    pub(crate) last: Vec<u8>,
    /// What it has started and nobody here can end, each in words.
    pub(crate) left: Vec<String>,
}

impl Program<'_> {
    /// Runs it to its end or for `limit` and keeps the last `most` bytes that it writes to either stream,
    /// however many there are. What it has started ends with it in any case, also if nobody waits any
    /// more. `harness` is what has the hidden verb. `began` is called once it is executed.
    ///
    /// # Errors
    ///
    /// Why it was not executed, or that its reaper was killed.
    pub(crate) async fn run(
        &self,
        harness: &Path,
        limit: Duration,
        most: usize,
        began: impl FnOnce(),
    ) -> io::Result<Kept> {
        let (mut reaper, words) = self.start(harness).await?;
        let mut words = BufReader::new(words).lines();
        match next(&mut words).await? {
            Some(Said::Began) => began(),
            Some(Said::NotRun(why)) => return Err(io::Error::other(why)),
            Some(Said::Over { .. }) | None => return Err(lost()),
        }
        let output = Mutex::new(Output::default());
        let (stdout, stderr) = (reaper.child.stdout.take(), reaper.child.stderr.take());
        let reading = async {
            tokio::join!(keep(stdout, most, &output), keep(stderr, most, &output));
        };
        let over = reaper.over(&mut words, limit);
        tokio::pin!(reading, over);
        let mut read = false;
        let (how, left) = loop {
            tokio::select! {
                over = &mut over => break over?,
                () = &mut reading, if !read => read = true,
            }
        };
        // What cannot be ended may hold the streams for ever.
        if !read {
            let _ = tokio::time::timeout(LAST_WORDS, &mut reading).await;
        }
        let Output { bytes, last } =
            std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Kept { how, bytes, last, left })
    }

    async fn start(&self, harness: &Path) -> io::Result<(Reaper, OwnedReadHalf)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (words, link) = UnixStream::from_std(ours)?.into_split();
        let mut command = Command::new(harness);
        command.arg0("harness-reaper").arg(VERB).arg(INPUT).arg(&self.input);
        command.arg("--").args(&self.words);
        command.current_dir(self.folder);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).env(PART, VERB);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = when_not_busy(|| command.spawn()).await?;
        Ok((Reaper { child, link: Some(link), is_over: false }, words))
    }
}

/// The process between. Dropped, it ends what it watches over.
struct Reaper {
    child: Child,
    /// Nothing is ever said here; its end says that nobody waits.
    link: Option<OwnedWriteHalf>,
    /// It has said that the program is: there is nothing to wait for.
    is_over: bool,
}

impl Reaper {
    /// How the program ended, if it did before it was let go of, at `limit`; and what is left.
    async fn over(
        &mut self,
        words: &mut Lines<BufReader<OwnedReadHalf>>,
        limit: Duration,
    ) -> io::Result<(Option<How>, Vec<String>)> {
        let said = match tokio::time::timeout(limit, next(words)).await {
            Ok(said) => said?,
            Err(_) => {
                self.link.take();
                let silent = |_| io::Error::other("what watches over it does not end it");
                tokio::time::timeout(SILENCE, next(words)).await.map_err(silent)??
            }
        };
        match said {
            Some(Said::Over { how, left }) => {
                self.is_over = true;
                if left.is_empty() {
                    let _ = tokio::time::timeout(DISMISSAL, self.child.wait()).await;
                }
                Ok((how, left))
            }
            Some(Said::Began | Said::NotRun(_)) | None => Err(lost()),
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.link.take();
        // Nobody else is asked meanwhile, so only for one that is let go of.
        let deadline = Instant::now() + DISMISSAL;
        while !self.is_over
            && matches!(self.child.try_wait(), Ok(None))
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn lost() -> io::Error {
    io::Error::other(
        "the process that watches over it was killed, and it with that; what it had started may still run",
    )
}

async fn next(words: &mut Lines<BufReader<OwnedReadHalf>>) -> io::Result<Option<Said>> {
    match words.next_line().await {
        Ok(Some(line)) => Ok(Some(serde_json::from_str(&line)?)),
        Ok(None) => Ok(None),
        // It was killed with something unread.
        Err(why) if why.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Err(why) => Err(why),
    }
}

#[derive(Debug, Default)]
struct Output {
    bytes: u64,
    last: Vec<u8>,
}

async fn keep(stream: Option<impl AsyncRead + Unpin>, most: usize, output: &Mutex<Output>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 8 * 1024];
    // A stream that breaks has ended.
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.bytes += read as u64;
        output.last.extend_from_slice(&buffer[..read]);
        let beyond = output.last.len().saturating_sub(most);
        output.last.drain(..beyond);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const BEGAN: &str = "echo '\"began\"' >&0";
    const OVER: &str = r#"echo '{"over":{"how":{"exited":0},"left":["process 7 (x)"]}}' >&0"#;

    /// What a program comes to whose reaper does this.
    async fn with(reaper: &str, limit: Duration) -> io::Result<Kept> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("reaper");
        fs::write(&path, format!("#!/bin/sh\n{reaper}\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let program = Program {
            words: vec!["it".into()],
            folder: folder.path(),
            input: PathBuf::from("/dev/null"),
            env: Vec::new(),
        };
        program.run(&path, limit, 64, || ()).await
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn how_it_ended_is_what_the_reaper_says_also_after_the_limit() {
        let in_time = with(&format!("{BEGAN}; {OVER}"), LONG).await.unwrap();
        // That it was let go of it hears as the end of its input.
        let late = format!("{BEGAN}; cat <&0 >/dev/null; {OVER}");
        let late = with(&late, Duration::from_millis(50)).await.unwrap();
        for kept in [in_time, late] {
            assert_eq!(kept.how, Some(How::Exited(0)));
            assert_eq!(kept.left, ["process 7 (x)"]);
        }
    }

    #[tokio::test]
    async fn a_reaper_that_does_not_do_its_work_is_an_error() {
        let why =
            |reaper: String| async move { with(&reaper, LONG).await.unwrap_err().to_string() };
        assert!(why(format!("{BEGAN}; kill -9 $$")).await.contains("was killed"));
        assert!(why("exit 0".to_owned()).await.contains("was killed"));
        let refused = "echo '{\"not-run\":\"no such file\"}' >&0";
        assert_eq!(why(refused.to_owned()).await, "no such file");
    }
}
