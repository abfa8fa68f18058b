//! `attach`: looks at nodes that run already.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use harness_core::{
    attached::{Attached, MOST_NODES, read_nodes},
    exit::ExitCode,
    needs,
    scenario::{Overrides, Plan},
};
use harness_run::{
    attached::AttachedRun,
    evidence::{self, Jsonl, RunDir},
    interrupt::Interrupt,
    journal::Journal,
    link::NodeLink,
};
use serde_json::json;

use super::{args::AttachArgs, output, scenario::say_if_it_hides_another, terminal::Terminal};
use crate::{
    attach::{Endpoint, Hidden, Remote, Roots, Scheme, read_headers},
    provider::AttachedNodes,
};

/// `--watch` ends when so many rounds in a row could say nothing: a watch that sees nothing is none.
const BLIND: u32 = 10;

/// Before a round that follows one that could say nothing.
const PAUSE: Duration = Duration::from_secs(5);

/// A file of nodes is a page.
const LARGEST: u64 = 1024 * 1024;

/// What is wrong, and the code to end with.
struct Refused(ExitCode, String);

impl Refused {
    fn usage(why: impl ToString) -> Self {
        Self(ExitCode::Usage, why.to_string())
    }
}

/// Everything that a round needs, read and checked once.
struct Watched {
    plan: Plan,
    links: Vec<(String, Arc<dyn NodeLink>)>,
    nodes: AttachedNodes,
}

pub(super) async fn run(args: &AttachArgs, interrupt: Interrupt) -> ExitCode {
    let watched = match prepare(args) {
        Ok(watched) => watched,
        Err(Refused(code, why)) => {
            output::error(&format!("{why}; nothing was asked"));
            return code;
        }
    };
    match rounds(args, &watched, &interrupt).await {
        Ok(code) => code,
        Err(why) => {
            output::error(&format!("{why:#}"));
            ExitCode::Environment
        }
    }
}

/// One round, or with `--watch` as many as there are until one fails.
async fn rounds(
    args: &AttachArgs,
    watched: &Watched,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let (mut known, mut blind) = (BTreeSet::new(), 0);
    let mut last: Option<RunDir> = None;
    loop {
        let (code, dir) = round(args, watched, known.clone(), interrupt).await?;
        blind = match code {
            ExitCode::Pass => 0,
            ExitCode::Inconclusive | ExitCode::Environment => blind + 1,
            ExitCode::Fail
            | ExitCode::NothingRan
            | ExitCode::Usage
            | ExitCode::Bug
            | ExitCode::Interrupted(_) => return Ok(code),
        };
        // Who never answered in the first round is a mistake of whoever asked.
        let never = code == ExitCode::Environment && known.is_empty();
        if !args.watch || never || blind == BLIND {
            return Ok(code);
        }
        if let Some(earlier) = last.replace(dir) {
            // Made by the round before, and by nobody else.
            fs::remove_dir_all(earlier.path())
                .with_context(|| format!("{} cannot be removed", earlier.path().display()))?;
        }
        // Whoever was not reached is the environment; all others have answered.
        if code != ExitCode::Environment {
            known.extend(watched.plan.network());
        }
        if code == ExitCode::Pass {
            continue;
        }
        output::note(&format!("this round could say nothing ({blind} of {BLIND} in a row)"));
        tokio::select! {
            signal = interrupt.raised() => return Ok(ExitCode::Interrupted(signal)),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn round(
    args: &AttachArgs,
    watched: &Watched,
    known: BTreeSet<String>,
    interrupt: &Interrupt,
) -> anyhow::Result<(ExitCode, RunDir)> {
    let plan = watched.plan.clone();
    let dir = RunDir::create(&args.out, &plan.scenario).with_context(|| {
        format!("no directory for the evidence can be made in {}", args.out.display())
    })?;
    let jsonl = Jsonl::create(&dir.events())
        .with_context(|| format!("{} cannot be made", dir.events().display()))?;
    let (terminal, reporter) = Terminal::spawn(&plan, args.show.shown());
    let journal = Arc::new(Journal::begin(&dir, &plan, vec![Box::new(jsonl), Box::new(terminal)]));
    let run = AttachedRun {
        plan,
        links: watched.links.clone(),
        known,
        nodes: watched.nodes.clone(),
        journal,
        dir: dir.clone(),
        interrupt: interrupt.clone(),
    };
    let verdict = run.execute().await;
    reporter.end().await;
    args.show.result(&output::verdict(&verdict, &dir, None));
    Ok((verdict.exit, dir))
}

fn prepare(args: &AttachArgs) -> Result<Watched, Refused> {
    let endpoints = endpoints(args)?;
    let plan = plan(args, endpoints.iter().map(|(name, _)| name.clone()).collect())?;
    let variable = |name: &str| std::env::var(name).ok();
    let headers = read_headers(&args.rpc_header, variable)
        .map_err(|why| Refused::usage(format!("--rpc-header: {why}")))?;
    let is_open = |endpoint: &Endpoint| {
        let near = endpoint.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        endpoint.scheme == Scheme::Http && !near && endpoint.host != "localhost"
    };
    if let Some((name, _)) = endpoints.iter().find(|(_, at)| !headers.is_empty() && is_open(at)) {
        output::note(&format!(
            "warning: --rpc-header goes to {name} over http://, where everybody on the way can read it"
        ));
    }
    let secure = endpoints.iter().any(|(_, endpoint)| endpoint.scheme == Scheme::Https);
    // Read even if nobody needs them: a wrong file is a mistake.
    let roots = if secure || !args.rpc_ca.is_empty() {
        Some(Roots::system_and(&args.rpc_ca).map_err(Refused::usage)?)
    } else {
        None
    };
    let pairs = || endpoints.iter().map(|(name, endpoint)| (name.as_str(), endpoint));
    let keys = Hidden::keys(pairs());
    let hidden = Arc::new(if args.redact { keys.and_addresses(pairs()) } else { keys });
    let place = |name: &String, endpoint: &Endpoint| {
        (name.clone(), json!(if args.redact { name.clone() } else { endpoint.to_string() }))
    };
    let places: serde_json::Map<_, _> =
        endpoints.iter().map(|(name, at)| place(name, at)).collect();
    let facts = json!({ "provider": "attached", "rate": args.rate, "nodes": places });
    let patience = plan.fresh();
    let links = endpoints.into_iter().map(|(name, endpoint)| {
        let (roots, headers, hidden) = (roots.clone(), headers.clone(), Arc::clone(&hidden));
        let remote = Remote::new(endpoint, roots, headers, hidden, (args.rate, patience));
        (name, Arc::new(remote) as Arc<dyn NodeLink>)
    });
    Ok(Watched { links: links.collect(), nodes: AttachedNodes { facts }, plan })
}

/// All nodes that were named, by file first.
fn endpoints(args: &AttachArgs) -> Result<Vec<(String, Endpoint)>, Refused> {
    let good = |url: &str| Endpoint::parse(url).map(drop).map_err(|why| format!("`rpc` {why}"));
    let mut all = Vec::new();
    if let Some(path) = &args.nodes_file {
        let shown = path.display();
        let text = text(path).map_err(|why| Refused::usage(format!("{shown}: {why}")))?;
        let (nodes, problems) = read_nodes(path, &text, good);
        if problems.refused() {
            output::note(&problems.to_string());
            return Err(Refused::usage(format!(
                "{shown}: refused, {} error(s)",
                problems.errors()
            )));
        }
        for node in nodes {
            let endpoint = Endpoint::parse(&node.url).map_err(Refused::usage)?;
            all.push((node.name, endpoint));
        }
    }
    for (url, number) in args.rpc.iter().zip(1..) {
        let endpoint = Endpoint::parse(url)
            .map_err(|why| Refused::usage(format!("--rpc, the {number}. one: {why}")))?;
        let name = format!("node-{number}");
        if all.iter().any(|(taken, at)| *taken == name || *at == endpoint) {
            return Err(Refused::usage(format!(
                "--rpc, the {number}. one: its name ({name}) or its URL is another node's already"
            )));
        }
        all.push((name, endpoint));
    }
    if all.len() > MOST_NODES {
        return Err(Refused::usage(format!("{} nodes: at most {MOST_NODES}", all.len())));
    }
    Ok(all)
}

fn text(path: &Path) -> Result<String, String> {
    let length = fs::metadata(path).map_err(|why| why.to_string())?;
    if !length.is_file() || length.len() > LARGEST {
        return Err(format!("no file of at most {LARGEST} bytes"));
    }
    fs::read_to_string(path).map_err(|why| why.to_string())
}

fn plan(args: &AttachArgs, names: Vec<String>) -> Result<Plan, Refused> {
    let scenario = args.library.library().find(&args.scenario).map_err(Refused::usage)?;
    say_if_it_hides_another(&scenario);
    let overrides = Overrides {
        timeout_factor: args.timeout_factor,
        seed: evidence::draw_seed(),
        ..Overrides::default()
    };
    // As it stands, so that a fault is named even if its nodes are not among the attached ones.
    if let (Some(plan), _) = scenario.load(&overrides)
        && let Some(why) = needs::changes_nodes(&plan)
    {
        return Err(Refused(ExitCode::NothingRan, format!("{}: {why}", plan.scenario)));
    }
    let attached = Attached { names, rate: args.rate };
    let (plan, problems) = scenario.load(&Overrides { attached: Some(attached), ..overrides });
    if !problems.is_empty() {
        output::note(&problems.to_string());
    }
    let plan = plan.ok_or_else(|| {
        Refused::usage(format!("{scenario}: refused, {} error(s)", problems.errors()))
    })?;
    match needs::unattachable(&plan) {
        Some(why) => Err(Refused(ExitCode::NothingRan, format!("{}: {why}", plan.scenario))),
        None => Ok(plan),
    }
}
