//! The end of a run: calls under way, the last lines of logs, and then everything that carries the
//! run's labels.

use std::{fs, sync::atomic::Ordering, time::Duration};

use super::DockerProvider;
use crate::provider::{
    ProviderError,
    docker::{
        engine,
        sweep::{self, Unfinished},
    },
};

/// Time that teardown gives calls under way.
const CALLS_LIMIT: Duration = Duration::from_secs(20);

impl DockerProvider {
    pub(super) async fn remove_everything(&self) -> Result<(), ProviderError> {
        self.calls.shut();
        if self.options.keep {
            self.calls.ended(CALLS_LIMIT).await;
            self.stop_reading();
            self.pumps.wait().await;
            return Ok(());
        }
        let (docker, run) = (&self.engine.docker, self.options.run_id.as_str());
        if let Err(why) = engine::answers(docker).await {
            self.stop_reading();
            return Err(self.abandon(&why));
        }
        // At once: a stop that is under way need not wait for its node any more.
        let _ = tokio::time::timeout(CALLS_LIMIT, sweep::kill_all(docker, run)).await;
        let quiet = self.calls.ended(CALLS_LIMIT).await;
        // And again: a start that was under way may have brought its node up after that, and a
        // living node's log has no end to read to.
        let _ = tokio::time::timeout(CALLS_LIMIT, sweep::kill_all(docker, run)).await;
        self.stop_reading();
        self.pumps.wait().await;
        sweep::remove_all(docker, run).await.map_err(|unfinished| match unfinished {
            Unfinished::Left(objects) => self.leave(&objects.join(", ")),
            Unfinished::NoEngine(why) => self.abandon(&why),
        })?;
        self.remove_directory()?;
        if !quiet {
            return Err(ProviderError::failed(
                format!("cleaning up the run {run}"),
                format!(
                    "a call to the engine has not come back; what it may still make is removed with: {}",
                    self.keep_hint()
                ),
            ));
        }
        self.done.store(true, Ordering::Relaxed);
        // Said once: a second teardown has nothing left to say.
        let cut = std::mem::take(&mut *self.cut.lock().expect("no code panics with this lock"));
        let cut: Vec<String> = cut.iter().map(|node| format!("log of {node} incomplete")).collect();
        if cut.is_empty() {
            Ok(())
        } else {
            Err(ProviderError::failed("reading logs to their end", cut.join(", ")))
        }
    }

    /// The engine has gone, and only memory says what there is.
    fn abandon(&self, why: &str) -> ProviderError {
        let left = self.nodes.remembered(&self.options.run_id).join(", ");
        let left = self.leave(&left);
        ProviderError::failed(
            format!("the engine is gone ({why})"),
            format!("{left}. When it is back, `harness gc` removes them"),
        )
    }

    /// Nothing more can be done, now or when this is dropped.
    fn leave(&self, left: &str) -> ProviderError {
        self.done.store(true, Ordering::Relaxed);
        let directory =
            self.remove_directory().err().map(|error| format!("; {error}")).unwrap_or_default();
        ProviderError::failed(
            format!("cleaning up the run {}", self.options.run_id),
            format!("left behind: {left}{directory}"),
        )
    }

    /// Readers pass on what there is and end; the channel closes when the last one has.
    fn stop_reading(&self) {
        drop(self.to_lines.lock().expect("no code panics with this lock").take());
        // Nobody took it: readers must not wait for nobody.
        drop(self.lines.lock().expect("no code panics with this lock").take());
        self.closing.cancel();
        self.pumps.close();
    }

    pub(super) fn remove_directory(&self) -> Result<(), ProviderError> {
        let dir = self.binary_dir();
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ProviderError::failed(format!("removing {}", dir.display()), error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for DockerProvider {
    /// The way out of a panic. A runtime of its own, because the caller's may be on its way out or
    /// is this very thread.
    fn drop(&mut self) {
        self.closing.cancel();
        if self.options.keep || self.done.load(Ordering::Relaxed) {
            return;
        }
        let (docker, run) = (self.engine.docker.clone(), self.options.run_id.clone());
        self.calls.shut();
        self.calls.ended_blocking(CALLS_LIMIT);
        let sweep = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(sweep::remove_all(&docker, &run)))
        };
        // A failure here has nobody to hear it: `gc` finds what is left by its labels.
        let _ = std::thread::spawn(sweep).join();
        let _ = self.remove_directory();
    }
}
