//! Who talked to whom, before, during and after faults; and the hashes of heights at which nodes differed.

use maud::{Markup, html};

use super::{
    story::{Picture, Story},
    timeline::clipped,
};
use crate::text::short;

const SIZE: f64 = 240.0;

/// With more nodes than this a circle has no room for names: numbers stand there.
const NAMED: usize = 12;

/// Circles of nodes, one for each moment.
pub(super) fn sessions(story: &Story) -> Markup {
    if story.pictures.is_empty() {
        return html! { p { "No check of this scenario asked nodes for their sessions (" code { "hegemon_peerList" } "), so nobody knows who talked to whom. " code { "topology" } " and " code { "store-survives" } " ask for them." } };
    }
    html! {
        div.pictures {
            @for picture in &story.pictures {
                figure {
                    (circle(story, picture))
                    figcaption {
                        b { (short(picture.at.since(crate::event::Moment(0)))) } " " (picture.what) ": "
                        (picture.pairs.len()) @if picture.pairs.len() == 1 { " pair" } @else { " pairs" } @if picture.pairs.values().any(|both| !both) { ", dashed where only one of them says so" }
                        details {
                            summary { "as text" }
                            ul { @for (number, lane) in story.lanes.iter().enumerate() { li { (lane.name) ": " (talks(story, picture, number)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn talks(story: &Story, picture: &Picture, number: usize) -> String {
    let others = picture.pairs.iter().filter_map(|((a, b), both)| match number {
        n if n == *a => Some((*b, *both)),
        n if n == *b => Some((*a, *both)),
        _ => None,
    });
    let names: Vec<String> = others
        .map(|(other, both)| {
            let only = if both { "" } else { " (only one of them says so)" };
            format!("{}{only}", story.lanes[other].name)
        })
        .collect();
    match (names.as_slice(), picture.heard.contains(&number)) {
        ([], false) => "did not say".to_owned(),
        ([], true) => "nobody".to_owned(),
        (names, _) => names.join(", "),
    }
}

fn circle(story: &Story, picture: &Picture) -> Markup {
    let count = story.lanes.len();
    let place = |number: usize| {
        let turn = std::f64::consts::TAU * number as f64 / count.max(1) as f64
            - std::f64::consts::FRAC_PI_2;
        let at = |part: f64| ((SIZE / 2.0 + (SIZE / 2.0 - 26.0) * part) * 10.0).round() / 10.0;
        (at(turn.cos()), at(turn.sin()))
    };
    html! {
        svg.circle viewBox={ "0 0 " (SIZE) " " (SIZE) } role="img" aria-label={ (picture.pairs.len()) " pairs of nodes talk to each other" } {
            @for ((a, b), both) in &picture.pairs {
                @let (one, other) = (place(*a), place(*b));
                line class=(if *both { "session" } else { "session claimed" }) x1=(one.0) y1=(one.1) x2=(other.0) y2=(other.1) {}
            }
            @for (number, lane) in story.lanes.iter().enumerate() {
                @let at = place(number);
                circle class=(if picture.heard.contains(&number) { "node" } else { "node silent" }) cx=(at.0) cy=(at.1) r=(if count > 30 { 4 } else { 7 }) { title { (lane.name) ": " (talks(story, picture, number)) } }
                @if count <= NAMED {
                    text.label x=(at.0) y=(at.1 + if at.1 < SIZE / 2.0 { -10.0 } else { 18.0 }) { (clipped(&lane.name, 10)) }
                }
            }
        }
    }
}

/// A row for each hash of each height at which nodes differed.
pub(super) fn forks(story: &Story) -> Markup {
    if story.forks.is_empty() {
        return html! { p { "Whenever nodes were asked for the hash at one height, all had the same, or nobody was asked." } };
    }
    html! {
        (tree(story))
        div.scroll { table {
            caption { "Heights at which nodes had different hashes; the last time that they differed" }
            thead { tr { th { "height" } th { "seen at" } th { "hash" } th { "nodes" } } }
            tbody {
                @for (height, fork) in &story.forks {
                    @for (row, (hash, nodes)) in fork.by_hash.iter().enumerate() {
                        tr {
                            @if row == 0 {
                                th rowspan=(fork.by_hash.len()) scope="rowgroup" { (height) }
                                td rowspan=(fork.by_hash.len()) { (short(fork.at.since(crate::event::Moment(0)))) }
                            }
                            td { code { (clipped(&crate::text::printable(hash), 20)) } }
                            td { (nodes.join(", ")) }
                        }
                    }
                }
            }
        } }
    }
}

/// Branches from left to right: a circle for each hash of a height, a line from each node's hash to its next.
fn tree(story: &Story) -> Markup {
    let shown: Vec<_> =
        story.forks.iter().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
    let step = 60.0;
    let rows = shown.iter().map(|(_, fork)| fork.by_hash.len()).max().unwrap_or(1).min(8);
    let place =
        |column: usize, row: usize| (40.0 + column as f64 * step, 24.0 + row.min(7) as f64 * 34.0);
    let columns: Vec<Vec<(&String, &Vec<String>)>> =
        shown.iter().map(|(_, fork)| fork.by_hash.iter().collect()).collect();
    let mut lines = Vec::new();
    for (column, pair) in columns.windows(2).enumerate() {
        for (row, (_, nodes)) in pair[0].iter().enumerate() {
            for (next, (_, others)) in pair[1].iter().enumerate() {
                if others.iter().any(|node| nodes.contains(node)) {
                    lines.push((place(column, row), place(column + 1, next)));
                }
            }
        }
    }
    let (width, height) = (40.0 + step * shown.len() as f64, 50.0 + 34.0 * rows as f64);
    html! {
        div.scroll { svg.tree viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img" aria-label="Branches; the table below says the same" {
            @for (from, to) in lines { line.branch x1=(from.0) y1=(from.1) x2=(to.0) y2=(to.1) {} }
            @for (column, (height, fork)) in shown.iter().enumerate() {
                text.label x=(place(column, 0).0) y=(place(0, rows).1 + 6.0) { (height) }
                @for (row, (hash, nodes)) in fork.by_hash.iter().enumerate() {
                    @let at = place(column, row);
                    circle.node cx=(at.0) cy=(at.1) r="11" { title { (crate::text::printable(hash)) ": " (nodes.join(", ")) } }
                    text.count x=(at.0) y=(at.1 + 4.0) { (nodes.len()) }
                }
            }
        } }
    }
}
