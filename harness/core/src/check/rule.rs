//! How every check comes to its answer once it knows since when its condition has held, and how it
//! says so.

use super::{
    hold,
    view::{Judgement, View},
};
use crate::{
    event::{CheckVerdict, Finding, Moment, Reading, Sample},
    text::short,
};

/// Decides by the common rule: held → pass; deadline passed → fail, or inconclusive if we did not
/// look; else pending.
pub(super) fn decide(
    view: &View<'_>,
    held: Option<Moment>,
    observed: String,
    passed: impl FnOnce(Moment) -> String,
) -> Judgement {
    decide_or_blame(view, held, observed, passed, |_| None)
}

/// The same for a check that can tell a condition that did not hold from a node that answered
/// wrongly: `blame` says what is wrong with a node's last sample.
pub(super) fn decide_or_blame(
    view: &View<'_>,
    held: Option<Moment>,
    observed: String,
    passed: impl FnOnce(Moment) -> String,
    blame: impl Fn(&Sample) -> Option<String>,
) -> Judgement {
    if let Some(since) = held {
        let reason = passed(since);
        return Judgement::Settled(Finding {
            verdict: CheckVerdict::Pass,
            reason,
            observed,
            held_since: Some(since),
        });
    }
    if !view.is_over() {
        return Judgement::Pending { seen: observed, wants_hash_at: None };
    }
    if let Some(reason) = hold::starved(view) {
        return Judgement::Settled(Finding {
            verdict: CheckVerdict::Inconclusive,
            reason,
            observed,
            held_since: None,
        });
    }
    let wrong = view.nodes.iter().find_map(|node| blame(view.samples(node, view.start).last()?));
    Judgement::Settled(fail(
        wrong.unwrap_or_else(|| format!("did not hold for {} by the deadline", short(view.hold))),
        observed,
    ))
}

/// What is wrong with an answer that is none: silence is not, it may only be a lost packet.
pub(super) fn wrong_answer<T>(node: &str, reading: &Reading<T>, asked_for: &str) -> Option<String> {
    match reading {
        Reading::Missing(miss) if !miss.says_nothing() => {
            Some(format!("{node} {miss} when it was asked for its {asked_for}"))
        }
        Reading::Missing(_) | Reading::Value(_) => None,
    }
}

pub(super) fn fail(reason: String, observed: String) -> Finding {
    Finding { verdict: CheckVerdict::Fail, reason, observed, held_since: None }
}

/// `node-1: …; node-2: …`
pub(super) fn per_node(nodes: &[String], describe: impl Fn(&str) -> String) -> String {
    nodes.iter().map(|node| format!("{node}: {}", describe(node))).collect::<Vec<_>>().join("; ")
}

/// The one rule of what cannot be: a node has every other one as its peer, and nobody else.
pub(super) fn impossible(count: u64, nodes: usize) -> Option<String> {
    let most = nodes.checked_sub(1)? as u64;
    (count > most).then(|| {
        format!(
            "{nodes} {} at most {} each",
            if nodes == 1 { "node has" } else { "nodes have" },
            peers_in_words(most)
        )
    })
}

/// `1 peer`, `2 peers`.
pub(super) fn peers_in_words(count: u64) -> String {
    format!("{count} peer{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::testing::unreachable, event::Miss};

    #[test]
    fn silence_is_no_wrong_answer_and_neither_is_a_value() {
        let wrong = |reading: Reading<u64>| wrong_answer("node-1", &reading, "peers");
        assert_eq!(wrong(unreachable()), None);
        assert_eq!(wrong(Reading::Missing(Miss::Timeout)), None);
        assert_eq!(wrong(Reading::Value(0)), None);
        assert_eq!(
            wrong(Reading::Missing(Miss::Null)).as_deref(),
            Some("node-1 answered null when it was asked for its peers")
        );
    }
}
