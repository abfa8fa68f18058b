//! The fake as a provider: what a run asks it to do, done or not.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeState, Resources},
};
use harness_run::provider::{
    Changes, Dial, Direct, Injector, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError,
    Slot,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, time::Instant};

use super::Fake;

impl Provider for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn facts(&self) -> Value {
        json!({ "fake": true })
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        _: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        progress("making things up".to_owned());
        self.belongings().names_are(nodes.iter().map(|node| node.name.clone()).collect());
        let slots = nodes.iter().map(|node| self.slot(&node.name));
        let slots = slots.collect();
        async { Ok(slots) }.boxed()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async {
            assert!(!self.faults.start_panics, "a bug in the provider");
            if self.faults.start_fails {
                return Err(ProviderError::Binary("hegemon-node: no such file".to_owned()));
            }
            Ok(self.run(&node.name).await)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        async move {
            if self.faults.noop_restart { self.state(name).await } else { Ok(self.end(name)) }
        }
        .boxed()
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        async move {
            if self.faults.kill_asks { self.stop(name).await } else { Ok(self.killed(name)) }
        }
        .boxed()
    }

    fn capabilities(&self) -> Vec<Capability> {
        use Capability as C;
        let mut can = vec![C::Restart, C::Pause, C::Lines, C::BadLines, C::State, C::Changes];
        can.extend([C::LimitMemory, C::LimitCpu, C::LimitFiles, C::Occupy, C::Names]);
        can.extend((!self.faults.cannot_kill).then_some(C::Kill));
        can
    }

    fn injector(&self) -> &dyn Injector {
        self
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async move {
            self.belongings().change(name, changes);
            self.world.is_ahead(name, self.belongings().ahead_ms(name));
            if let (true, NodeState::Running(incarnation)) =
                (self.faults.noop_restart, self.state(name).await?)
            {
                return Ok(incarnation);
            }
            if let (true, Some(incarnation)) =
                (self.faults.noop_start, self.lock().get(name).and_then(|node| node.first.clone()))
            {
                return Ok(incarnation);
            }
            Ok(self.run(name).await)
        }
        .boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        let fails =
            self.faults.blinks && (3..6).contains(&self.looks.fetch_add(1, Ordering::Relaxed));
        let looks = self.belongings().look(name);
        let disturbed = self
            .faults
            .disturbed
            .is_some_and(|(node, times)| node == name && (3..3 + times).contains(&looks));
        let state = self.lock().get(name).map(|node| node.state.clone()).filter(|_| !fails);
        let began = *self.first_look.get_or_init(Instant::now);
        let at_work = self.faults.engine_at_work.filter(|(whom, _)| [name, "*"].contains(whom));
        async move {
            if let Some((_, time)) = at_work {
                tokio::time::sleep_until(began + time).await;
            }
            if disturbed {
                let what = format!("somebody removed the container of {name}");
                return Err(ProviderError::Disturbed(what));
            }
            state.ok_or_else(|| ProviderError::Failed {
                what: "looking".to_owned(),
                why: "no state".to_owned(),
            })
        }
        .boxed()
    }

    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        let runs = self.world.is_running(name);
        let cpu_ms = self.cpu_ms(name);
        let memory = self.faults.memory.filter(|_| runs || self.is_frozen(name));
        let used = memory.map(|memory_bytes| Resources { memory_bytes, cpu_ms });
        async move { Ok(used) }.boxed()
    }

    fn exhausted(&self) -> Option<String> {
        let started = !self.lock().is_empty();
        self.faults.exhausted.filter(|_| started).map(str::to_owned)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        let rpc = self.lock().get(name).and_then(|node| node.rpc);
        async move {
            rpc.ok_or_else(|| ProviderError::Failed {
                what: "looking".to_owned(),
                why: "not running".to_owned(),
            })
        }
        .boxed()
    }

    fn dialler(&self) -> Arc<dyn Dial> {
        self.faults
            .dials_fail
            .map_or_else(|| Arc::new(Direct) as _, |errno| Arc::new(NoDials(errno)) as _)
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.receiver.lock().unwrap().take()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        async {
            // It takes a while, in which nobody may ask the nodes any more.
            tokio::time::sleep(Duration::from_millis(700)).await;
            let lines = self.lines.lock().unwrap().take();
            if let Some(lines) = lines.clone().filter(|_| self.faults.logs_forever) {
                never_ends(lines);
            }
            if let (Some(lines), Some((node, text))) = (lines, self.faults.last_words) {
                let bytes = format!("{text}\n").into_bytes();
                lines.send(LogLine { node: node.to_owned(), bytes }).await.unwrap();
            }
            self.torn_down.store(true, Ordering::Relaxed);
            if !self.faults.keeps {
                self.lock().clear();
            }
            if self.faults.stuck {
                std::future::pending::<()>().await;
            }
            if self.faults.leaks {
                return Err(ProviderError::Failed {
                    what: "removing a network".to_owned(),
                    why: "in use".to_owned(),
                });
            }
            Ok(())
        }
        .boxed()
    }
}

/// Gets to nobody.
struct NoDials(i32);

impl Dial for NoDials {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        async { Err(io::Error::from_raw_os_error(self.0)) }.boxed()
    }
}

fn never_ends(lines: mpsc::Sender<LogLine>) {
    tokio::spawn(async move {
        let line = || LogLine { node: "node-2".to_owned(), bytes: b"and on\n".to_vec() };
        while lines.send(line()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}
