//! One attack, kept up against every target until told to stop: what is to be believed of it is in
//! its lines.

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use hegemon_node::shutdown::Signals;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    attack,
    front::Front,
    mirror,
    plan::StandingPlan,
    report::{Line, Moment, Tally},
};

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Runs until a signal or the end of its time; whether any target was there, or it was told to
/// stop.
///
/// # Errors
///
/// If it cannot listen, catch signals, or say how it goes.
pub(crate) async fn run(plan: StandingPlan) -> io::Result<bool> {
    let mut signals = Signals::catch()?;
    let mut mirrors = JoinSet::new();
    let fronts = fronts(&plan, &mut mirrors)?;
    let mut log = Log::open(plan, fronts)?;
    let deadline = log.begin + log.plan.time;
    log.say(Moment::Start, None)?;

    let mut peers = JoinSet::new();
    let mut lines = interval(LINE_EVERY);
    let mut newcomers = interval(Duration::from_secs(1) / log.plan.rate);
    lines.set_missed_tick_behavior(MissedTickBehavior::Skip);
    newcomers.set_missed_tick_behavior(MissedTickBehavior::Skip);
    lines.tick().await;
    // Every target in turn.
    let mut turns = log.fronts.clone().into_iter().cycle();
    let why = loop {
        tokio::select! {
            signal = signals.first() => break signal,
            () = sleep_until(deadline) => break "time",
            _ = lines.tick() => drop(log.say(Moment::Progress, None)?),
            _ = newcomers.tick(), if peers.len() < log.plan.count as usize => {
                if let Some(front) = turns.next() {
                    peers.spawn(attack::one(log.plan.attack, deadline, front));
                }
            }
            Some(_) = peers.join_next() => {}
        }
    };
    // What is still open then was open when it ended.
    let reached = log.say(Moment::End, Some(why))?;
    Ok(reached || why != "time")
}

/// One for each target, its mirror at work.
fn fronts(plan: &StandingPlan, mirrors: &mut JoinSet<()>) -> io::Result<Vec<Arc<Front>>> {
    let mut fronts = Vec::new();
    for target in &plan.targets {
        let mut front = Front {
            target: *target,
            from: plan.from,
            mirror: None,
            block_time_ms: plan.block_time_ms,
            tally: Tally::default(),
        };
        let port = if fronts.is_empty() { plan.listen_port } else { 0 };
        let listener = plan.attack.mirror(&mut front, port)?;
        let front = Arc::new(front);
        if let Some(listener) = listener {
            mirrors.spawn(mirror::run(listener, front.clone()));
        }
        fronts.push(front);
    }
    Ok(fronts)
}

/// Where the lines go.
struct Log {
    plan: StandingPlan,
    fronts: Vec<Arc<Front>>,
    begin: Instant,
    file: Option<File>,
}

impl Log {
    fn open(plan: StandingPlan, fronts: Vec<Arc<Front>>) -> io::Result<Self> {
        let file = plan.report.as_ref().map(File::create).transpose();
        let name = |error: io::Error| {
            let path = plan.report.clone().unwrap_or_default();
            io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
        };
        let file = file.map_err(name)?;
        Ok(Self { plan, fronts, begin: Instant::now(), file })
    }

    /// Writes one line; whether any target was reached so far. Nobody to tell is an error: an
    /// attack that nobody watches must not go on.
    fn say(&mut self, moment: Moment, why: Option<&str>) -> io::Result<bool> {
        let tallies = self.fronts.iter().map(|front| (front.target, &front.tally));
        let line = Line::of(moment, why, &self.plan, tallies, self.begin.elapsed());
        let text = format!("{}\n", serde_json::to_string(&line)?);
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        if let Some(file) = &mut self.file {
            file.write_all(text.as_bytes())?;
        }
        Ok(line.reached())
    }
}
