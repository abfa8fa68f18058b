//! What became of blocks, counted for metrics. Since the start, never going back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::chain::{ImportError, Imported};

/// Upper bounds of the classes that reorganisations are counted in, by depth. One or two blocks are
/// a chain's daily life; six are what exchanges wait for.
pub const DEPTHS: [u32; 7] = [1, 2, 3, 6, 12, 100, u32::MAX];

/// See the module.
#[derive(Debug, Default)]
pub struct Imports {
    best: AtomicU64,
    side: AtomicU64,
    refused: AtomicU64,
    /// By class of depth.
    reorganisations: [AtomicU64; DEPTHS.len()],
    /// All depths added up.
    undone: AtomicU64,
}

/// How many blocks became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportCounts {
    /// The tip of the best chain.
    pub best: u64,
    /// A part of another branch.
    pub side: u64,
    /// Nothing: they were invalid, or could not be judged.
    pub refused: u64,
    /// Reorganisations by class of depth, see [`DEPTHS`]; each in one class.
    pub reorganisations: [u64; DEPTHS.len()],
    /// Blocks that reorganisations took off the best chain.
    pub undone: u64,
}

impl Imports {
    /// A block went through the chain's import.
    pub fn note(&self, outcome: &Result<Imported, ImportError>) {
        match outcome {
            Ok(Imported::AlreadyKnown) => {}
            Ok(Imported::Side) => one_more(&self.side),
            Ok(Imported::NewBest { reorg_depth }) => {
                one_more(&self.best);
                self.reorganised(*reorg_depth);
            }
            Err(_) => one_more(&self.refused),
        }
    }

    /// As many as there were.
    #[must_use]
    pub fn counts(&self) -> ImportCounts {
        ImportCounts {
            best: self.best.load(Relaxed),
            side: self.side.load(Relaxed),
            refused: self.refused.load(Relaxed),
            reorganisations: std::array::from_fn(|class| self.reorganisations[class].load(Relaxed)),
            undone: self.undone.load(Relaxed),
        }
    }

    fn reorganised(&self, depth: u32) {
        if depth > 0
            && let Some(class) = DEPTHS.iter().position(|most| depth <= *most)
        {
            one_more(&self.reorganisations[class]);
            self.undone.fetch_add(depth.into(), Relaxed);
        }
    }
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reorganisation_counts_in_one_class_and_with_its_depth() {
        let imports = Imports::default();
        for reorg_depth in [0, 0, 1, 3, 4, 6, 7, 1_000] {
            imports.note(&Ok(Imported::NewBest { reorg_depth }));
        }
        imports.note(&Ok(Imported::Side));
        imports.note(&Ok(Imported::AlreadyKnown));
        imports.note(&Err(ImportError::FromTheFuture));
        let counts = imports.counts();
        assert_eq!((counts.best, counts.side, counts.refused), (8, 1, 1));
        assert_eq!(counts.reorganisations, [1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(counts.undone, 1 + 3 + 4 + 6 + 7 + 1_000);
    }
}
