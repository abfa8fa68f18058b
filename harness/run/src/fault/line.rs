//! Faults of the lines between nodes: changed all at once, and tried from inside the nodes' networks.

use harness_core::{
    event::{EventKind, Moment, PathRound},
    fault::FaultKind,
    line::{Datagrams, PathSeen},
    text::short,
};

use super::scene::{FaultError, Scene};

/// Makes the lines what they are to be.
pub(super) async fn change(scene: Scene<'_>) -> Result<Moment, FaultError> {
    let since = scene.bed.journal.now();
    scene.bed.change_lines(scene.lines.1).await?;
    Ok(since)
}

/// Tries every way that shows the fault. What was seen is recorded; in words it is said here.
pub(super) async fn look(kind: &FaultKind, scene: Scene<'_>) -> Result<String, FaultError> {
    let bed = scene.bed;
    let (ways, datagrams) = kind.ways(scene.nodes, &bed.names);
    let tried: Vec<_> =
        ways.into_iter().filter(|(from, to)| bed.is_up(from) && bed.is_up(to)).collect();
    let sent = bed.journal.now();
    let paths = bed.provider.injector().probe(&tried, datagrams).await?;
    let answered = bed.journal.now();
    let words = in_words(&paths, datagrams);
    bed.journal.emit(EventKind::Paths(PathRound { sent, answered, paths }));
    Ok(words)
}

fn in_words(paths: &[PathSeen], datagrams: Datagrams) -> String {
    let open = paths.iter().filter(|path| path.connect.passes()).count();
    let mut words = format!("{} ways tried, {open} connect", paths.len());
    if datagrams == Datagrams::Many {
        let (sent, arrived) = paths
            .iter()
            .fold((0, 0), |(sent, arrived), path| (sent + path.sent, arrived + path.arrived));
        let longest = paths.iter().filter_map(|path| path.round_trip_us).max().unwrap_or_default();
        let longest = short(std::time::Duration::from_micros(longest));
        words += &format!(
            ", {arrived} of {sent} datagrams arrive, the longest median round trip is {longest}"
        );
    }
    words
}
