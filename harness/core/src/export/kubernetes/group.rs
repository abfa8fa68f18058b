//! Nodes that are pods of one set: those that differ in nothing but the number at the end of their names. So `node-1` and
//! `node-2` of a scenario are `node-1` and `node-2` here too.

use crate::export::member::Member;

/// Pods of one set.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The set's name, and its service's.
    pub(super) name: String,
    /// One at least.
    pub(super) members: Vec<Member<'a>>,
    pub(super) pods: Pods,
}

/// What a set's pods are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pods {
    /// It has one, with the number 0 at its end, which its node's name has not.
    One,
    /// As its nodes, whose numbers begin with 1.
    AsNodes,
}

impl Group<'_> {
    /// The pod of a node.
    pub(super) fn pod(&self, node: &str) -> String {
        match self.pods {
            Pods::One => format!("{node}-0"),
            Pods::AsNodes => node.to_owned(),
        }
    }

    /// It has this node.
    pub(super) fn has(&self, node: &str) -> bool {
        self.members.iter().any(|member| member.node.name == node)
    }
}

/// All members, in their order.
pub(super) fn groups<'a>(members: &[Member<'a>]) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    let mut rest = members;
    while let [first, ..] = rest {
        // No scenario has a node `x` beside `x-1`, so sets have names of their own.
        let (name, length, pods) = match series(rest) {
            Some((base, length)) => (base.to_owned(), length, Pods::AsNodes),
            None => (first.node.name.clone(), 1, Pods::One),
        };
        groups.push(Group { name, members: rest[..length].to_vec(), pods });
        rest = &rest[length..];
    }
    groups
}

/// `x-1`, `x-2`, …, at least two that are otherwise the same: `x`, and how many.
fn series<'m>(members: &'m [Member<'_>]) -> Option<(&'m str, usize)> {
    let first = members.first()?;
    let base = first.node.name.strip_suffix("-1")?;
    let others = members.iter().zip(1_u32..).take_while(|(member, number)| {
        member.node.name == format!("{base}-{number}") && is_alike(first, member)
    });
    let length = others.count();
    (length > 1).then_some((base, length))
}

fn is_alike(a: &Member<'_>, b: &Member<'_>) -> bool {
    let of = |member: &Member<'_>| {
        let node = member.node;
        (node.seed, node.seeds.clone(), node.mine, node.hidden, node.later)
    };
    let given = |member: &Member<'_>| (member.node.env.clone(), member.node.args.clone());
    a.image == b.image && of(a) == of(b) && given(a) == given(b)
}
