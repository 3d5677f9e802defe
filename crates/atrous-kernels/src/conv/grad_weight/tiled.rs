//! Tiles of image and gradient in workgroup memory.

use atrous_shaders::conv::grad_weight_tiled;

use super::problem::{GradWeight, Gradient, layered};
use super::stage::{Stage, Sums, Unit};
use super::sum;
use crate::conv::conditions::hardware;
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Admission, Entry, Variant, require};

pub(super) static VARIANT: Variant<GradWeight> = Variant {
    entry: Entry { tiles: Tile::WORKGROUP, ..Entry::new("grad_weight_tiled") },
    legal,
    preferred: |p| {
        let filled = p.cg4() >= 4 && p.og4() >= 4;
        hardware(p.target()).and(require(filled, "a group has too few channels to fill a tile"))
    },
    plan: |p| sum::plan(p, &stage(p)),
};

/// Pixels of one step.
const STEP: usize = 16;

/// Bytes of workgroup memory of the largest tile.
const MEMORY: u32 = 8 << 10;

fn legal(p: &Gradient<'_>) -> Admission {
    let memory = p.target().limits.workgroup_memory >= MEMORY;
    layered(p).and(require(memory, "the tile passes the workgroup memory"))
}

/// The tile that the target asks for, or else the largest that input and output channels fill.
fn tile(p: &Gradient<'_>) -> Tile {
    let fit = |c4: usize| if c4 > 8 { 64 } else { 32 };
    let filled = Tile { m: fit(p.cg4()), n: fit(p.og4()) };
    Tile::asked(p.target(), Tile::WORKGROUP).unwrap_or(filled)
}

fn stage(p: &Gradient<'_>) -> Stage {
    let tile = tile(p);
    let tiles = p.cg4().div_ceil(tile.m / 4) * p.og4().div_ceil(tile.n / 4);
    Stage {
        kernel,
        tile: Some(tile),
        work: p.taps() * tiles,
        per_group: 1,
        busy: 512,
        layers: p.conv.groups,
        unit: Unit::Pixels(STEP),
    }
}

fn kernel(p: &Gradient<'_>, sums: Sums) -> Kernel {
    let tile = tile(p);
    let Sums { geometry, units, accumulate, x, dy, partials } = sums;
    let call = grad_weight_tiled::call(
        grad_weight_tiled::Axes { half: p.half(), tile_i: tile.m as u32, tile_o: tile.n as u32 },
        grad_weight_tiled::Constants { geometry, units, accumulate },
        grad_weight_tiled::Bindings { x, dy, p: partials },
    );
    call.into()
}
