//! `watch`: a run in progress or a network that stays, on the whole screen. A run's events are read from its file and
//! nothing is done to it; nodes of a network that stays are asked here, and can be acted on, each act with what was seen
//! of it.
//!
//! `keys` is what a key means, `view` what is drawn, `source` where events come from, `hand` what is done to nodes.

mod hand;
mod keys;
mod source;
mod view;

use std::{fs, io, io::IsTerminal, panic, path::PathBuf, sync::Arc, thread, time::Duration};

use harness_core::{
    event::Event,
    exit::ExitCode,
    live::{Live, Node},
    record::PlanRecord,
    text::printable,
    tone::Tone,
};
use harness_run::{clock::RunClock, interrupt::Interrupt};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as Input},
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::Instant,
};

use self::{
    hand::{Acted, Answer, Hand},
    source::{LINES, Told, tail},
    view::{Reach, View},
};
use super::{args::WatchArgs, output, ps};
use crate::{
    lease::{RunOnHost, State},
    provider::docker::Leftovers,
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
    let mut acts = JoinSet::new();
    let shown =
        on_the_screen(async |terminal| watched.show(terminal, interrupt, &mut acts).await).await;
    // A node that was stopped to be restarted would stay down. Each act has its own limits, and each node one.
    if !acts.is_empty() {
        output::note("what was begun is finished first");
    }
    while let Some(done) = acts.join_next().await {
        output::note(&printable(&result(done).said.1));
    }
    let (what, why) = match shown {
        Ok(Ok(())) => return ExitCode::Pass,
        Ok(Err(why)) => ("what is watched cannot be read or shown any more", why),
        Err(why) => ("the terminal cannot be drawn on", why),
    };
    output::error(&format!("{what}: {why}"));
    ExitCode::Environment
}

/// The whole screen, as long as this takes; then the terminal is as it was. After a panic too: the library sees to that,
/// before the panic says anything.
async fn on_the_screen<T>(show: impl AsyncFnOnce(&mut DefaultTerminal) -> T) -> io::Result<T> {
    // It may get half-way.
    let mut terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let shown = show(&mut terminal).await;
    ratatui::restore();
    Ok(shown)
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

    fn is_of_containers(&self) -> bool {
        self.run.provider.as_deref() == Some("docker")
    }

    fn view(&self) -> View {
        let (reach, word) = match self.run.state {
            State::Kept if self.is_of_containers() => (Reach::Containers, "kept"),
            State::Kept => (Reach::Processes, "kept"),
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

    /// Until somebody leaves. What is being done to nodes then goes on in `acts`.
    async fn show(
        &self,
        terminal: &mut DefaultTerminal,
        interrupt: Interrupt,
        acts: &mut JoinSet<Done>,
    ) -> io::Result<()> {
        let clock = Arc::new(RunClock::start());
        let (tell, mut told) = mpsc::channel(QUEUE);
        let (hands, mut asking) = self.begin(&clock, &tell);
        let mut inputs = inputs();
        let mut view = self.view();
        let (mut heard, mut logged) = (clock.now(), None::<Instant>);
        let mut frames = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                // Who asks us to stop is heard first.
                biased;
                _ = interrupt.raised() => return Ok(()),
                input = inputs.recv() => match input.transpose()? {
                    Some(Input::Key(key)) => match keys::command(key) {
                        Some(keys::Command::Leave) => return Ok(()),
                        Some(command) => {
                            logged = None;
                            if let Some((act, node)) = view.obey(command) {
                                begin(&hands, (act, node), acts, &mut view);
                            }
                        }
                        None => continue,
                    },
                    Some(Input::Resize(..)) => {}
                    Some(_) => continue,
                    None => return Err(io::Error::other("nobody reads what is typed")),
                },
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
            if let Some(ended) = asking.try_join_next() {
                result(ended);
            }
            while let Some(done) = acts.try_join_next() {
                let Done { begun, said: (tone, words), seen } = result(done);
                view.say_instead(&begun, tone, words);
                seen.iter().for_each(|event| view.live.record(event));
                heard = clock.now();
            }
            let now = view.live.now + clock.now().since(heard);
            terminal.draw(|frame| view.draw(now, frame))?;
        }
    }

    /// Events come from here on; hands on the nodes, where they can be had.
    fn begin(&self, clock: &Arc<RunClock>, tell: &mpsc::Sender<Told>) -> (Vec<Hand>, JoinSet<()>) {
        let mut asking = JoinSet::new();
        if self.run.state != State::Kept {
            asking.spawn(source::follow(self.dir.join("events.jsonl"), tell.clone()));
            return (Vec::new(), asking);
        }
        let hands = Hand::on_all(&self.run, self.engine.as_ref(), clock);
        for hand in &hands {
            asking.spawn(source::ask(hand.clone(), Arc::clone(clock), tell.clone()));
        }
        (hands, asking)
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

/// What came of something that was done beside the screen.
struct Done {
    /// What was said when it began.
    begun: String,
    said: (Tone, String),
    /// What was seen of the node meanwhile.
    seen: Vec<Event>,
}

/// Does it beside the screen, which says what comes of it.
fn begin(
    hands: &[Hand],
    (act, node): (keys::Act, Node),
    acts: &mut JoinSet<Done>,
    view: &mut View,
) {
    let Some(hand) = hands.iter().find(|hand| hand.name() == node.name).cloned() else {
        let why = format!("nothing is known of {} by which it could be acted on", node.name);
        view.say(Tone::Bad, why);
        return;
    };
    let what = format!("{} {}", act.word(&node), node.name);
    let begun = format!("… {what}");
    view.say(Tone::Faint, begun.clone());
    acts.spawn(async move {
        match hand.act(act, &node).await {
            Ok(Acted { word, proof, answer: Answer { tone, words, seen } }) => {
                let mark = if tone == Tone::Good { "✓" } else { "?" };
                let said = format!("{mark} {word} {}: {proof}; {words}", node.name);
                Done { begun, said: (tone, said), seen }
            }
            Err(why) => {
                Done { begun, said: (Tone::Bad, format!("✗ {what}: {why}")), seen: Vec::new() }
            }
        }
    });
}

/// A bug beside the screen is a bug of the whole: its words are on the terminal, and nothing is drawn over them.
fn result<T>(ended: Result<T, JoinError>) -> T {
    match ended {
        Ok(result) => result,
        Err(why) => panic::resume_unwind(why.into_panic()),
    }
}

/// What is typed, and changes of the window. Read by a thread of its own, which ends with the program.
fn inputs() -> mpsc::Receiver<io::Result<Input>> {
    let (send, inputs) = mpsc::channel(64);
    thread::spawn(move || {
        loop {
            let input = event::read();
            let is_last = input.is_err();
            if send.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    });
    inputs
}

#[cfg(test)]
mod tests;
