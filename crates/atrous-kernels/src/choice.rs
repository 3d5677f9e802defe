//! Measured choices: the variant and the tile that serve an operation.

use std::collections::BTreeMap;
use std::fmt;

use crate::tile::Tile;

/// A variant, and the tile it works in if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    /// The variant's name.
    pub variant: &'static str,
    /// The tile, if the variant has one.
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
    /// The number of doublings of rows and columns by which the tiles differ; 0 if one has no tile.
    pub(crate) fn distance(&self, other: Self) -> u32 {
        let doublings = |a: usize, b: usize| a.ilog2().abs_diff(b.ilog2());
        self.tile.zip(other.tile).map_or(0, |(a, b)| doublings(a.m, b.m) + doublings(a.n, b.n))
    }
}

/// The fastest candidate of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The fastest variant and tile.
    pub choice: Choice,
    /// Number of candidates that were tried, the first ones of [`Operation::candidates`](crate::Operation::candidates).
    pub tried: usize,
}

/// Measured choices for operations, by [`Operation::key`](crate::Operation::key).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Choices {
    found: BTreeMap<String, Found>,
}

impl Choices {
    /// Whether there are no choices.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The choice for the operation with this key.
    pub fn get(&self, key: &str) -> Option<Found> {
        self.found.get(key).copied()
    }

    /// The choice for each operation, sorted by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Found)> {
        self.found.iter()
    }

    /// Sets the choice for the operation with this key.
    pub fn insert(&mut self, key: String, found: Found) {
        self.found.insert(key, found);
    }

    /// Adds all choices of `other`. They replace existing ones.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
    }
}
