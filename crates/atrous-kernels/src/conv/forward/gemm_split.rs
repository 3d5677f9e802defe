//! 1×1 convolutions whose long sums are cut into slabs, in tiles of workgroup memory.

use crate::conv::conditions::{bare, hardware, memory, pointwise};
use crate::conv::problem::Conv;
use crate::conv::product::{Rows, tiled};
use crate::conv::slabs::{long, several};
use crate::conv::split;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::WORKGROUP, ..Entry::new("gemm_split") },
    legal: |p| pointwise(p).and(memory(p)).and(bare(p)).and_then(|()| several(p)),
    preferred: |p| hardware(p.target()).and_then(|()| long(p)),
    plan: |p| split::plan(p, |p, tile, y| tiled(p, tile, Rows::all(p, y))),
};
