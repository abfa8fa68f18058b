//! `soak`: keeps one network up, and judges it window by window.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use clap::ValueEnum as _;
use harness_core::{
    event::{Event, EventKind, Sink},
    exit::ExitCode,
    node::NodeSource,
    scenario::Overrides,
    soak::{
        Asked, Decision, Soak, Window,
        asked::{VERSION, unrepeatable},
        page::Page,
    },
    text::plain,
};
use harness_run::{
    evidence::{RunDir, draw_seed},
    executor::{AtEnd, Measure, Run},
    http::Http,
    interrupt::Interrupt,
    journal::Journal,
    windows::{Begin, Keeper},
};

use super::{
    args::{NetworkArg, ProviderChoice, SoakArgs},
    environment::{environment, registry},
    output, profile,
    provider::choose,
    scenario::say_if_it_hides_another,
    terminal::{Detail, Shown, Terminal},
};
use crate::{
    binary::BuildKind,
    campaign::soak::{Campaign, Listen, Report},
    lease::Guard,
    provider::{ProviderError, ProviderOptions, own_program},
};

pub(super) async fn run(args: &SoakArgs, interrupt: Interrupt) -> ExitCode {
    let mut campaign = match begin(args) {
        Ok(campaign) => campaign,
        Err(code) => return code,
    };
    let how = format!("`harness soak --resume {}`", campaign.folder().display());
    loop {
        if campaign.soak().decision().is_some() || interrupt.signal().is_some() {
            break;
        }
        match network(&mut campaign, &interrupt).await {
            Ok(None) => {}
            Ok(Some(code)) => return code,
            Err(why) => {
                output::error(&format!("the soak cannot go on: {why:#}; {how} does, later"));
                return ExitCode::Environment;
            }
        }
    }
    said(&campaign, &interrupt, &how)
}

fn said(campaign: &Campaign, interrupt: &Interrupt, how: &str) -> ExitCode {
    if let Err(why) = campaign.write() {
        output::error(&format!("the page cannot be written: {why}"));
        return ExitCode::Environment;
    }
    let page = Page::of(campaign.soak());
    output::result(&page.sentence());
    output::note(&format!("the page: {}", campaign.folder().join("soak.html").display()));
    match (page.verdict.decision, interrupt.signal()) {
        (Decision::Undecided, Some(signal)) => {
            output::note(&format!("interrupted; {how} goes on, in a new network"));
            ExitCode::Interrupted(signal)
        }
        _ => page.verdict.exit,
    }
}

fn begin(args: &SoakArgs) -> Result<Campaign, ExitCode> {
    let heard = (Box::new(progress) as Report, listen(args.verbose));
    if let Some(folder) = &args.resume {
        let campaign = Campaign::resume(folder, now(), heard).map_err(|why| {
            output::error(&format!("no soak to go on with in `{}`: {why}", folder.display()));
            ExitCode::Usage
        })?;
        let soak = campaign.soak();
        output::note(&format!(
            "going on after {} windows; {} of {} passed",
            soak.windows().len(),
            time(soak.passed()),
            time(soak.asked().lasts)
        ));
        return Ok(campaign);
    }
    let asked = read(args)?;
    output::note(&format!(
        "about {}: {} windows of {}, seed {}",
        time(asked.lasts),
        asked.windows(),
        time(asked.window),
        asked.overrides.seed
    ));
    let name = format!("{}-{}", asked.scenario, asked.started.replace(':', ""));
    let folder = args.out.join(name);
    Campaign::begin(&folder, asked, heard).map_err(|why| {
        output::error(&format!("no soak can be written down in `{}`: {why}", folder.display()));
        ExitCode::Environment
    })
}

/// What was asked for, if a soak of it makes sense.
fn read(args: &SoakArgs) -> Result<Asked, ExitCode> {
    let (Some(scenario), Some(lasts)) = (&args.scenario, args.lasts) else {
        return Err(ExitCode::Usage);
    };
    if args.provider == ProviderChoice::Process && args.node.node_image.is_some() {
        output::error("an image cannot be run as a process: use --provider docker");
        return Err(ExitCode::Usage);
    }
    let overrides = Overrides {
        source: args.node.source().unwrap_or(NodeSource::Workspace),
        timeout_factor: args.timeout_factor,
        seed: args.seed.unwrap_or_else(draw_seed),
        profile: profile::asked(&args.node).ok_or(ExitCode::Usage)?,
        ..Overrides::default()
    };
    let scenario = args.library.library().find(scenario).map_err(|why| {
        output::error(&why.to_string());
        ExitCode::Usage
    })?;
    say_if_it_hides_another(&scenario);
    let (plan, problems) = scenario.load(&overrides);
    if !problems.is_empty() {
        output::note(&problems.to_string());
    }
    let Some(plan) = plan else {
        output::error(&format!("{scenario}: refused; nothing was started"));
        return Err(ExitCode::Usage);
    };
    if let Some(why) = unrepeatable(&plan) {
        output::error(&format!("{}: {why}; nothing was started", plan.scenario));
        return Err(ExitCode::NothingRan);
    }
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned())
    };
    let nodes = plan.nodes.len();
    let asked = Asked {
        version: VERSION,
        started: now(),
        scenario: plan.scenario,
        path: std::path::absolute(&plan.path).unwrap_or(plan.path),
        text: plan.text,
        overrides,
        lasts,
        window: args.window.min(lasts),
        limits: args.limits(),
        provider: word(args.provider.to_possible_value()).unwrap_or_default(),
        network: word(args.node.network.and_then(|network| network.to_possible_value())),
    };
    if let Some(why) = asked.too_many(nodes) {
        output::error(&format!("{}: {why}; nothing was started", asked.scenario));
        return Err(ExitCode::Usage);
    }
    Ok(asked)
}

/// One network, until it ends. A code ends the soak: nothing was begun that could be gone on with.
async fn network(
    campaign: &mut Campaign,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<ExitCode>> {
    let asked = campaign.soak().asked();
    let (scenario, window) = (asked.scenario.clone(), asked.window);
    let home = campaign.network(now())?;
    let guard = Guard::take(&registry(), &environment(), &home, &scenario, false).context(
        "the network cannot be written down and watched, so nothing could be cleaned up after it",
    )?;
    let ended = windows(campaign, interrupt, (&home, &guard), window).await;
    if ended.is_err() || matches!(ended, Ok(Some(_))) {
        guard.nothing_was_made(&home);
    }
    if guard.end() {
        output::note(&format!(
            "what is left of this network, if anything, is its watchdog's now; `harness gc {}` removes it",
            home.run_id()
        ));
    }
    // Empty but for what was not removed, which the watchdog and `gc` still look for.
    let _ = std::fs::remove_dir(home.logs());
    let _ = std::fs::remove_dir(home.path());
    ended
}

async fn windows(
    campaign: &mut Campaign,
    interrupt: &Interrupt,
    (home, guard): (&RunDir, &Guard),
    window: Duration,
) -> anyhow::Result<Option<ExitCode>> {
    let Begin { plan, dir, sinks } = campaign.window(0)?;
    let asked = campaign.soak().asked();
    let choice = ProviderChoice::from_str(&asked.provider, false).unwrap_or(ProviderChoice::Auto);
    let network = asked.network.as_ref().and_then(|word| NetworkArg::from_str(word, false).ok());
    let program = own_program().context("the system does not say which program this is")?;
    let options = ProviderOptions {
        run_id: home.run_id().to_owned(),
        scratch: home.scratch()?,
        profile: plan.overrides.profile.as_deref().cloned().map(Arc::new),
        keep: false,
        network: NetworkArg::choice(network),
        build: BuildKind::Release,
        program: program.clone(),
    };
    let journal = Arc::new(Journal::begin(&dir, &plan, sinks));
    journal.listen(vec![guard.sink()]);
    let say = |step| {
        journal.emit(EventKind::Preparing { step });
    };
    let chosen = match choose(choice, &plan, options, say).await {
        Ok(chosen) => chosen,
        Err(error) => {
            output::error(&error.to_string());
            // Nothing happened in it.
            let _ = std::fs::remove_dir_all(dir.path());
            let unsupported = matches!(error, ProviderError::Unsupported(_));
            let code = if unsupported { ExitCode::NothingRan } else { ExitCode::Environment };
            return Ok(Some(code));
        }
    };
    guard.provider(chosen.provider().as_ref())?;
    let run = Run {
        plan,
        provider: chosen.provider(),
        connect: Arc::new(Http::through(chosen.provider().dialler())),
        journal,
        dir,
        at_end: AtEnd::Remove,
        measure: Measure::Asked,
        interrupt: interrupt.clone(),
        program,
    };
    run.windows(home, window, campaign).await?;
    Ok(None)
}

/// A line for each window, and what grows as soon as it is seen.
fn progress(soak: &Soak, window: &Window) {
    let made = window.blocks.map_or(0, |blocks| blocks.to.saturating_sub(blocks.from));
    let why = window.reason.as_deref().map_or_else(String::new, |why| {
        format!(": {}", plain(why.lines().next().unwrap_or_default()))
    });
    let left = soak.asked().lasts.saturating_sub(soak.passed());
    output::note(&format!(
        "[{}] exit {} after {:.0} s{why}; {made} blocks, disagreed in {} of {} looks, {} deep at most; about {} left",
        window.number + 1,
        window.exit,
        window.seconds,
        window.forks.split,
        window.forks.looks,
        window.forks.deepest,
        time(left)
    ));
    for trend in soak.trends().iter().filter(|trend| trend.grows()) {
        output::note(&format!("  {}, or a cache fills", trend.words()));
    }
}

/// What is shown of a window's events.
fn listen(verbose: bool) -> Listen {
    Box::new(move |plan| {
        if verbose {
            return Some(Box::new(Terminal::spawn(plan, Shown::Lines(Detail::Normal)).0));
        }
        Some(Box::new(Steps))
    })
}

/// What takes minutes, before anything runs.
struct Steps;

impl Sink for Steps {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::Preparing { step } = &event.what {
            output::note(&plain(step));
        }
        Ok(())
    }
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn time(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
