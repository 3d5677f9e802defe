//! Sizes of the tiles that matrix kernels work on.

use std::fmt;

/// Rows and columns of a tile, in elements. For a filter's gradient, rows are input channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Number of rows.
    pub m: usize,
    /// Number of columns.
    pub n: usize,
}

impl fmt::Display for Tile {
    /// `64x32`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.m, self.n)
    }
}
