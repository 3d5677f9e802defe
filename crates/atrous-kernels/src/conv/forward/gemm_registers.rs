//! 1×1 convolutions as matrix products, in tiles of registers.

use super::{gemm_split, gemm_tiled, implicit_gemm_registers, implicit_gemm_split, implicit_gemm_tiled};
use crate::conv::conditions::{bare, pointwise};
use crate::conv::problem::Conv;
use crate::conv::product::{Work, gemm, in_registers};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "gemm_registers",
        tiles: Tile::REGISTERS,
        beats: &[
            &implicit_gemm_split::VARIANT.entry,
            &implicit_gemm_tiled::VARIANT.entry,
            &implicit_gemm_registers::VARIANT.entry,
        ],
        beats_on_software: &[&gemm_split::VARIANT.entry, &gemm_tiled::VARIANT.entry],
    },
    legal: |p| pointwise(p).and(bare(p)),
    preferred: |_| Ok(()),
    plan: |p| gemm(p, Work::in_registers(p.pixels(), p.o4(), 1, p.target()), in_registers),
};
