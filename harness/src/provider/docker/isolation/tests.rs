//! What is done to a node, by what its and the others' networks say.

use harness_core::line::Connect;

use super::*;

fn network() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

/// As networks say it: `ab` is the line from `a` to `b`, and `aa` says that `a` is isolated.
fn said(cuts: &str) -> BTreeSet<Way> {
    let way = |way: &str| (way[..1].to_owned(), way[1..].to_owned());
    cuts.split_whitespace().map(way).collect()
}

/// The same after a turn, and whether that cuts off.
fn turned(node: &str, cuts: &str) -> (bool, String) {
    let mut now = said(cuts);
    let turn = Turn::of(node, &now, network());
    for LineChange { from, to, line } in &turn.after {
        if *line == Line::Open {
            now.remove(&(from.clone(), to.clone()));
        } else {
            now.insert((from.clone(), to.clone()));
        }
    }
    let words: Vec<String> = now.iter().map(|(from, to)| format!("{from}{to}")).collect();
    (turn.cuts_off, words.join(" "))
}

#[test]
fn a_node_is_cut_off_and_joined_again() {
    let isolated = "aa ab ac ba ca";
    assert_eq!(turned("a", ""), (true, isolated.to_owned()));
    assert_eq!(turned("a", isolated), (false, String::new()));
}

#[test]
fn whoever_else_is_isolated_stays_so() {
    let both = "aa ab ac ba bb bc ca cb";
    assert_eq!(turned("b", "aa ab ac ba ca"), (true, both.to_owned()));
    assert_eq!(turned("a", both), (false, "ab ba bb bc cb".to_owned()));
    assert_eq!(turned("b", both), (false, "aa ab ac ba ca".to_owned()));
    assert!(turned("c", "aa ab ac ba ca").0, "it is cut off from `a`, for its sake");
}

/// Its own network is another one then, and says nothing.
#[test]
fn what_was_isolated_and_started_again_is_joined_and_not_isolated_anew() {
    assert_eq!(turned("a", "ba ca"), (false, String::new()));
    assert!(turned("b", "ba ca").0, "only `a` was");
    // The other one was started again.
    assert_eq!(turned("a", "aa ab ac ca"), (false, String::new()));
    assert_eq!(turned("b", "aa ab ac ca"), (true, "aa ab ac ba bb bc ca cb".to_owned()));
}

/// What another one is done to meanwhile does not join it halfway.
#[test]
fn what_was_isolated_and_started_again_stays_so_whoever_else_is_turned() {
    let both = "aa ab ac ba bb bc ca cb";
    assert_eq!(turned("b", "ba ca"), (true, both.to_owned()));
    assert_eq!(turned("b", both), (false, "aa ab ac ba ca".to_owned()));
}

#[test]
fn what_fails_is_put_back() {
    let turn = Turn::of("a", &said("aa ab ca"), network());
    let was: BTreeSet<String> = turn
        .before
        .iter()
        .filter(|it| it.line == Line::Cut)
        .map(|it| it.from.clone() + &it.to)
        .collect();
    assert_eq!(was, ["aa", "ab", "ca"].map(str::to_owned).into());
    assert_eq!(turn.before.len(), turn.after.len());
}

fn path((from, to): Way, passes: bool) -> PathSeen {
    let connect = if passes { Connect::Refused } else { Connect::Silent };
    let arrived = if passes { 5 } else { 0 };
    PathSeen { from, to, connect, sent: 5, arrived, echoed: arrived, round_trip_us: None }
}

#[test]
fn the_proof_says_what_was_tried_with_whom() {
    let isolate = Turn::of("a", &said(""), network());
    let seen: Vec<_> = isolate.ways().into_iter().map(|way| path(way, false)).collect();
    assert_eq!(
        isolate.proof(&seen, vec![]),
        "no TCP connect and none of 20 datagrams came through on 4 ways between it and b, c"
    );
    let rejoin = Turn::of("a", &said("aa ab ac ba bb bc ca cb"), network());
    let seen: Vec<_> = rejoin
        .ways()
        .into_iter()
        .map(|way| {
            let passes = way.0 != "b" && way.1 != "b";
            path(way, passes)
        })
        .collect();
    assert_eq!(
        rejoin.proof(&seen, vec!["d"]),
        "no TCP connect and none of 10 datagrams came through on 2 ways between it and b; every TCP connect and 10 of 10 datagrams came through on 2 ways between it and c; not tried with what is down: d"
    );
}
