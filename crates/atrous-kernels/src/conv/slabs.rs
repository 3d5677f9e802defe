//! How long sums over few pixels are cut into slabs, so that there are more workgroups than tiles.
//!
//! The number of slabs depends on shapes and limits alone.

use super::problem::{ConvProblem, Slabs};
use super::tile::BUSY;
use crate::tile::Tile;
use crate::variant::{Admission, require};

/// Most bytes of partial sums.
const PARTIAL_BYTES: u64 = 32 << 20;

/// Least number of steps of a slab, if sums are long enough for two such slabs.
const LEAST: usize = 8;

/// Number of steps from which a sum counts as long.
const LONG: usize = 64;

/// How a problem's sums are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) tile: Tile,
    pub(super) slabs: Slabs,
    /// Workgroups of one slab.
    tiles: usize,
}

impl Cut {
    /// The cut of a problem's sums. `None` if they have a single step, or two slabs exceed memory or grid.
    pub(super) fn of(p: &ConvProblem<'_>) -> Option<Self> {
        let (limits, layers) = (&p.target().limits, p.conv.groups);
        let tile = Tile::in_workgroup(Tile::WORKGROUP, [p.pixels(), p.og4(), layers], p.target());
        let tiles = tile.count(p.pixels(), p.og4()) * layers;
        let room = PARTIAL_BYTES.min(limits.max_binding) / partial_bytes(p);
        let most = (room as usize).min(limits.max_workgroups as usize / layers).min(p.steps());
        let wanted = (2 * BUSY).div_ceil(tiles).min(p.steps() / LEAST).max(2);
        let per_slab = p.steps().div_ceil(wanted.min(most).max(1));
        let count = p.steps().div_ceil(per_slab);
        (count > 1).then_some(Self { tile, tiles, slabs: Slabs { count, steps: per_slab } })
    }
}

/// Bytes of the partial sums of one slab.
pub(super) fn partial_bytes(p: &ConvProblem<'_>) -> u64 {
    (p.pixels() * p.o4() * 16) as u64
}

/// Whether the sums can be cut.
pub(super) fn several(p: &ConvProblem<'_>) -> Admission {
    require(!p.half(), "partial sums would be rounded to f16")
        .and(require(Cut::of(p).is_some(), "the sum, or the memory for partial ones, is too short to be cut"))
}

/// Whether a second stage may pay: there are few tiles, and sums are long.
pub(super) fn long(p: &ConvProblem<'_>) -> Admission {
    let Some(cut) = Cut::of(p) else { return Ok(()) };
    require(4 * cut.tiles <= BUSY, "there are enough tiles to keep the adapter busy")
        .and(require(p.steps() >= LONG, "the sum is too short to be cut"))
}
