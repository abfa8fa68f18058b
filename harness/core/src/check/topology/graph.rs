//! Who is connected with whom, as a graph: how many parts it has, whether one node holds it together,
//! and how far apart its nodes are.

/// Vertices are numbers from 0 on.
#[derive(Debug, Default)]
pub(super) struct Graph {
    neighbours: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn new(vertices: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut neighbours = vec![Vec::new(); vertices];
        for (a, b) in edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        Self { neighbours }
    }

    /// Of each vertex, the part that it is in: two have one number if there is a way between them.
    pub(super) fn parts(&self) -> Vec<usize> {
        let mut part = vec![usize::MAX; self.neighbours.len()];
        let mut parts = 0;
        for from in 0..part.len() {
            if part[from] != usize::MAX {
                continue;
            }
            let reached = self.distances(from, None).into_iter().enumerate();
            reached.filter(|(_, far)| far.is_some()).for_each(|(to, _)| part[to] = parts);
            parts += 1;
        }
        part
    }

    /// A vertex without which the others are not connected any more.
    pub(super) fn cut_vertex(&self) -> Option<usize> {
        let others = self.neighbours.len().checked_sub(1)?;
        (0..=others).find(|without| {
            let from = usize::from(*without == 0);
            let far = self.distances(from, Some(*without));
            others > 0 && far.iter().flatten().count() < others
        })
    }

    /// Steps between the two vertices that are farthest apart; none if there is no way between some.
    pub(super) fn diameter(&self) -> Option<usize> {
        let all = (0..self.neighbours.len()).flat_map(|from| self.distances(from, None));
        all.collect::<Option<Vec<usize>>>()?.into_iter().max()
    }

    /// Steps from a vertex to each, where one may be missing.
    fn distances(&self, from: usize, without: Option<usize>) -> Vec<Option<usize>> {
        let mut far = vec![None; self.neighbours.len()];
        if from >= far.len() {
            return far;
        }
        far[from] = Some(0);
        let mut wave = vec![from];
        for step in 1.. {
            let mut next = Vec::new();
            for to in wave.iter().flat_map(|at| &self.neighbours[*at]) {
                if far[*to].is_none() && Some(*to) != without {
                    far[*to] = Some(step);
                    next.push(*to);
                }
            }
            if next.is_empty() {
                return far;
            }
            wave = next;
        }
        far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_there_is_a_way_between() {
        assert_eq!(Graph::new(5, [(0, 1), (2, 4), (4, 3)]).parts(), [0, 0, 1, 1, 1]);
        assert_eq!(Graph::new(3, [(0, 2)]).parts(), [0, 1, 0]);
        assert_eq!(Graph::default().parts(), [0; 0]);
    }

    #[test]
    fn a_star_hangs_on_its_middle_and_a_ring_on_nobody() {
        let star = Graph::new(4, [(2, 0), (2, 1), (2, 3)]);
        assert_eq!((star.cut_vertex(), star.diameter()), (Some(2), Some(2)));
        let first = Graph::new(3, [(0, 1), (0, 2)]);
        assert_eq!(first.cut_vertex(), Some(0));
        let ring = Graph::new(4, [(0, 1), (1, 2), (2, 3), (3, 0)]);
        assert_eq!((ring.cut_vertex(), ring.diameter()), (None, Some(2)));
        let pair = Graph::new(2, [(0, 1)]);
        assert_eq!((pair.cut_vertex(), pair.diameter()), (None, Some(1)));
        let apart = Graph::new(3, [(0, 1)]);
        assert!(apart.cut_vertex().is_some() && apart.diameter().is_none());
        let two_cliques = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 2)];
        assert_eq!(Graph::new(5, two_cliques).cut_vertex(), Some(2));
    }
}
