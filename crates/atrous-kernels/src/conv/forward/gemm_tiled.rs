//! 1×1 convolutions as matrix products, in tiles of workgroup memory.

use crate::conv::conditions::{bare, hardware, memory, pointwise};
use crate::conv::problem::Conv;
use crate::conv::product::{Work, gemm, tiled};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::TALL, ..Entry::new("gemm_tiled") },
    legal: |p| pointwise(p).and(memory(p)).and(bare(p)),
    preferred: |p| hardware(p.target()),
    plan: |p| gemm(p, Work::in_workgroup(p.pixels(), p.o4(), 1, p.target()), tiled),
};
