//! Convolutions whose long sums are cut into slabs, as matrix products in tiles of workgroup memory.

use super::implicit_gemm_tiled;
use crate::conv::conditions::{bare, filled, hardware, layered, memory};
use crate::conv::problem::Conv;
use crate::conv::slabs::{long, several};
use crate::conv::split;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::WORKGROUP, ..Entry::new("implicit_gemm_split") },
    legal: |p| layered(p).and(memory(p)).and(bare(p)).and_then(|()| several(p)),
    preferred: |p| hardware(p.target()).and(filled(p)).and_then(|()| long(p)),
    plan: |p| split::plan(p, implicit_gemm_tiled::kernel),
};
