//! `scenario`: checks all of them before the first is started, then runs one after another.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use harness_core::{
    event::{EventKind, Sink},
    exit::ExitCode,
    node::NodeSource,
    scenario::{Overrides, Plan},
    verdict::Verdict,
};
use harness_run::{
    evidence::{self, Jsonl, RunDir},
    executor::{self, AtEnd, Measure, Run},
    http::Http,
    interrupt::Interrupt,
    journal::Journal,
};

use super::{
    args::{NetworkArg, ProviderChoice, ScenarioArgs, ShowArgs},
    github, output, profile,
    provider::{Chosen, choose},
};
use crate::{
    cli::{
        environment::{environment, registry},
        terminal::{Reporter, Terminal},
    },
    lease::{Guard, watchdog::LIMIT},
    library::{Library, Scenario},
    provider::{ProviderError, ProviderOptions, own_program},
};

pub(super) async fn run(args: &ScenarioArgs, interrupt: Interrupt) -> ExitCode {
    let Some(plans) = plans(args) else {
        return ExitCode::Usage;
    };
    let for_people = args.show.is_for_people();
    if for_people {
        github::begin();
    }
    let (mut codes, mut only) = (Vec::new(), None);
    let several = plans.len() > 1;
    let mut plans = plans.into_iter().peekable();
    while let Some(plan) = plans.next() {
        let (name, began) = (plan.scenario.clone(), Instant::now());
        let code = match run_unsaid(args, plan, interrupt.clone(), Vec::new()).await {
            Ok(ran) => {
                ran.say();
                let exit = ran.verdict.exit;
                only = Some(ran.dir);
                exit
            }
            Err(why) => {
                output::error(&format!("{name}: {why:#}"));
                ExitCode::Environment
            }
        };
        codes.push((name, code, Some(began.elapsed())));
        // A run that was over when it came keeps the verdict that its file has; what is left does
        // not run, so the whole is no pass.
        if let (Some(signal), Some(_)) = (interrupt.signal(), plans.peek()) {
            codes.push(("interrupted".to_owned(), ExitCode::Interrupted(signal), None));
            break;
        }
    }
    if several {
        args.show.result(&table(&codes));
    }
    let code = ExitCode::over(codes.into_iter().map(|(_, code, _)| code));
    if for_people {
        github::end(code, only.as_ref().filter(|_| !several));
    }
    code
}

/// What each scenario came to, and how long it took.
fn table(codes: &[(String, ExitCode, Option<Duration>)]) -> String {
    let width = codes.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let line = |(name, code, took): &(String, ExitCode, Option<Duration>)| {
        let took = took.map_or_else(String::new, |took| format!("  {:>6.1} s", took.as_secs_f64()));
        format!("{:>3}  {name:width$}{took}", code.code())
    };
    let lines: Vec<String> = codes.iter().map(line).collect();
    let passed = codes.iter().filter(|(_, code, _)| *code == ExitCode::Pass).count();
    format!("\nexit codes ({passed} of {} passed):\n{}", codes.len(), lines.join("\n"))
}

/// All plans, or nothing: then everything that is wrong with any of them was said.
fn plans(args: &ScenarioArgs) -> Option<Vec<Plan>> {
    if args.provider == ProviderChoice::Process && args.node.node_image.is_some() {
        output::error(
            "an image cannot be run as a process: --node-image goes with --provider docker, --node-bin with either",
        );
        return None;
    }
    let source = args.node.source().unwrap_or(NodeSource::Workspace);
    let profile = profile::asked(&args.node)?;
    let overrides = Overrides {
        nodes: args.nodes,
        source,
        timeout_factor: args.timeout_factor,
        seed: args.seed.unwrap_or_else(evidence::draw_seed),
        profile,
        attached: None,
    };
    let library = args.library.library();
    let plans: Vec<Option<Plan>> = asked(args, &library)?
        .iter()
        .map(|argument| match library.find(argument) {
            Ok(scenario) => plan(&scenario, &overrides),
            Err(why) => {
                output::error(&why.to_string());
                None
            }
        })
        .collect();
    let mut plans = plans.into_iter().collect::<Option<Vec<Plan>>>()?;
    if let Some(tag) = &args.tag {
        plans.retain(|plan| plan.tags.contains(tag));
        if plans.is_empty() {
            output::error(&format!("no scenario has the tag `{tag}`; `harness list` shows tags"));
            return None;
        }
    }
    if is_everything(args) {
        leave_out(args, &mut plans);
        plans.sort_by_key(|plan| plan.takes.unwrap_or(USUAL));
    }
    Some(plans)
}

/// With this tag, a scenario is about two builds of a node.
const TWO_BUILDS: &str = "two-builds";

/// With this tag, it is for nodes that run already, whose windows are long.
const ATTACH: &str = "attach";

/// What `all` cannot mean: with one build of a node, an upgrade to another one has no proof; and what is
/// looked for in a network that runs says nothing new of one that was just started.
fn leave_out(args: &ScenarioArgs, plans: &mut Vec<Plan>) {
    plans.retain(|plan| {
        let has = |word| plan.tags.iter().any(|tag| tag == word);
        let why = if has(TWO_BUILDS) && args.node.source().is_none() {
            "it needs --node-bin or --node-image of another build"
        } else if has(ATTACH) && args.tag.as_deref() != Some(ATTACH) {
            "it is for nodes that run already (harness attach)"
        } else {
            return true;
        };
        output::note(&format!("{}: left out, {why}", plan.scenario));
        false
    });
}

/// How long a scenario is that does not say it.
pub(super) const USUAL: Duration = Duration::from_secs(60);

/// By this word all shipped scenarios are meant.
const ALL: &str = "all";

fn is_everything(args: &ScenarioArgs) -> bool {
    args.scenarios.is_empty() || args.scenarios == [Path::new(ALL)]
}

/// What was named, or everything that is shipped.
fn asked(args: &ScenarioArgs, library: &Library) -> Option<Vec<PathBuf>> {
    if !is_everything(args) {
        return Some(args.scenarios.clone());
    }
    match library.all() {
        Ok(all) => Some(all.into_keys().map(PathBuf::from).collect()),
        Err(why) => {
            output::error(&why.to_string());
            None
        }
    }
}

/// Who stands in a folder with scenarios may have meant another one of that name.
pub(super) fn say_if_it_hides_another(scenario: &Scenario) {
    if scenario.hides_another() {
        output::note(&format!("{scenario}: taken instead of the built-in one"));
    }
}

fn plan(scenario: &Scenario, overrides: &Overrides) -> Option<Plan> {
    let (plan, problems) = scenario.load(overrides);
    say_if_it_hides_another(scenario);
    if !problems.is_empty() {
        output::note(&problems.to_string());
    }
    if plan.is_none() {
        output::note(&format!(
            "{scenario}: refused, {} error(s); nothing was started",
            problems.errors()
        ));
    }
    plan
}

/// One run; `listeners` get its events too.
pub(super) async fn run_one(
    args: &ScenarioArgs,
    plan: Plan,
    interrupt: Interrupt,
    listeners: Vec<Box<dyn Sink>>,
) -> anyhow::Result<ExitCode> {
    let for_people = args.show.is_for_people();
    if for_people {
        github::begin();
    }
    let ran = run_unsaid(args, plan, interrupt, listeners).await;
    if let Ok(ran) = &ran {
        ran.say();
    }
    let code = ran.as_ref().map_or(ExitCode::Environment, |ran| ran.verdict.exit);
    if for_people {
        github::end(code, ran.as_ref().ok().map(|ran| &ran.dir));
    }
    ran.map(|_| code)
}

/// A run that is over, and of which nothing was said yet but what went on.
pub(super) struct Ran {
    pub(super) verdict: Verdict,
    pub(super) kept: Option<Kept>,
    pub(super) dir: RunDir,
    show: ShowArgs,
    handed_over: bool,
}

impl Ran {
    fn say(&self) {
        self.show.result(&self.text());
        if let Some(kept) = &self.kept {
            self.show.result(&kept.to_string());
        }
        self.say_what_is_left();
        if self.show.is_for_people() {
            github::tell(&self.verdict, &self.dir);
        }
    }

    /// Its verdict, for people.
    pub(super) fn text(&self) -> String {
        let again = format!("harness rerun {}", output::place(self.dir.path()).display());
        output::verdict(&self.verdict, &self.dir, Some(&again))
    }

    pub(super) fn say_what_is_left(&self) {
        if self.handed_over {
            output::note(&format!(
                "what is left, if anything, is the run's watchdog's now, which goes on until it has got nowhere for {} s; `harness ps` shows what is left, `harness gc {}` removes it",
                LIMIT.as_secs(),
                self.dir.run_id()
            ));
        }
    }
}

/// The same, and nothing is said of its end.
pub(super) async fn run_unsaid(
    args: &ScenarioArgs,
    plan: Plan,
    interrupt: Interrupt,
    listeners: Vec<Box<dyn Sink>>,
) -> anyhow::Result<Ran> {
    use anyhow::Context;

    let dir = RunDir::create(&args.out, &plan.scenario)
        .with_context(|| {
            format!("no directory for the evidence can be made in {}", args.out.display())
        })?
        .asked(args.asked());
    let guard = Guard::take(&registry(), &environment(), &dir, &plan.scenario, args.keep).context(
        "the run cannot be written down and watched, so nothing could be cleaned up after it",
    )?;
    let finished = finish(args, plan, interrupt, listeners, &dir, &guard).await;
    if finished.is_err() {
        guard.nothing_was_made(&dir);
    }
    let handed_over = guard.end();
    let Finished { verdict, reporter, kept } = finished?;
    // The run's last lines come before its verdict; a terminal that hangs holds up neither the
    // clean-up nor for long the end.
    reporter.end().await;
    Ok(Ran { verdict, kept, dir, show: args.show, handed_over })
}

/// A run that is over, and nothing of it is held any more.
struct Finished {
    verdict: Verdict,
    reporter: Reporter,
    kept: Option<Kept>,
}

/// An error means that nothing was made. The provider is gone afterwards: one that is dropped may
/// still have something to remove.
async fn finish(
    args: &ScenarioArgs,
    plan: Plan,
    interrupt: Interrupt,
    listeners: Vec<Box<dyn Sink>>,
    dir: &RunDir,
    guard: &Guard,
) -> anyhow::Result<Finished> {
    use anyhow::Context;

    let jsonl = Jsonl::create(&dir.events())
        .with_context(|| format!("{} cannot be made", dir.events().display()))?;
    let program = own_program().context("the system does not say which program this is")?;
    let options = ProviderOptions {
        run_id: dir.run_id().to_owned(),
        scratch: dir.scratch()?,
        profile: plan.overrides.profile.as_deref().cloned().map(Arc::new),
        keep: args.keep,
        network: NetworkArg::choice(args.node.network),
        build: args.node.build(),
        program: program.clone(),
    };
    let (terminal, reporter) = Terminal::spawn(&plan, args.show.shown());
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(jsonl), Box::new(terminal), guard.sink()];
    sinks.extend(listeners);
    let journal = Arc::new(Journal::begin(dir, &plan, sinks));

    let nodes = plan.network();
    let say = |step| {
        journal.emit(EventKind::Preparing { step });
    };
    let chosen = match choose(args.provider, &plan, options, say).await {
        Ok(chosen) => chosen,
        Err(error) => {
            return Ok(Finished {
                verdict: no_provider(&error, &plan, &journal, dir, &interrupt),
                reporter,
                kept: None,
            });
        }
    };
    guard.provider(chosen.provider().as_ref())?;
    let run = Run {
        plan,
        provider: chosen.provider(),
        connect: Arc::new(Http::through(chosen.provider().dialler())),
        journal,
        dir: dir.clone(),
        at_end: if args.keep { AtEnd::Keep } else { AtEnd::Remove },
        measure: if args.measure { Measure::All } else { Measure::Asked },
        interrupt,
        program,
    };
    let verdict = run.execute().await;
    let kept = if args.keep { Some(kept(&chosen, &nodes, dir.run_id()).await) } else { None };
    Ok(Finished { verdict, reporter, kept })
}

/// A run that ended before it had a place for its nodes.
pub(crate) fn no_provider(
    error: &ProviderError,
    plan: &Plan,
    journal: &Journal,
    dir: &RunDir,
    interrupt: &Interrupt,
) -> Verdict {
    let unsupported = matches!(error, ProviderError::Unsupported(_));
    journal.emit(EventKind::EnvironmentFailed { reason: error.to_string(), unsupported });
    if let Err(why) = dir.write_plan(plan, Vec::new(), &serde_json::Value::Null) {
        journal.emit(EventKind::EnvironmentFailed {
            reason: format!("the plan cannot be written to {}: {why}", dir.path().display()),
            unsupported: false,
        });
    }
    journal.emit(EventKind::TornDown { left: dir.remove_scratch() });
    executor::conclude(journal, dir, interrupt)
}

async fn kept(chosen: &Chosen, nodes: &[String], run: &str) -> Kept {
    let provider = chosen.provider();
    let mut reached = Vec::new();
    for node in nodes {
        reached.push((node.clone(), provider.rpc(node).await.ok()));
    }
    Kept { run: run.to_owned(), nodes: reached, way_in: chosen.way_in(), hint: chosen.keep_hint() }
}

/// How to reach and remove what was to stay.
pub(super) struct Kept {
    pub(super) run: String,
    /// Where each node's JSON-RPC is, if it runs.
    pub(super) nodes: Vec<(String, Option<SocketAddr>)>,
    pub(super) way_in: Option<String>,
    hint: String,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nkept: these nodes still run")?;
        for (node, address) in &self.nodes {
            match address {
                Some(address) => writeln!(f, "  {node}  http://{address}")?,
                None => writeln!(f, "  {node}  is not running")?,
            }
        }
        if let Some(way_in) = &self.way_in {
            writeln!(f, "on a network of their own, which is entered with\n  {way_in} sh")?;
        }
        write!(
            f,
            "remove them with\n  harness gc {}\nor, without the harness, with\n  {}",
            self.run, self.hint
        )
    }
}
