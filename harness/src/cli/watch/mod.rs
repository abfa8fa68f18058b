//! `watch`: a run in progress or a network that stays, on the whole screen. A run's events are read from its file and
//! nothing is done to it; nodes of a network that stays are asked here, and can be acted on, each act with what was seen
//! of it.
//!
//! `keys` is what a key means, `view` what is drawn, `source` where events come from, `hand` what is done to nodes.

mod hand;
mod keys;
mod source;
mod view;

use std::{fs, io, io::IsTerminal, path::PathBuf, sync::Arc, thread, time::Duration};

use harness_core::{exit::ExitCode, live::Live, record::PlanRecord, tone::Tone};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as Input},
};
use tokio::{sync::mpsc, time::Instant};

use self::{
    hand::Hand,
    source::{LINES, Told, tail},
    view::{Reach, View},
};
use super::{args::WatchArgs, ask::within_reach, output, ps};
use crate::{
    lease::{RunOnHost, State},
    provider::docker::Leftovers,
    run::{clock::RunClock, interrupt::Interrupt},
};

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(250);

/// Between two looks at a log.
const LOG: Duration = Duration::from_secs(1);

/// Events that wait to be shown.
const QUEUE: usize = 1024;

pub(super) async fn run(args: &WatchArgs, interrupt: Interrupt) -> ExitCode {
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        output::error("this needs a terminal; `harness ps`, `rpc` and `logs --follow` do without");
        return ExitCode::Usage;
    }
    let (run, engine) = match find(args.run.as_deref()).await {
        Ok(found) => found,
        Err((code, why)) => {
            output::error(&why);
            return code;
        }
    };
    let watched = match Watched::new(run, engine) {
        Ok(watched) => watched,
        Err(why) => {
            output::error(&why);
            return ExitCode::Environment;
        }
    };
    let mut terminal = match ratatui::try_init() {
        Ok(terminal) => terminal,
        Err(why) => {
            // It may have got half-way.
            ratatui::restore();
            output::error(&format!("the terminal cannot be drawn on: {why}"));
            return ExitCode::Environment;
        }
    };
    let ended = watched.show(&mut terminal, interrupt).await;
    ratatui::restore();
    match ended {
        Ok(()) => ExitCode::Pass,
        Err(why) => {
            output::error(&format!("what is watched cannot be read or shown any more: {why}"));
            ExitCode::Environment
        }
    }
}

/// The run that was named, or the only one there is that has nodes.
async fn find(named: Option<&str>) -> Result<(RunOnHost, Option<Leftovers>), (ExitCode, String)> {
    let (survey, engine) =
        ps::look().await.map_err(|why| (ExitCode::Environment, why.to_string()))?;
    let alive =
        |run: &RunOnHost| matches!(run.state, State::Running | State::Kept) && run.entry.is_some();
    let mut runs: Vec<RunOnHost> = survey.runs.into_iter().filter(alive).collect();
    let names: Vec<String> = runs.iter().map(|run| run.run.clone()).collect();
    runs.retain(|run| named.is_none_or(|named| named == run.run));
    match (runs.pop(), runs.is_empty()) {
        (Some(run), true) => Ok((run, engine)),
        (Some(_), false) => Err((
            ExitCode::Usage,
            format!("several runs are on this host: {}; name one", names.join(", ")),
        )),
        (None, _) if names.is_empty() => Err((
            ExitCode::Usage,
            "no run is in progress or kept on this host; `harness up` starts a network, `harness ps` shows all runs".to_owned(),
        )),
        (None, _) => Err((
            ExitCode::Usage,
            format!("no such run; there is {}", names.join(", ")),
        )),
    }
}

/// What is looked at.
struct Watched {
    run: RunOnHost,
    dir: PathBuf,
    engine: Option<Leftovers>,
    live: Live,
}

impl Watched {
    fn new(run: RunOnHost, engine: Option<Leftovers>) -> Result<Self, String> {
        let dir = run.dir.clone().ok_or_else(|| "its directory is not known".to_owned())?;
        let plan = dir.join("plan.json");
        let record = fs::read(&plan).map_err(|why| why.to_string()).and_then(|bytes| {
            serde_json::from_slice::<PlanRecord>(&bytes).map_err(|why| why.to_string())
        });
        let record = record.map_err(|why| {
            format!("{}: {why}; a run that has just begun has none yet", plan.display())
        })?;
        Ok(Self { live: Live::new(&record.plan), run, dir, engine })
    }

    fn view(&self) -> View {
        let (reach, word) = match self.run.state {
            State::Kept => (Reach::Kept, "kept"),
            State::Running | State::Dead | State::Elsewhere | State::Unknown => {
                (Reach::InProgress, "in progress")
            }
        };
        let name = |it: &Option<String>| it.clone().unwrap_or_else(|| "?".to_owned());
        let nodes = self.live.network.nodes().len();
        let title = format!(
            "{} · run {} · {word} · {} · {nodes} nodes",
            name(&self.run.scenario),
            self.run.run,
            name(&self.run.provider)
        );
        View::new(title, self.live.clone(), reach, output::colour())
    }

    /// Until somebody leaves.
    async fn show(&self, terminal: &mut DefaultTerminal, interrupt: Interrupt) -> io::Result<()> {
        let clock = Arc::new(RunClock::start());
        let (tell, mut told) = mpsc::channel(QUEUE);
        let (done, mut proofs) = mpsc::channel(QUEUE);
        let hands = self.begin(&clock, &tell);
        let mut inputs = inputs();
        let mut view = self.view();
        let (mut heard, mut logged) = (clock.now(), None::<Instant>);
        let mut frames = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                // Who asks us to stop is heard first.
                biased;
                _ = interrupt.raised() => return Ok(()),
                input = inputs.recv() => match input {
                    Some(Input::Key(key)) => match keys::command(key) {
                        Some(keys::Command::Leave) => return Ok(()),
                        Some(command) => {
                            logged = None;
                            if let Some((act, node)) = view.obey(command) {
                                begin(&hands, act, node, &done, &mut view);
                            }
                        }
                        None => continue,
                    },
                    Some(Input::Resize(..)) => {}
                    Some(_) => continue,
                    None => return Ok(()),
                },
                Some((tone, words)) = proofs.recv() => view.say(tone, words),
                Some(it) = told.recv() => {
                    match it {
                        Told::Event(event) => view.live.record(&event),
                        Told::Lost(why) => return Err(why),
                    }
                    heard = clock.now();
                    continue;
                }
                _ = frames.tick() => {}
            }
            if logged.is_none_or(|at| at.elapsed() >= LOG) {
                logged = Some(Instant::now());
                self.look_at_log(&hands, &mut view).await;
            }
            let now = view.live.now + clock.now().since(heard);
            terminal.draw(|frame| view.draw(now, frame))?;
        }
    }

    /// Events come from here on; hands on the nodes, where they can be had.
    fn begin(&self, clock: &Arc<RunClock>, tell: &mpsc::Sender<Told>) -> Vec<Hand> {
        if self.run.state != State::Kept {
            tokio::spawn(source::follow(self.dir.join("events.jsonl"), tell.clone()));
            return Vec::new();
        }
        let hand = |node| {
            let rpc = within_reach(&self.run, node);
            Hand::new(&self.run, node, rpc, self.engine.as_ref(), clock)
        };
        let hands: Vec<Hand> = self.run.nodes.iter().filter_map(hand).collect();
        for hand in &hands {
            tokio::spawn(source::ask(hand.clone(), Arc::clone(clock), tell.clone()));
        }
        hands
    }

    async fn look_at_log(&self, hands: &[Hand], view: &mut View) {
        let Some(name) = view.chosen().map(|node| node.name.clone()) else { return };
        let hand = hands.iter().find(|hand| hand.name() == name);
        let of_container = match (hand, &self.engine) {
            (Some(hand), Some(engine)) if hand.is_container() => {
                let Some(log) = hand.container_log(engine, LINES).await else { return };
                Some(log)
            }
            (Some(_) | None, _) => None,
        };
        let kept = self.dir.join("scratch/nodes").join(&name).join("node.log");
        let recorded = self.dir.join("logs").join(format!("{name}.log"));
        let path = if self.run.state == State::Kept && kept.exists() { kept } else { recorded };
        view.logged(&name, of_container.unwrap_or_else(|| tail(&path)));
    }
}

/// Does it beside the screen, which says what comes of it.
fn begin(
    hands: &[Hand],
    act: keys::Act,
    node: harness_core::live::Node,
    done: &mpsc::Sender<(Tone, String)>,
    view: &mut View,
) {
    let Some(hand) = hands.iter().find(|hand| hand.name() == node.name).cloned() else {
        view.say(
            Tone::Bad,
            format!("nothing is known of {} by which it could be acted on", node.name),
        );
        return;
    };
    let done = done.clone();
    tokio::spawn(async move {
        let word = act.word(&node);
        let said = match hand.act(act, &node).await {
            Ok(proof) => (Tone::Good, format!("✓ {word} {}: {proof}", node.name)),
            Err(why) => (Tone::Bad, format!("✗ {word} {}: {why}", node.name)),
        };
        let _ = done.send(said).await;
    });
}

/// What is typed, and changes of the window. Read by a thread of its own, which ends with the program.
fn inputs() -> mpsc::Receiver<Input> {
    let (send, inputs) = mpsc::channel(64);
    thread::spawn(move || {
        while let Ok(input) = event::read() {
            if send.blocking_send(input).is_err() {
                return;
            }
        }
    });
    inputs
}
