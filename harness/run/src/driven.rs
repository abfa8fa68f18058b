//! The way of a run whose phases come from a program, one by one, while the network is there. Each goes as
//! if it had stood in the scenario, and stands there from then on: the evidence is that of any run.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use harness_core::{
    event::{EventKind, Miss},
    fault::Timeline,
    needs::{self, Profiles},
    scenario::Plan,
    stepwise::{Phase, Stepwise},
    verdict::{RunVerdict, Verdict},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    course::Course,
    door::Door,
    executor::{Place, Run, Way},
    logs::Logs,
    phase::Phases,
    testbed::Testbed,
    watch,
};
use crate::provider::ProviderError;

/// One phase that a program asks for.
pub struct Step {
    /// With its faults and checks.
    pub phase: Phase,
    /// Hears what it came to.
    pub done: oneshot::Sender<Came>,
}

/// What a step came to.
pub enum Came {
    /// All its faults are proven and its checks hold.
    Good,
    /// It cannot be: nothing was done.
    Refused(String),
    /// It failed, or one before it.
    Bad(RunVerdict, String),
}

/// Something that a program wants to know of a node: no part of the evidence.
pub struct Question {
    /// Its name.
    pub node: String,
    /// Of its JSON-RPC.
    pub method: String,
    /// By position.
    pub params: Vec<Value>,
    /// Hears what it says, or why there is no answer.
    pub answer: oneshot::Sender<Result<Value, Miss>>,
}

/// The program's side.
pub struct Program {
    /// What is known of it at its beginning.
    pub scenario: Stepwise,
    /// Hears where every node's RPC is, once all have answered; or why they have not.
    pub ready: oneshot::Sender<Result<BTreeMap<String, String>, (RunVerdict, String)>>,
    /// What is to be done, in order.
    pub steps: mpsc::Receiver<Step>,
    /// What is asked meanwhile.
    pub questions: mpsc::Receiver<Question>,
    /// It wants no more of the network, whatever goes on there.
    pub over: CancellationToken,
    /// It has panicked; cancelled before `over` is.
    pub panicked: CancellationToken,
}

impl Run {
    /// Goes on until the program has enough of it, or something ends the run. Returns when nothing is left,
    /// and the verdict is on disk.
    pub async fn driven(self, program: Program) -> Verdict {
        self.along(async move |run: &Self, place: &Place<'_>| run.led(place, program).await).await
    }

    async fn led(&self, place: &Place<'_>, program: Program) -> Way {
        let (over, panicked) = (program.over.clone(), program.panicked.clone());
        let bed = tokio::select! {
            biased;
            () = over.cancelled() => return Way::Through,
            bed = self.set_up(place.background, place.logs, place.bed) => match bed {
                Ok(bed) => bed,
                Err(way) => return way,
            },
        };
        let went = tokio::select! {
            biased;
            () = over.cancelled() => Ok(()),
            went = self.steps(place, &bed, program) => went,
        };
        if panicked.is_cancelled() {
            let reason = "the program panicked that this network was for".to_owned();
            self.journal.emit(EventKind::EnvironmentFailed { reason, unsupported: false });
        }
        // Whoever was not given the time of its kind for a first answer is not to blame for none.
        let all_answered = bed.names.iter().all(|name| watch::has_answered(name, &bed));
        match went {
            Ok(()) if !all_answered => Way::Through,
            Ok(()) => self.last_look(&self.course(&self.plan, &bed, place.logs)).await,
            Err(way) => way,
        }
    }

    /// The first phase, then what the program asks for.
    async fn steps(
        &self,
        place: &Place<'_>,
        bed: &Arc<Testbed>,
        program: Program,
    ) -> Result<(), Way> {
        let Program { mut scenario, ready, mut steps, questions, .. } = program;
        let doors = doors(bed).await.map_err(Way::ProviderFailed)?;
        let urls = doors.iter().map(|(node, door)| (node.clone(), door.url())).collect();
        let faults = scenario.plan().timeline();
        let (went, mut faults) = self.last_phase(scenario.plan(), bed, place.logs, faults).await?;
        if went.is_break() {
            // Whoever asked may have gone.
            let _ = ready.send(Err(self.bad()));
            return Ok(());
        }
        place.background.spawn(answer(Arc::clone(bed), questions));
        let _ = ready.send(Ok(urls));
        while let Some(Step { phase, done }) = steps.recv().await {
            if !self.journal.is_good_so_far() {
                let (verdict, why) = self.bad();
                let _ = done.send(Came::Bad(verdict, why));
                continue;
            }
            scenario = match self.grown(&scenario, phase, bed) {
                Ok(grown) => grown,
                Err(why) => {
                    let _ = done.send(Came::Refused(why));
                    continue;
                }
            };
            let plan = scenario.plan();
            // On disk first: what is recorded from here on is of this plan.
            self.dir
                .write_plan(plan, bed.launches(), &self.provider.facts())
                .map_err(Way::EvidenceFailed)?;
            self.journal.grow(plan.clone());
            faults.then(plan.phases.last().map_or_else(Vec::new, |phase| phase.planned()));
            let went;
            (went, faults) = self.last_phase(plan, bed, place.logs, faults).await?;
            let came = match went {
                ControlFlow::Continue(()) => Came::Good,
                ControlFlow::Break(()) => {
                    let (verdict, why) = self.bad();
                    Came::Bad(verdict, why)
                }
            };
            let _ = done.send(came);
        }
        Ok(())
    }

    /// With one more phase, if there can be such a phase here.
    fn grown(&self, scenario: &Stepwise, phase: Phase, bed: &Testbed) -> Result<Stepwise, String> {
        let grown = scenario.then(phase)?;
        let profile = |name: &String| Some((name.clone(), Arc::clone(bed.profile(name)?)));
        let profiles: Profiles = bed.names.iter().filter_map(profile).collect();
        match self.lack(grown.plan()).or_else(|| needs::impossible(grown.plan(), &profiles)) {
            Some(why) => Err(why),
            None => Ok(grown),
        }
    }

    async fn last_phase(
        &self,
        plan: &Plan,
        bed: &Testbed,
        logs: &Logs,
        faults: Timeline,
    ) -> Result<(ControlFlow<()>, Timeline), Way> {
        let mut phases = Phases::after(bed, logs, plan, faults);
        let last = plan.phases.len() - 1;
        let went = self.course(plan, bed, logs).phase(&mut phases, last).await;
        Ok((went.map_err(Way::ProviderFailed)?, phases.faults()))
    }

    fn course<'a>(&self, plan: &'a Plan, bed: &'a Testbed, logs: &'a Logs) -> Course<'a> {
        Course { plan, bed, logs, patience: self.timeout_factor() }
    }

    fn bad(&self) -> (RunVerdict, String) {
        let verdict = self.journal.verdict();
        (verdict.verdict, verdict.reason.unwrap_or_default())
    }
}

/// Ports of this machine's loopback, which stay the same whatever becomes of the nodes behind them.
async fn doors(bed: &Testbed) -> Result<Vec<(String, Door)>, ProviderError> {
    let mut doors = Vec::new();
    for node in &bed.names {
        // Nobody is judged by what comes through here: a connection that fails is the caller's own error.
        let (unheard, _) = mpsc::channel(1);
        let door = Door::to(bed, node, unheard).await;
        let what = || format!("listening on loopback for whoever asks {node}");
        doors.push((node.clone(), door.map_err(|why| ProviderError::failed(what(), why))?));
    }
    Ok(doors)
}

/// Asks nodes what the program wants to know, beside whatever goes on.
async fn answer(bed: Arc<Testbed>, mut questions: mpsc::Receiver<Question>) {
    let mut open = JoinSet::new();
    while let Some(Question { node, method, params, answer }) = questions.recv().await {
        let link = bed.link(&node).and_then(|link| link.borrow().clone());
        open.spawn(async move {
            let answered = match link {
                Some(link) => link.rpc.call(&method, &params).await,
                None => Err(Miss::Unreachable("it was never started".to_owned())),
            };
            let _ = answer.send(answered);
        });
        while open.try_join_next().is_some() {}
    }
}
