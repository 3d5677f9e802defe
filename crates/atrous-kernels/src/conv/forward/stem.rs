//! Dense convolutions of images with at most 4 channels, in tiles of registers along a row.

use atrous_shaders::conv::stem;

use crate::conv::conditions::{bare, dense};
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::STEM, ..Entry::new("stem") },
    legal: |p| dense(p).and(require(p.cin_g <= 4, "the image has more than 4 channels")).and(bare(p)),
    preferred: |p| require(p.og4() > 1, "too few output channels to fill a tile"),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let (y, o4) = (p.y(), p.o4());
    let tile = Tile::of_stem(o4, p.target());
    let tiles = y.n * y.h * y.w.div_ceil(tile.m) * o4.div_ceil(tile.n / 4);
    let p = p.measuring(y.w, tile.m);
    let call = stem::call(
        stem::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_n: tile.n as u32,
        },
        stem::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), channels: p.cin_g },
        stem::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), p: p.moments(), r: p.residual() },
    );
    let dispatch = Kernel::from(call).groups(tiles.div_ceil(32) as u64, p.target())?;
    Ok(p.single(tile, dispatch))
}
