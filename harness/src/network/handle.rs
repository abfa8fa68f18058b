//! The network and its nodes, as a test has them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use harness_core::stepwise::{Condition, Phase};
use harness_run::driven::{Came, Question, Step};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{error::Error, stage::Stage};

/// A running network.
///
/// Dropping it removes everything that it has started, which may take a few seconds; so does a panic, and the
/// evidence says then that there was one, if it was on the way of that panic that the network was dropped.
///
/// Only [`end`](Self::end) is a verdict that nobody can miss. A panic while it is dropped is in no test's result where
/// the test's runtime swallows it (a detached task), and a network in a `static` is never dropped: its watchdog removes
/// it, and nobody judges it.
///
/// # Panics
///
/// Dropping it panics if its verdict is no pass and no step has said so: a node that crashed after the
/// test's last look is no success. [`end`](Self::end) says the same as an error.
#[derive(Debug)]
pub struct Network {
    stage: Stage,
    /// Every node's JSON-RPC.
    urls: BTreeMap<String, String>,
    /// Whoever uses it knows that it failed.
    told: AtomicBool,
}

/// One of its nodes.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    network: &'a Network,
    name: &'a str,
}

impl Network {
    pub(super) async fn of(mut stage: Stage) -> Result<Self, Error> {
        let urls = stage.ready().await?;
        Ok(Self { stage, urls, told: AtomicBool::new(false) })
    }

    /// The names of its nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.urls.keys().map(String::as_str)
    }

    /// One of them; that there is one of this name is looked at when something is done to it.
    pub fn node<'a>(&'a self, name: &'a str) -> Node<'a> {
        Node { network: self, name }
    }

    /// Waits until a condition holds, and no longer than this.
    ///
    /// Steps are done one after another, this and what is done to nodes. One whose future is dropped
    /// (a `timeout` around it, a lost branch of `select!`) goes on, the next one waits for it, and what it comes to
    /// counts.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use harness::network::{Error, Network, check, height_advances, same_chain};
    /// # async fn test(network: Network) -> Result<(), Error> {
    /// let soon = Duration::from_secs(30);
    /// network.until(height_advances(2).of("node-1").and(same_chain()), soon).await?;
    /// // Any other check that scenario files have, with its keys.
    /// network.until(check("no-stall").with("longest", "20s"), soon).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what was seen and where the evidence is; [`Error::Refused`] if there is no
    /// such condition.
    pub async fn until(&self, condition: Condition, within: Duration) -> Result<(), Error> {
        self.step(Phase::until(&condition, within)).await
    }

    /// Where its evidence is.
    pub fn evidence(&self) -> &Path {
        self.stage.evidence()
    }

    /// Ends it: looks at every node once more, removes everything, and says whether all was well until
    /// then.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if its verdict is no pass.
    pub async fn end(mut self) -> Result<(), Error> {
        let ended = self.stage.end().await;
        // Whoever did not wait for it was told nothing.
        self.told.store(true, Ordering::Relaxed);
        ended
    }

    async fn step(&self, phase: Phase) -> Result<(), Error> {
        let (done, came) = oneshot::channel();
        // Where the run is over nobody takes it, and nobody answers.
        let _ = self.stage.steps().send(Step { phase, done }).await;
        let failed = match came.await {
            Ok(Came::Good) => return Ok(()),
            Ok(Came::Refused(why)) => return Err(Error::Refused(why)),
            Ok(Came::Bad(verdict, reason)) => self.stage.failed(verdict, reason),
            Err(_) => self.stage.why_it_ended().await,
        };
        self.told.store(true, Ordering::Relaxed);
        Err(failed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.stage.panicked();
        }
        let ended = self.stage.close();
        if let Err(why) = ended
            && !*self.told.get_mut()
            && !std::thread::panicking()
        {
            panic!("nobody was told that the network has failed: {why}");
        }
    }
}

impl Node<'_> {
    /// Ends it and starts it again, and returns when that is proven: it ended, did not answer while it was
    /// down, came back as another process, and answers.
    ///
    /// # Errors
    ///
    /// As every step: [`Error::NoSuchNode`]; [`Error::Refused`] if it cannot be done to the node as it is, or
    /// by this provider; [`Error::Failed`] with what was seen.
    pub async fn restart(self) -> Result<(), Error> {
        self.fault("restart").await
    }

    /// Kills it with SIGKILL, and returns when its end is proven. It stays down until
    /// [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn kill(self) -> Result<(), Error> {
        self.fault("kill").await
    }

    /// Asks it to end, and returns when its end is proven. It stays down until [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn stop(self) -> Result<(), Error> {
        self.fault("stop").await
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), and returns when it answers.
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn start(self) -> Result<(), Error> {
        self.fault("start").await
    }

    /// Freezes it until [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn pause(self) -> Result<(), Error> {
        self.fault("pause").await
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn resume(self) -> Result<(), Error> {
        self.fault("resume").await
    }

    /// Cuts it off from all other nodes until [`rejoin`](Self::rejoin). Its RPC stays reachable.
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn isolate(self) -> Result<(), Error> {
        self.fault("isolate").await
    }

    /// Joins it to the others again after [`isolate`](Self::isolate).
    ///
    /// # Errors
    ///
    /// As of [`restart`](Self::restart).
    pub async fn rejoin(self) -> Result<(), Error> {
        self.fault("rejoin").await
    }

    /// Asks it over JSON-RPC; `params` is a list. What it answers is no part of the evidence.
    ///
    /// # Errors
    ///
    /// [`Error::Unanswered`] if it gives an error, or no answer within two seconds.
    pub async fn rpc(self, method: &str, params: Value) -> Result<Value, Error> {
        self.is_there()?;
        let Value::Array(params) = params else {
            return Err(Error::Refused(format!("{method}: parameters are a list, not {params}")));
        };
        let (answer, answered) = oneshot::channel();
        let (node, method) = (self.name.to_owned(), method.to_owned());
        let question = Question { node: node.clone(), method: method.clone(), params, answer };
        let _ = self.network.stage.questions().send(question).await;
        match answered.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(miss)) => Err(Error::Unanswered { node, method, why: miss.to_string() }),
            Err(_) => {
                let why = self.network.stage.why_it_ended().await;
                self.network.told.store(true, Ordering::Relaxed);
                Err(why)
            }
        }
    }

    /// Where its JSON-RPC is, for other clients: a port of this machine's loopback that stays the same as
    /// long as the network is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`].
    pub fn rpc_url(self) -> Result<String, Error> {
        self.is_there()
    }

    /// What it has logged so far.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`], [`Error::Refused`] if it cannot be read.
    pub fn log(self) -> Result<String, Error> {
        self.is_there()?;
        let path = self.network.evidence().join("logs").join(format!("{}.log", self.name));
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            // It has said nothing.
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(why) => Err(Error::Refused(format!("{} cannot be read: {why}", path.display()))),
        }
    }

    async fn fault(self, fault: &str) -> Result<(), Error> {
        self.is_there()?;
        self.network.step(Phase::fault(fault, self.name)).await
    }

    /// Its RPC.
    fn is_there(self) -> Result<String, Error> {
        self.network.urls.get(self.name).cloned().ok_or_else(|| Error::NoSuchNode {
            name: self.name.to_owned(),
            names: self.network.nodes().map(str::to_owned).collect(),
        })
    }
}
