//! Convolutions as matrix products, taps outermost, in tiles of registers.

use super::{direct, im2col, implicit_gemm_split, implicit_gemm_tiled};
use crate::conv::conditions::{bare, layered};
use crate::conv::problem::Conv;
use crate::conv::product::{Work, implicit_gemm};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "implicit_gemm_registers",
        tiles: Tile::REGISTERS,
        beats: &[&im2col::VARIANT.entry, &direct::VARIANT.entry],
        beats_on_software: &[&implicit_gemm_split::VARIANT.entry, &implicit_gemm_tiled::VARIANT.entry],
    },
    legal: |p| layered(p).and(bare(p)),
    preferred: |_| Ok(()),
    plan: |p| {
        let work = Work::in_registers(p.pixels(), p.og4(), p.conv.groups, p.target());
        implicit_gemm(p, "conv/implicit_gemm_registers", work)
    },
};
