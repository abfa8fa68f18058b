//! Both command lines.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{CommandFactory, Error, Parser, ValueEnum, error::ErrorKind};
use hegemon_node::{chain::DEV_BLOCK_TIME_MS, config::DEFAULT_PORT};

use crate::plan::{self, Attack, Plan, StandingPlan};

/// What to do, as the command line says it.
#[derive(Debug)]
pub(crate) enum Command {
    /// One attack, once.
    Once(Plan),
    /// One attack, kept up.
    Peer(StandingPlan),
}

/// Attacks one node for a bounded time and prints what happened as one line of JSON. Refuses
/// targets that are not on this machine or in a private or testbed network. As a peer of a test
/// network: hegemon-hostile peer --help
#[derive(Debug, Parser)]
#[command(
    name = "hegemon-hostile",
    version,
    after_help = "Exit codes: 0 done as asked, 1 the target could not be reached at all, 64 usage"
)]
struct OnceOptions {
    /// What to do
    #[arg(value_enum)]
    attack: Attack,
    /// The node's P2P address; no name, and no address of the open network
    #[arg(long, value_name = "IP:PORT", value_parser = plan::target)]
    target: SocketAddr,
    /// Source address, such as 127.0.0.2
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Ends after so many seconds at the latest
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Peers in all, some hundreds of them at once [default: depends on the attack]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
    /// The block time that tells the target's dev chain from others [default:
    /// HEGEMON_BLOCK_TIME_MS, else 2000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(100..=600_000))]
    block_time_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Word {
    Peer,
}

/// Is a hostile peer of a test network: started as its nodes are, it keeps one attack up against
/// every target until SIGTERM, SIGINT or its time is over, and prints a line of JSON at the
/// beginning, every second and at the end. Refuses targets that are not on this machine or in a
/// private or testbed network.
#[derive(Debug, Parser)]
#[command(
    name = "hegemon-hostile",
    bin_name = "hegemon-hostile peer",
    version,
    after_help = "\
Environment:
  HEGEMON_SEEDS          targets, unless --targets are given
  HEGEMON_BLOCK_TIME_MS  as --block-time-ms

A node's other flags (--dev, --tmp, --base-path, --name, --rpc-port, --rpc-external,
--rpc-methods, --log) are accepted and mean nothing; nothing is written to a state directory.

Exit codes: 0 told to stop, or time was over; 1 no target was ever reached, or it could not listen or report; 64 usage"
)]
struct PeerOptions {
    /// May stand anywhere
    #[arg(value_enum, hide = true)]
    _word: Option<Word>,
    /// What to do: `hegemon-hostile --help` says what each is
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    attack: Attack,
    /// The nodes' P2P addresses, port 30333 if left out; no names, and no address of the open
    /// network [default: HEGEMON_SEEDS]
    #[arg(long, value_name = "IP[:PORT],…")]
    targets: Option<String>,
    /// Peers at once over all targets, 1 to 512, stalled-frame and large-frames 1 to 8; one that
    /// ended makes room for the next [default: depends on the attack]
    #[arg(long, value_name = "N")]
    count: Option<u32>,
    /// New peers in a second at the most, over all targets [default: 20, connect-flood 500]
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: Option<u32>,
    /// Ends after so many seconds at the latest
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Source address [default: the one of --listen-addr]
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Where self-id has its first mirror; its other targets' are at free ports. No other attack
    /// listens [default: 0.0.0.0 and the port]
    #[arg(long, value_name = "IP[:PORT]", value_parser = listen_addr)]
    listen_addr: Option<(IpAddr, Option<u16>)>,
    /// The same one's port [default: 30333]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// The block time that tells the targets' dev chain from others [default:
    /// HEGEMON_BLOCK_TIME_MS, else 2000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(100..=600_000))]
    block_time_ms: Option<u64>,
    /// Writes the lines to this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    _node: NodeFlags,
}

/// What a harness gives to every node.
#[derive(Debug, clap::Args)]
struct NodeFlags {
    #[arg(long, hide = true)]
    dev: bool,
    #[arg(long, hide = true)]
    tmp: bool,
    #[arg(long, hide = true)]
    base_path: Option<PathBuf>,
    #[arg(long, hide = true)]
    name: Option<String>,
    #[arg(long, hide = true)]
    rpc_port: Option<u16>,
    #[arg(long, hide = true)]
    rpc_external: bool,
    #[arg(long, hide = true)]
    rpc_methods: Option<String>,
    #[arg(long, hide = true)]
    log: Option<String>,
}

impl Command {
    /// Reads the command line, program name first, and through `lookup` the environment.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or the help that was asked for.
    pub(crate) fn read(
        args: impl IntoIterator<Item = OsString>,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        // A harness puts a node's own flags before what a scenario gives.
        let is_peer = args.iter().skip(1).any(|arg| {
            arg == "peer" || arg.to_str().is_some_and(|arg| arg.starts_with("--attack"))
        });
        if is_peer {
            peer(PeerOptions::try_parse_from(args)?, lookup).map(Self::Peer)
        } else {
            once(OnceOptions::try_parse_from(args)?, lookup).map(Self::Once)
        }
    }
}

fn once(options: OnceOptions, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Plan, Error> {
    let OnceOptions { attack, target, from, seconds, count, block_time_ms } = options;
    Ok(Plan {
        attack,
        target,
        from,
        time: Duration::from_secs(seconds),
        count: count.unwrap_or(attack.default_count()),
        block_time_ms: block_time(block_time_ms, lookup).map_err(usage::<OnceOptions>)?,
    })
}

fn peer(
    options: PeerOptions,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<StandingPlan, Error> {
    let attack = options.attack;
    let most = attack.most_at_once();
    let count = options.count.unwrap_or(attack.default_at_once());
    let (listen, listen_port) = options.listen_addr.unwrap_or((Ipv4Addr::UNSPECIFIED.into(), None));
    let wrong = usage::<PeerOptions>;
    if !(1..=most).contains(&count) {
        return Err(wrong(format!("--count {count}: this attack takes 1 to {most} peers at once")));
    }
    if let (Some(port), Some(other)) = (options.port, listen_port)
        && port != other
    {
        return Err(wrong(format!(
            "--port {port} and --listen-addr with {other}: give one of them"
        )));
    }
    let (name, text) = match options.targets {
        Some(text) => ("--targets", text),
        None => {
            ("HEGEMON_SEEDS", text(&lookup, "HEGEMON_SEEDS").map_err(wrong)?.unwrap_or_default())
        }
    };
    let targets = plan::targets(&text).map_err(|error| wrong(format!("{name}: {error}")))?;
    Ok(StandingPlan {
        attack,
        targets,
        from: options.from.or(Some(listen).filter(|ip| !ip.is_unspecified())),
        listen_port: options.port.or(listen_port).unwrap_or(DEFAULT_PORT),
        time: Duration::from_secs(options.seconds),
        count,
        rate: options.rate.unwrap_or(attack.default_rate()),
        block_time_ms: block_time(options.block_time_ms, lookup).map_err(wrong)?,
        report: options.report,
    })
}

fn usage<Options: CommandFactory>(what: String) -> Error {
    Options::command().error(ErrorKind::ValueValidation, what)
}

fn text(lookup: impl Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, String> {
    let text = lookup(name).map(OsString::into_string).transpose();
    text.map_err(|_| format!("{name} must be valid UTF-8"))
}

fn block_time(
    given: Option<u64>,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<u64, String> {
    const NAME: &str = "HEGEMON_BLOCK_TIME_MS";
    let Some(text) = text(lookup, NAME)?.filter(|_| given.is_none()) else {
        return Ok(given.unwrap_or(DEV_BLOCK_TIME_MS.into()));
    };
    let number = text.parse().ok().filter(|ms| (100..=600_000).contains(ms));
    number.ok_or_else(|| format!("{NAME}={text:?} must be a whole number from 100 to 600000"))
}

fn listen_addr(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    let with_port = text.parse::<SocketAddr>().map(|addr| (addr.ip(), Some(addr.port())));
    with_port
        .or_else(|_| text.parse().map(|ip| (ip, None)))
        .map_err(|_| "must be an IP, or an IP and a port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, seeds: &str) -> Result<Command, Error> {
        let args = std::iter::once("hegemon-hostile").chain(line.split_whitespace());
        Command::read(args.map(OsString::from), |name| {
            (name == "HEGEMON_SEEDS").then(|| seeds.into())
        })
    }

    #[test]
    fn it_is_started_as_a_harness_starts_a_node_wherever_the_word_stands() {
        let flags = "--dev --base-path /data --name peer-1 --listen-addr 198.18.0.9:4000 --port 4000 --rpc-port 9944 --rpc-external";
        let attack = "--attack stale-tip --rate 3";
        for line in [
            format!("peer {flags} {attack}"),
            format!("{flags} peer {attack}"),
            format!("{attack} {flags}"),
        ] {
            let Command::Peer(plan) = read(&line, "198.18.0.2:1,198.18.0.3").unwrap() else {
                panic!("{line}");
            };
            assert_eq!((plan.targets.len(), plan.listen_port, plan.rate), (2, 4_000, 3));
            assert_eq!(plan.from, Some([198, 18, 0, 9].into()));
            assert_eq!((plan.time.as_secs(), plan.count, plan.block_time_ms), (600, 4, 2_000));
        }
    }

    #[test]
    fn what_has_no_bound_or_no_target_is_refused() {
        for line in [
            "peer --attack silence --count 513",
            "peer --attack silence --count 0",
            "peer --attack large-frames --count 9",
            "peer --attack silence --for 601",
            "peer --attack silence --rate 1001",
            "peer --attack silence --targets 8.8.8.8:1",
            "peer --attack silence --port 1 --listen-addr 127.0.0.1:2",
            "peer",
        ] {
            assert!(read(line, "127.0.0.1:1").is_err(), "{line}");
        }
        assert!(read("peer --attack silence", "").is_err());
        assert!(read("peer --attack silence", "seed:30333").is_err());
    }
}
