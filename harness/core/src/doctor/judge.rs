//! What follows from what was seen, one function for each line.

use std::path::PathBuf;

use super::diagnosis::{Diagnosis, Grade};
use crate::limits::{self, Shortage};

/// A run's evidence, and what its nodes write: hours of a large one.
const PLENTY: u64 = 2 << 30;
/// A short run of a few nodes.
const ENOUGH: u64 = 256 << 20;

/// The engine in one line, or why there is none and what to do; `needed`: processes will not do.
pub fn engine(found: Result<String, (String, String)>, needed: bool) -> Diagnosis {
    match found {
        Ok(says) => Diagnosis::good("engine", says),
        Err((why, remedy)) if needed => Diagnosis::new("engine", Grade::Bad, why, remedy),
        Err((why, remedy)) => Diagnosis::new(
            "engine",
            Grade::Warning,
            format!("{why}: nodes run as processes"),
            remedy,
        ),
    }
}

/// Whether a container that was started could be reached.
pub fn containers(tried: Result<String, (String, String)>) -> Diagnosis {
    match tried {
        Ok(says) => Diagnosis::good("containers", says),
        Err((why, remedy)) => Diagnosis::new("containers", Grade::Bad, why, remedy),
    }
}

/// Whether the engine runs what is built here.
pub fn architecture(host: &str, engine: &str) -> Diagnosis {
    if host == engine {
        return Diagnosis::good("architecture", format!("{host}, as the engine's"));
    }
    Diagnosis::new(
        "architecture",
        Grade::Bad,
        format!("this host is {host}, the engine {engine}: it cannot run what is built here"),
        "give an image that it can run (--node-image)",
    )
}

/// How many networks are free, of how many, and who has the others.
pub fn subnets(free: usize, of: usize, holders: &[String]) -> Diagnosis {
    let says = format!("{free} of {of} /24s of 198.18.0.0/15 are free");
    if holders.is_empty() {
        return Diagnosis::good("subnets", says);
    }
    let says = format!("{says}; taken: {}", holders.join(", "));
    match free {
        0 => Diagnosis::new(
            "subnets",
            Grade::Warning,
            says,
            "our own nodes get a /24 of 10.128.0.0/9; for a released one, name a public subnet in the scenario (`[network]`)",
        ),
        _ => Diagnosis::good("subnets", says),
    }
}

/// Whether the kernel's table of neighbours is large enough; `None`: it cannot be seen from here.
pub fn neighbours(nodes: usize, limit: Option<u64>) -> Diagnosis {
    let Some(limit) = limit else {
        return Diagnosis::good("neighbours", "the kernel's table cannot be seen from here");
    };
    match limits::neighbours(nodes, limit) {
        Ok(()) => {
            Diagnosis::good("neighbours", format!("{limit} entries, enough for {nodes} containers"))
        }
        Err(Shortage { what, remedy }) => {
            Diagnosis::new("neighbours", Grade::Warning, what, remedy)
        }
    }
}

/// Whether so many nodes can be run with so many open files.
pub fn descriptors(nodes: usize, limit: u64) -> Diagnosis {
    match limits::descriptors(nodes, limit) {
        Ok(()) => Diagnosis::good("descriptors", format!("{limit}, enough for {nodes} nodes")),
        Err(Shortage { what, remedy }) => Diagnosis::new("descriptors", Grade::Bad, what, remedy),
    }
}

/// Where something is written, and how much more can be.
#[derive(Debug, Clone)]
pub struct Disk {
    /// What for: `evidence`, `containers`.
    pub what: &'static str,
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub free: u64,
}

/// Whether there is room.
pub fn disk(disk: &Disk) -> Diagnosis {
    let mib = disk.free >> 20;
    let says = format!("{mib} MiB free for {} ({})", disk.what, disk.path.display());
    match disk.free {
        PLENTY.. => Diagnosis::good("disk", says),
        ENOUGH.. => Diagnosis::new("disk", Grade::Warning, says, "a long run needs more"),
        _ => Diagnosis::new("disk", Grade::Bad, says, "make room: a full disk ends a run with 3"),
    }
}

/// Whether looking at the clock is cheap, as nodes do it all the time.
pub fn clock_source(name: &str) -> Diagnosis {
    const SLOW: [&str; 4] = ["hpet", "acpi_pm", "jiffies", "refined-jiffies"];
    if name.is_empty() {
        return Diagnosis::good("clock", "the kernel does not say what it is read from");
    }
    if SLOW.contains(&name) {
        return Diagnosis::new(
            "clock",
            Grade::Warning,
            format!("{name}: every look at it costs a microsecond or more"),
            "boot with clocksource=tsc if the processor's is stable",
        );
    }
    Diagnosis::good("clock", name)
}

/// What the kernel says of namespaces that a user may make.
#[derive(Debug, Clone, Default)]
pub struct NameSpaces {
    /// `user.max_user_namespaces`.
    pub most: Option<u64>,
    /// `kernel.unprivileged_userns_clone` is 0.
    pub forbidden: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1.
    pub restricted: bool,
    /// Whoever asks is root.
    pub root: bool,
}

/// Whether processes can have networks of their own.
pub fn name_spaces(seen: &NameSpaces) -> Diagnosis {
    let by = match seen {
        NameSpaces { most: Some(0), .. } => "user.max_user_namespaces=1024",
        NameSpaces { root: true, .. } => return Diagnosis::good("namespaces", "root makes them"),
        NameSpaces { forbidden: true, .. } => "kernel.unprivileged_userns_clone=1",
        NameSpaces { restricted: true, .. } => "kernel.apparmor_restrict_unprivileged_userns=0",
        _ => return Diagnosis::good("namespaces", "users make them"),
    };
    Diagnosis::new(
        "namespaces",
        Grade::Warning,
        "users may not make network namespaces: processes share this host's loopback",
        format!("as root: sysctl -w {by}"),
    )
}

/// What dead runs have left.
pub fn runs(dead: &[String]) -> Diagnosis {
    if dead.is_empty() {
        return Diagnosis::good("runs", "nothing of dead runs is left");
    }
    let says = format!("left by dead runs: {}", dead.join(", "));
    Diagnosis::new("runs", Grade::Warning, says, "`harness gc` removes it")
}

/// The node that would be run, or why it could not be.
pub fn node(found: Result<String, String>) -> Diagnosis {
    match found {
        Ok(says) => Diagnosis::good("node", says),
        Err(why) => Diagnosis::new(
            "node",
            Grade::Bad,
            why,
            "give one that runs here (--node-bin, --node-image)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::exit, exit::ExitCode};

    #[test]
    fn every_line_can_be_good_and_says_what_to_do_when_it_is_not() {
        let refused = || Err(("no engine".to_owned(), "start one".to_owned()));
        let gib = |free| Disk { what: "evidence", path: "/runs".into(), free };
        let held = ["the host's route over tun0 (198.18.0.0/15)".to_owned()];
        let (mut good, mut ill) = (Vec::new(), Vec::new());
        for (well, sick) in [
            (engine(Ok("here".to_owned()), true), engine(refused(), true)),
            (engine(Ok("here".to_owned()), false), engine(refused(), false)),
            (containers(Ok("answered".to_owned())), containers(refused())),
            (architecture("x86_64", "x86_64"), architecture("x86_64", "aarch64")),
            (subnets(510, 512, &held), subnets(0, 512, &held)),
            (neighbours(3, Some(1024)), neighbours(100, Some(1024))),
            (neighbours(100, None), neighbours(40, Some(1024))),
            (descriptors(3, 1024), descriptors(300, 1024)),
            (disk(&gib(3 << 30)), disk(&gib(1 << 30))),
            (disk(&gib(2 << 30)), disk(&gib(1 << 20))),
            (clock_source("tsc"), clock_source("hpet")),
            (
                name_spaces(&NameSpaces { forbidden: true, root: true, ..NameSpaces::default() }),
                name_spaces(&NameSpaces { restricted: true, ..NameSpaces::default() }),
            ),
            (runs(&[]), runs(&["ab12".to_owned()])),
            (node(Ok("ours".to_owned())), node(Err("no file".to_owned()))),
        ] {
            good.push(well);
            ill.push(sick);
        }
        assert!(good.iter().all(|it| it.grade == Grade::Good && it.remedy.is_none()), "{good:?}");
        assert!(ill.iter().all(|it| it.grade != Grade::Good && it.remedy.is_some()), "{ill:?}");
        assert_eq!(exit(&good), ExitCode::Pass);
        assert_eq!(exit(&ill), ExitCode::Environment);
        ill.retain(|it| it.grade == Grade::Warning);
        assert_eq!(exit(&ill), ExitCode::Pass, "a run works");
        let lines: Vec<String> = ill.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        warning  engine        no engine: nodes run as processes; start one
        warning  subnets       0 of 512 /24s of 198.18.0.0/15 are free; taken: the host's route over tun0 (198.18.0.0/15); our own nodes get a /24 of 10.128.0.0/9; for a released one, name a public subnet in the scenario (`[network]`)
        warning  neighbours    100 containers may need 10100 entries in the kernel's neighbour table, which has 1024: dials between them then fail; as root: sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv4.neigh.default.gc_thresh2=8192
        warning  neighbours    40 containers may need 1640 entries in the kernel's neighbour table, which has 1024: dials between them then fail; as root: sysctl -w net.ipv4.neigh.default.gc_thresh3=2048 net.ipv4.neigh.default.gc_thresh2=1024
        warning  disk          1024 MiB free for evidence (/runs); a long run needs more
        warning  clock         hpet: every look at it costs a microsecond or more; boot with clocksource=tsc if the processor's is stable
        warning  namespaces    users may not make network namespaces: processes share this host's loopback; as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
        warning  runs          left by dead runs: ab12; `harness gc` removes it
        ");
    }
}
