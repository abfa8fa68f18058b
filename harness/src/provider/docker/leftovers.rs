//! What runs have left on an engine, for `ps`, `gc` and the watchdog: everything with our labels,
//! by run.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::StreamExt;
use harness_core::place::Environment;

use super::{
    engine::{self, failed},
    hand::Hand,
    labels::{Origin, any_run},
    sweep::{self, Object, Unfinished},
};
use crate::provider::{ProviderError, lines::LineAssembler};

/// An engine, to look for leftovers on and to remove them from.
#[derive(Debug, Clone)]
pub struct Leftovers {
    docker: Docker,
    id: Option<String>,
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
}

impl Leftovers {
    /// Finds the engine as a run would. Takes 2 s at most for each place at which there may be one.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] with the reason and the remedy.
    pub async fn connect(environment: &Environment) -> Result<Self, ProviderError> {
        let engine = engine::find(environment).await?;
        Ok(Self { id: engine.id().map(str::to_owned), docker: engine.docker })
    }

    /// A container's log, line by line, to its end or, if that is wanted, for as long as it runs.
    ///
    /// # Errors
    /// The engine does not give it.
    pub async fn log(
        &self,
        container: &str,
        tail: Option<usize>,
        follow: bool,
        mut line: impl FnMut(Vec<u8>),
    ) -> Result<(), ProviderError> {
        let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let options =
            LogsOptionsBuilder::new().stdout(true).stderr(true).follow(follow).tail(&tail).build();
        let mut log = self.docker.logs(container, Some(options));
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

    /// A hand on a container of a run that is kept.
    pub(crate) fn hand(&self, run: &str, node: &str, container: &str) -> Hand {
        Hand::new(self.docker.clone(), run, node, container)
    }

    /// The engine's own name for itself.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Everything of any run, by the run's ID.
    ///
    /// # Errors
    /// The engine does not list it.
    pub async fn by_run(&self) -> Result<BTreeMap<String, Vec<Leftover>>, ProviderError> {
        let mut runs: BTreeMap<String, Vec<Leftover>> = BTreeMap::new();
        for found in sweep::list(&self.docker, &any_run())
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
        sweep::remove_all(&self.docker, run).await.map_err(|unfinished| {
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
