//! Which variant and tile serve an operation, where that was measured.

use std::collections::BTreeMap;
use std::fmt;

use crate::tile::Tile;

/// A variant, and the tile it works in if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    /// The variant's name.
    pub variant: &'static str,
    /// The tile that it works in, if it has one.
    pub tile: Option<Tile>,
}

impl fmt::Display for Choice {
    /// `gemm_tiled 64x32`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tile {
            Some(tile) => f.pad(&format!("{} {tile}", self.variant)),
            None => f.pad(self.variant),
        }
    }
}

impl Choice {
    /// By how many doublings the tiles differ.
    pub(crate) fn distance(&self, other: Self) -> u32 {
        let doublings = |a: usize, b: usize| a.ilog2().abs_diff(b.ilog2());
        self.tile.zip(other.tile).map_or(0, |(a, b)| doublings(a.m, b.m) + doublings(a.n, b.n))
    }
}

/// The fastest of some candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The fastest variant and tile.
    pub choice: Choice,
    /// How many of [`Operation::candidates`](crate::Operation::candidates) were tried, counted from the first.
    pub tried: usize,
}

/// What was chosen for operations, by [`Operation::key`](crate::Operation::key).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Choices {
    found: BTreeMap<String, Found>,
}

impl Choices {
    /// Whether no choice is known.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was chosen for an operation.
    pub fn get(&self, key: &str) -> Option<Found> {
        self.found.get(key).copied()
    }

    /// What was chosen for each operation, sorted by operation.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Found)> {
        self.found.iter()
    }

    /// Sets what is chosen for an operation.
    pub fn insert(&mut self, key: String, found: Found) {
        self.found.insert(key, found);
    }

    /// Takes all of `other`, also in the place of what is there.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
    }
}
