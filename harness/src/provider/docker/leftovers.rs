//! What runs have left on an engine, for `ps`, `gc` and the watchdog: everything with our labels,
//! by run.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use bollard::{
    container::LogOutput,
    query_parameters::{InspectContainerOptions, LogsOptionsBuilder},
};
use futures_util::{StreamExt, future};
use harness_core::place::Environment;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    engine::{self, Engine, failed},
    hand::Hand,
    isolation::Isolation,
    labels::{Origin, any_run},
    logs::Pump,
    publish::Published,
    sweep::{self, Object, Unfinished},
};
use crate::provider::{LogLine, ProviderError, lines::LineAssembler};

/// An engine that does not say anything of a container for so long has gone.
const GONE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Lines that wait for their reader; what is more waits at the engine.
const LOG_QUEUE: usize = 512;

/// An engine, to look for leftovers on and to remove them from.
#[derive(Debug, Clone)]
pub struct Leftovers {
    engine: Engine,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Leftover {
    /// `container hegemon-…-seed`.
    pub what: String,
    /// What its labels say.
    pub origin: Origin,
    /// When it was made, where the engine says so.
    pub created: Option<SystemTime>,
    /// The container's ID, for people.
    pub container: Option<String>,
    /// Where its RPC is published, if it ever is.
    pub published: Option<Published>,
}

impl Leftovers {
    /// Finds the engine as a run would. Takes 2 s at most for each place at which there may be one.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] with the reason and the remedy.
    pub async fn connect(environment: &Environment) -> Result<Self, ProviderError> {
        engine::find(environment).await.map(|engine| Self { engine })
    }

    /// A container's log, line by line.
    ///
    /// # Errors
    /// The engine does not give it.
    pub async fn log(
        &self,
        container: &str,
        tail: Option<usize>,
        mut line: impl FnMut(Vec<u8>),
    ) -> Result<(), ProviderError> {
        let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&tail).build();
        let mut log = self.engine.docker.logs(container, Some(options));
        // One for each stream: a line may come in pieces, between which is the other's.
        let mut assemblers = [LineAssembler::default(), LineAssembler::default()];
        let mut lines = Vec::new();
        while let Some(piece) = log.next().await {
            let piece = piece.map_err(failed("reading a container's log"))?;
            let stream = usize::from(matches!(piece, LogOutput::StdErr { .. }));
            assemblers[stream].push(&piece.into_bytes(), &mut lines);
            lines.drain(..).for_each(&mut line);
        }
        assemblers.iter_mut().for_each(|it| it.flush(&mut lines));
        lines.into_iter().for_each(line);
        Ok(())
    }

    /// The same as it grows, over every start, until the container is gone. With a `tail` the engine gives all of it
    /// twice: to count lines, and to follow from the first on.
    ///
    /// # Errors
    /// The engine does not give it, or has no such container.
    pub(crate) async fn follow(
        &self,
        (node, container): (&str, &str),
        tail: Option<usize>,
        mut line: impl FnMut(Vec<u8>),
    ) -> Result<(), ProviderError> {
        let inspected =
            self.engine.docker.inspect_container(container, None::<InspectContainerOptions>).await;
        inspected.map_err(failed("looking at a container"))?;
        let mut there = 0_usize;
        if tail.is_some() {
            self.log(container, None, |_| there += 1).await?;
        }
        let passed_over = there.saturating_sub(tail.unwrap_or(there));
        let (to, mut lines) = mpsc::channel(LOG_QUEUE);
        let (started, starts) = watch::channel(0);
        let closing = CancellationToken::new();
        let pump = Pump {
            docker: self.engine.docker.clone(),
            container: container.to_owned(),
            node: node.to_owned(),
            to,
            starts,
            read: watch::channel(None).0,
            closing: closing.clone(),
            advance: std::sync::Arc::default(),
        };
        let shown = async {
            let mut passed = 0;
            while let Some(LogLine { bytes, .. }) = lines.recv().await {
                if passed < passed_over {
                    passed += 1;
                } else {
                    line(bytes);
                }
            }
        };
        tokio::select! {
            _ = future::join(pump.run(), shown) => Ok(()),
            why = self.starts(container, &started, &closing) => Err(why),
        }
    }

    /// Tells of every start of a container, and when none can follow.
    async fn starts(
        &self,
        container: &str,
        started: &watch::Sender<u64>,
        closing: &CancellationToken,
    ) -> ProviderError {
        let (mut last, mut answered) = (None, Instant::now());
        loop {
            let inspected = self
                .engine
                .docker
                .inspect_container(container, None::<InspectContainerOptions>)
                .await;
            match inspected {
                Ok(it) => {
                    let now = it.state.and_then(|state| state.started_at);
                    if now != last {
                        last = now;
                        started.send_modify(|starts| *starts += 1);
                    }
                    answered = Instant::now();
                }
                Err(why) if engine::is_absent(&why) => closing.cancel(),
                Err(why) if answered.elapsed() >= GONE => {
                    return failed("looking at a container")(why);
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A hand on a container of a run that is kept.
    pub(crate) fn hand(&self, run: &str, node: &str, container: &str) -> Hand {
        Hand::new(self.engine.docker.clone(), run, node, container)
    }

    /// The same on the lines between all containers of one.
    pub(crate) fn isolation(&self, run: &str, scratch: &Path, nodes: Vec<Hand>) -> Isolation {
        Isolation::new(self.engine.clone(), run, scratch, nodes)
    }

    /// The engine's own name for itself.
    pub fn id(&self) -> Option<&str> {
        self.engine.id()
    }

    /// Everything of any run, by the run's ID.
    ///
    /// # Errors
    /// The engine does not list it.
    pub async fn by_run(&self) -> Result<BTreeMap<String, Vec<Leftover>>, ProviderError> {
        let mut runs: BTreeMap<String, Vec<Leftover>> = BTreeMap::new();
        for found in sweep::list(&self.engine.docker, &any_run())
            .await
            .map_err(failed("listing what runs have left"))?
        {
            let container = if let Object::Container { id, .. } = &found.object {
                Some(id.get(..12).unwrap_or(id).to_owned())
            } else {
                None
            };
            let created = found.created.and_then(|seconds| {
                SystemTime::UNIX_EPOCH
                    .checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
            });
            let left = Leftover {
                what: found.object.describe(),
                origin: found.origin,
                created,
                container,
                published: found.published,
            };
            runs.entry(left.origin.run.clone()).or_default().push(left);
        }
        Ok(runs)
    }

    /// Removes everything of one run; says what that was. Bounded in time.
    ///
    /// # Errors
    /// What is left, or that the engine went away.
    pub async fn remove(&self, run: &str) -> Result<Vec<String>, ProviderError> {
        sweep::remove_all(&self.engine.docker, run).await.map_err(|unfinished| {
            let why = match unfinished {
                Unfinished::Left(objects) => format!("left behind: {}", objects.join(", ")),
                Unfinished::NoEngine(why) => {
                    format!("the engine is gone ({why}); what is left is unknown")
                }
            };
            ProviderError::failed(format!("cleaning up the run {run}"), why)
        })
    }
}
