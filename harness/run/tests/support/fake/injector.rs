//! What may be done to the nodes of a fake beside ending them: it is remembered, and seen by whoever
//! looks.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    line::{Connect, Datagrams, Line, LineChange, PathSeen},
    node::{NodeSource, NodeState},
    state::{Executable, Limits, Port, StateChange, StateFile},
};
use harness_run::provider::{Done, Injector, ProviderError, Slot};

use super::Fake;

impl Fake {
    pub(super) fn is_frozen(&self, name: &str) -> bool {
        matches!(self.lock().get(name).map(|node| &node.state), Some(NodeState::Frozen(_)))
    }

    /// Processor time moves with the run's, until a node is frozen.
    pub(super) fn cpu_ms(&self, name: &str) -> u64 {
        let now = self.began.elapsed();
        self.lock().get(name).and_then(|node| node.frozen).unwrap_or(now).as_millis() as u64 / 10
    }

    fn line(&self, from: &str, to: &str) -> Line {
        let lines = self.lines_cut.lock().unwrap();
        lines.get(&(from.to_owned(), to.to_owned())).cloned().unwrap_or(Line::Open)
    }

    fn path(&self, from: &str, to: &str, datagrams: Datagrams) -> PathSeen {
        let (there, back) = (self.line(from, to), self.line(to, from));
        let sent = datagrams.count();
        let of = |line: &Line| match line {
            Line::Open => (sent, Duration::ZERO),
            Line::Cut => (0, Duration::ZERO),
            Line::Bad(bad) => {
                (sent - (f64::from(sent) * bad.loss / 100.0).round() as u32, bad.delay)
            }
        };
        let ((arrived, late), (echoed, later)) = (of(&there), of(&back));
        let echoed = echoed.min(arrived);
        let trip = Duration::from_micros(300) + late + later;
        let passes = there != Line::Cut && back != Line::Cut;
        PathSeen {
            from: from.to_owned(),
            to: to.to_owned(),
            connect: if passes { Connect::Accepted } else { Connect::Silent },
            sent,
            arrived,
            echoed,
            round_trip_us: (echoed > 0).then_some(trip.as_micros() as u64),
        }
    }
}

impl Injector for Fake {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        let now = self.began.elapsed();
        if let Some(node) = self.lock().get_mut(name)
            && let NodeState::Running(incarnation) = node.state.clone()
        {
            node.state = NodeState::Frozen(incarnation);
            node.frozen = Some(now);
        }
        self.world.freezes(name);
        async { Ok(()) }.boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        if let Some(node) = self.lock().get_mut(name)
            && let NodeState::Frozen(incarnation) = node.state.clone()
        {
            node.state = NodeState::Running(incarnation);
            node.frozen = None;
        }
        if self.faults.stays_silent != Some(name) {
            self.world.thaws(name);
        }
        async { Ok(()) }.boxed()
    }

    fn lines<'a>(&'a self, changes: &'a [LineChange]) -> Done<'a> {
        let mut lines = self.lines_cut.lock().unwrap();
        for change in changes {
            lines.insert((change.from.clone(), change.to.clone()), change.line.clone());
        }
        async { Ok(()) }.boxed()
    }

    fn probe<'a>(
        &'a self,
        ways: &'a [(String, String)],
        datagrams: Datagrams,
    ) -> BoxFuture<'a, Result<Vec<PathSeen>, ProviderError>> {
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(ways.iter().map(|(from, to)| self.path(from, to, datagrams)).collect())
        }
        .boxed()
    }

    fn state_files<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StateFile>, ProviderError>> {
        let files = self.belongings().state_files(name);
        async { Ok(files) }.boxed()
    }

    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        self.belongings().change_state(name, change);
        async { Ok(()) }.boxed()
    }

    fn slot_as(&self, name: &str, _: &NodeSource) -> Result<Slot, ProviderError> {
        Ok(self.slot(name))
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        let executable = self.world.is_running(name).then(|| self.belongings().executable(name));
        let nobody = || ProviderError::failed("looking at what is executed", "it does not run");
        async move { executable.ok_or_else(nobody) }.boxed()
    }

    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        self.belongings().limit(name, limits);
        async { Ok(()) }.boxed()
    }

    fn limits<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Limits, ProviderError>> {
        let limits = self.belongings().limits(name);
        async move { Ok(limits) }.boxed()
    }

    fn occupy<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.belongings().occupy(name, port);
        async { Ok(SocketAddr::from(([127, 0, 0, 1], 30000))) }.boxed()
    }

    fn greeting<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<Vec<u8>, ProviderError>> {
        let ours = self.belongings().is_taken(name, port);
        let nobody = || ProviderError::failed("connecting", "connection refused");
        async move { if ours { Ok(b"harness\n".to_vec()) } else { Err(nobody()) } }.boxed()
    }

    fn release<'a>(&'a self, name: &'a str, port: Port) -> Done<'a> {
        self.belongings().release(name, port);
        async { Ok(()) }.boxed()
    }

    fn rename<'a>(&'a self, seed: &'a str, to: &'a str) -> Done<'a> {
        self.belongings().rename(seed, to);
        async { Ok(()) }.boxed()
    }

    fn lookup<'a>(
        &'a self,
        _: &'a str,
        seed: &'a str,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ProviderError>> {
        let means = self.belongings().lookup(seed);
        async { Ok(means) }.boxed()
    }
}
