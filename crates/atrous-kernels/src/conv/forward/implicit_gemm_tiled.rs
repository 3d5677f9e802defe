//! Convolutions as matrix products, taps outermost, in tiles of workgroup memory.

use crate::conv::conditions::{bare, filled, hardware, layered, memory};
use crate::conv::problem::Conv;
use crate::conv::product::{Work, implicit_gemm};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::TALL, ..Entry::new("implicit_gemm_tiled") },
    legal: |p| layered(p).and(memory(p)).and(bare(p)),
    preferred: |p| hardware(p.target()).and(filled(p)),
    plan: |p| {
        let work = Work::in_workgroup(p.pixels(), p.og4(), p.conv.groups, p.target());
        implicit_gemm(p, "conv/implicit_gemm_tiled", work)
    },
};
