//! `selftest`: every check and every fault is made to fail for its own reason, on real nodes. A
//! check that cannot fail proves nothing. What they are, and what must come of them, is in
//! `harness_core::selftest`; here is the way from a list of controls to a list of outcomes: each is a
//! run of its own, with its own network and evidence; some at once.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use harness_core::{
    exit::{ExitCode, Signal},
    profile::NodeProfile,
    scenario::{Overrides, Plan},
    selftest::{judge, list::Case},
    verdict::{RunVerdict, Verdict},
};
use harness_run::{
    disturbed::Disturbed,
    evidence::{Jsonl, RunDir, verify},
    executor::{AtEnd, Measure, Run},
    http::Http,
    interrupt::Interrupt,
    journal::Journal,
};

use crate::{
    lease::Guard,
    library::load,
    provider::{NetworkChoice, Provider, ProviderError, ProviderOptions, own_program},
};

/// Of a hundred controls on a busy machine one or two were too slow; more of them are a fault.
const MOST_AGAIN: usize = 3;

/// Of so many controls one may be undecided beside others: of 109 on a machine half as fast it was five, and each said that
/// nodes were asked too rarely. If it is more, it is not the load.
const UNDECIDED_IN: usize = 4;

/// What all controls have in common.
pub struct Bench<'a, F, G> {
    /// Makes the provider of one run.
    pub provider: F,
    /// What holds one run, by its scenario's name.
    pub guard: G,
    /// What nodes run, and how patient runs are.
    pub overrides: &'a Overrides,
    /// Where run directories go.
    pub out: &'a Path,
    /// Controls at once.
    pub jobs: usize,
    /// Raised by a signal.
    pub interrupt: &'a Interrupt,
}

/// What came of one control.
#[derive(Debug)]
pub struct Outcome {
    /// The control.
    pub case: Case,
    /// What was seen.
    pub result: Seen,
    /// What was seen at first, beside others, if it was tried again alone.
    pub first: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// Its evidence.
    pub evidence: PathBuf,
}

/// What was seen of a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Red for its own reason (or, where nothing is broken, green): what it said.
    AsWanted(String),
    /// Something else.
    Otherwise(String),
    /// It did not pass, and the reason is another one than it should be.
    OtherReason(String),
    /// It came to no decision, which was not the point of it: nodes were asked too rarely.
    Undecided(String),
    /// This provider cannot do what it takes: another one must be asked.
    NotHere(String),
    /// It could not run.
    Environment(String),
    /// A signal ended it.
    Interrupted(Signal),
}

impl Seen {
    /// What it means for the whole.
    pub fn exit(&self) -> ExitCode {
        match self {
            Self::AsWanted(_) | Self::NotHere(_) => ExitCode::Pass,
            Self::Otherwise(_) | Self::OtherReason(_) | Self::Undecided(_) => ExitCode::Fail,
            Self::Environment(_) => ExitCode::Environment,
            Self::Interrupted(signal) => ExitCode::Interrupted(*signal),
        }
    }
}

impl<F, G> Bench<'_, F, G>
where
    F: AsyncFn(ProviderOptions) -> Result<Arc<dyn Provider>, ProviderError>,
    G: Fn(&RunDir, &str) -> io::Result<Guard>,
{
    /// Runs them; `report` hears of each as it ends. In the order of the list.
    ///
    /// One that does not pass, but for another reason than its own, is tried once more, alone: where a hundred wait for
    /// each other's processor time, an answer that must come soon may not. Who passes, or leaves evidence that does not
    /// verify, is wrong, whatever else the machine does.
    ///
    /// # Errors
    ///
    /// If no evidence can be written.
    pub async fn run(&self, cases: &[Case], report: impl Fn(&Outcome)) -> io::Result<Vec<Outcome>> {
        // Backwards: those of faults stand last and wait longest, for answers that must not come.
        let mut outcomes = stream::iter(cases.iter().enumerate().rev())
            .map(|(number, case)| async move { (number, self.one(case).await) })
            .buffer_unordered(self.jobs.max(1))
            .inspect(|(_, outcome)| outcome.iter().for_each(&report))
            .collect::<Vec<_>>()
            .await;
        outcomes.sort_by_key(|(number, _)| *number);
        let mut outcomes =
            outcomes.into_iter().map(|(_, outcome)| outcome).collect::<io::Result<Vec<_>>>()?;
        if self.jobs > 1 && cases.len() > 1 {
            once_more(&mut outcomes, async |case| self.one(case).await, report).await?;
        }
        Ok(outcomes)
    }

    /// What kind of node it is that all of them run.
    fn profile(&self) -> Arc<NodeProfile> {
        self.overrides.profile.as_deref().cloned().map_or_else(NodeProfile::ours, Arc::new)
    }

    async fn one(&self, case: &Case) -> io::Result<Outcome> {
        let began = Instant::now();
        let dir = RunDir::create(self.out, &format!("selftest-{}", slug(&case.name())))?;
        let result = match self.interrupt.signal() {
            Some(signal) => Seen::Interrupted(signal),
            None => self.look(case, &dir).await?,
        };
        let (took, evidence) = (began.elapsed(), dir.path().to_owned());
        Ok(Outcome { case: *case, result, first: None, took, evidence })
    }

    async fn look(&self, case: &Case, dir: &RunDir) -> io::Result<Seen> {
        let file = dir.path().join("scenario.toml");
        fs::write(&file, case.scenario(&self.profile()))?;
        let (plan, problems) = load(&file, self.overrides);
        let Some(plan) = plan else {
            return Ok(Seen::Otherwise(format!("its scenario is refused: {problems}")));
        };
        let guard = (self.guard)(dir, &plan.scenario)?;
        let seen = self.run_guarded(case, plan, dir, &guard).await;
        guard.end();
        seen
    }

    async fn run_guarded(
        &self,
        case: &Case,
        plan: Plan,
        dir: &RunDir,
        guard: &Guard,
    ) -> io::Result<Seen> {
        let program = own_program()?;
        let options = ProviderOptions {
            run_id: dir.run_id().to_owned(),
            scratch: dir.scratch()?,
            profile: self.overrides.profile.as_deref().cloned().map(Arc::new),
            keep: false,
            network: NetworkChoice::Auto,
            build: Default::default(),
            program: program.clone(),
        };
        let provider = match (self.provider)(options).await {
            Ok(provider) => match lacks(provider.as_ref(), &plan) {
                Some(why) => {
                    guard.nothing_was_made(dir);
                    return Ok(Seen::NotHere(why));
                }
                None => provider,
            },
            Err(error) => {
                guard.nothing_was_made(dir);
                return Ok(Seen::Environment(error.to_string()));
            }
        };
        let provider = Arc::new(Disturbed::new(provider, case.control.disturbance));
        guard.provider(provider.as_ref())?;
        let journal = Arc::new(Journal::begin(
            dir,
            &plan,
            vec![Box::new(Jsonl::create(&dir.events())?), guard.sink()],
        ));
        let run = Run {
            plan,
            connect: Arc::new(Http::through(provider.dialler())),
            provider,
            journal,
            dir: dir.clone(),
            at_end: AtEnd::Remove,
            measure: Measure::Asked,
            interrupt: self.interrupt.clone(),
            program,
        };
        Ok(seen(case, dir, run.execute().await))
    }
}

/// What a run of a control says.
fn seen(case: &Case, dir: &RunDir, verdict: Verdict) -> Seen {
    match (verdict.verdict, verdict.exit) {
        (RunVerdict::Interrupted, ExitCode::Interrupted(signal)) => Seen::Interrupted(signal),
        (RunVerdict::Environment, _) => Seen::Environment(verdict.reason.unwrap_or_default()),
        (said, _) => match (verifies(dir), judge(case, &verdict)) {
            (Err(why), _) => Seen::Otherwise(why),
            (Ok(()), Ok(seen)) => Seen::AsWanted(seen),
            (Ok(()), Err(why)) if said == RunVerdict::Pass => Seen::Otherwise(why),
            (Ok(()), Err(why)) if said == RunVerdict::Inconclusive => Seen::Undecided(why),
            (Ok(()), Err(why)) => Seen::OtherReason(why),
        },
    }
}

/// Tries those again whose reason is another one, unless they are more than load explains.
async fn once_more(
    outcomes: &mut [Outcome],
    one: impl AsyncFn(&Case) -> io::Result<Outcome>,
    report: impl Fn(&Outcome),
) -> io::Result<()> {
    let (mut other, mut undecided) = (0, 0);
    for outcome in &*outcomes {
        other += usize::from(matches!(outcome.result, Seen::OtherReason(_)));
        undecided += usize::from(matches!(outcome.result, Seen::Undecided(_)));
    }
    if other > MOST_AGAIN || undecided > MOST_AGAIN.max(outcomes.len() / UNDECIDED_IN) {
        return Ok(());
    }
    for outcome in outcomes.iter_mut() {
        let (Seen::OtherReason(first) | Seen::Undecided(first)) = &outcome.result else { continue };
        let again = one(&outcome.case).await?;
        *outcome = Outcome { first: Some(first.clone()), ..again };
        report(outcome);
    }
    Ok(())
}

/// What a provider cannot do that a control needs.
fn lacks(provider: &dyn Provider, plan: &Plan) -> Option<String> {
    let can = provider.capabilities();
    let missing = plan.needs().into_iter().find(|need| !can.contains(need))?;
    Some(format!("the provider `{}` cannot {}", provider.name(), missing.words()))
}

/// The evidence of a control is a bundle like any other: what it says must follow from it.
fn verifies(dir: &RunDir) -> Result<(), String> {
    let verified =
        verify(dir.path(), None).map_err(|why| format!("its bundle cannot be read: {why}"))?;
    match verified.problems.first() {
        None if verified.is_whole() => Ok(()),
        None => Err("its bundle is not whole".to_owned()),
        Some(problem) => {
            Err(format!("its bundle does not verify: {}: {}", problem.file, problem.what))
        }
    }
}

/// A name fit for a directory.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use harness_core::selftest::list;

    use super::*;

    fn outcome(result: Seen) -> Outcome {
        let (took, evidence) = (Duration::ZERO, PathBuf::new());
        Outcome { case: list::all()[0], result, first: None, took, evidence }
    }

    /// What was seen and reported, when alone everything is as it must be.
    async fn again(first: Vec<Seen>) -> (Vec<Outcome>, usize) {
        let mut outcomes: Vec<Outcome> = first.into_iter().map(outcome).collect();
        let reported = RefCell::new(0);
        let alone = async |_: &Case| Ok(outcome(Seen::AsWanted("alone".to_owned())));
        let tried = once_more(&mut outcomes, alone, |_| *reported.borrow_mut() += 1).await;
        tried.expect("evidence is written");
        (outcomes, reported.into_inner())
    }

    #[tokio::test]
    async fn another_reason_is_looked_at_once_more_and_says_both() {
        let other = || Seen::OtherReason("late".to_owned());
        let wanted = || Seen::AsWanted("beside".to_owned());
        let (outcomes, reported) = again(vec![wanted(), other(), wanted()]).await;
        assert_eq!(reported, 1);
        let first: Vec<_> = outcomes.iter().map(|it| it.first.as_deref()).collect();
        assert_eq!(first, [None, Some("late"), None]);
        assert_eq!(outcomes[1].result, Seen::AsWanted("alone".to_owned()));
        assert_eq!(outcomes[0].result, wanted());
    }

    /// A pass, a bundle that does not verify, and more than load explains.
    #[tokio::test]
    async fn what_load_does_not_explain_stays_wrong() {
        let wrong = || Seen::Otherwise("it passed".to_owned());
        let (outcomes, reported) = again(vec![wrong()]).await;
        assert_eq!((reported, &outcomes[0].result), (0, &wrong()));
        let many = vec![Seen::OtherReason("late".to_owned()); MOST_AGAIN + 1];
        let (outcomes, reported) = again(many).await;
        assert!(reported == 0 && outcomes.iter().all(|it| it.result.exit() == ExitCode::Fail));
    }

    #[tokio::test]
    async fn a_quarter_may_be_undecided_and_not_more() {
        let of = |undecided: usize| {
            let mut seen = vec![Seen::AsWanted("beside".to_owned()); 40 - undecided];
            seen.resize(40, Seen::Undecided("asked too rarely".to_owned()));
            seen
        };
        let (outcomes, reported) = again(of(10)).await;
        assert_eq!(reported, 10);
        assert!(outcomes.iter().all(|it| it.result.exit() == ExitCode::Pass));
        let (outcomes, reported) = again(of(11)).await;
        assert_eq!(reported, 0);
        assert_eq!(outcomes[39].result.exit(), ExitCode::Fail);
    }
}
