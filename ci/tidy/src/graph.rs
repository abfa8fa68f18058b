//! Arrows between names: circles among them, and their order from top to bottom.

use std::collections::{BTreeMap, BTreeSet};

/// Names and the arrows between them.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    to: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds a name that may have no arrow.
    pub fn name(&mut self, name: &str) {
        self.to.entry(name.to_owned()).or_default();
    }

    /// Adds an arrow, and both names.
    pub fn arrow(&mut self, from: &str, to: &str) {
        self.name(to);
        self.to.entry(from.to_owned()).or_default().insert(to.to_owned());
    }

    /// Where a name's arrows lead.
    pub fn arrows(&self, from: &str) -> impl Iterator<Item = &str> {
        self.to.get(from).into_iter().flatten().map(String::as_str)
    }

    /// Names from which each leads to each other: every set of two and more is a circle or several
    /// that touch. Sorted.
    pub fn knots(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<String>> =
            self.to.keys().map(|name| (name, self.reach(name))).collect();
        let mut knots = BTreeSet::new();
        for (name, beyond) in &reached {
            if beyond.contains(*name) {
                let knot = beyond.iter().filter(|other| reached[*other].contains(*name));
                knots.insert(knot.cloned().collect::<BTreeSet<String>>());
            }
        }
        knots.into_iter().collect()
    }

    /// The shortest way round from the first name of `knot`, that name at both ends.
    pub fn round(&self, knot: &BTreeSet<String>) -> Vec<String> {
        let Some(start) = knot.first() else {
            return Vec::new();
        };
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        loop {
            let mut longer = Vec::new();
            for way in &ways {
                for next in self.arrows(&way[way.len() - 1]) {
                    let mut way = way.clone();
                    way.push(next.to_owned());
                    if next == start {
                        return way;
                    }
                    if seen.insert(next.to_owned()) {
                        longer.push(way);
                    }
                }
            }
            if longer.is_empty() {
                return Vec::new();
            }
            ways = longer;
        }
    }

    /// All names, so that every arrow leads further down, and what has the longest way to the
    /// bottom comes first; names of one knot stand together as if they were one.
    pub fn order(&self) -> Vec<&str> {
        let mut heights = BTreeMap::new();
        for name in self.to.keys() {
            self.height(name, &mut heights);
        }
        let mut names: Vec<&str> = self.to.keys().map(String::as_str).collect();
        names.sort_by_key(|name| (usize::MAX - heights[*name], *name));
        names
    }

    /// Without arrows that follow from others: `a → c` where `a → b → c`. Within a knot all stay.
    pub fn reduced(&self) -> Self {
        let mut reduced = self.clone();
        for (from, to) in &mut reduced.to {
            let implied = |end: &str| {
                let beyond = self.reach(end);
                let others = self.arrows(from).filter(|other| !beyond.contains(*other));
                others.filter(|other| *other != end).any(|other| {
                    let reach = self.reach(other);
                    reach.contains(end) && !reach.contains(from)
                })
            };
            *to = self.arrows(from).filter(|end| !implied(end)).map(str::to_owned).collect();
        }
        reduced
    }

    fn reach(&self, from: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.arrows(from).collect();
        while let Some(name) = open.pop() {
            if seen.insert(name.to_owned()) {
                open.extend(self.arrows(name));
            }
        }
        seen
    }

    fn height<'a>(&'a self, name: &'a str, heights: &mut BTreeMap<&'a str, usize>) -> usize {
        if let Some(known) = heights.get(name) {
            return *known;
        }
        let reach = self.reach(name);
        let mutual = |other: &&str| {
            *other == name || reach.contains(*other) && self.reach(other).contains(name)
        };
        let knot: Vec<&str> = self.to.keys().map(String::as_str).filter(mutual).collect();
        let mut height = 0;
        for one in &knot {
            for next in self.arrows(one).filter(|next| !knot.contains(next)) {
                height = height.max(1 + self.height(next, heights));
            }
        }
        heights.extend(knot.iter().map(|one| (*one, height)));
        height
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    fn graph(arrows: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in arrows {
            graph.arrow(from, to);
        }
        graph
    }

    #[test]
    fn circles_that_touch_are_one_knot_and_the_shortest_way_round_is_shown() {
        let graph =
            graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("b", "a"), ("c", "d"), ("top", "a")]);
        let knots = graph.knots();
        assert_eq!(knots.len(), 1);
        assert_eq!(knots[0].iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(graph.round(&knots[0]), ["a", "b", "a"]);
        assert_eq!(graph.order(), ["top", "a", "b", "c", "d"]);
    }

    #[test]
    fn what_follows_is_not_drawn_and_what_is_above_comes_first() {
        let mut graph = graph(&[("z", "y"), ("y", "x"), ("z", "x"), ("w", "x")]);
        graph.name("alone");
        assert!(graph.knots().is_empty());
        assert_eq!(graph.order(), ["z", "w", "y", "alone", "x"]);
        assert_eq!(graph.reduced().arrows("z").collect::<Vec<_>>(), ["y"]);
    }
}
