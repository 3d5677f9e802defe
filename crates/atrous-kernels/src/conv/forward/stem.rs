//! Images of few channels, in tiles of registers along a row.

use crate::conv::conditions::{bare, dense};
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
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
    let kernel = p.bound("conv/stem", &format!("TILE_N={}", tile.n)).sizes([("CHANNELS", p.cin_g)]);
    let dispatch = kernel.groups(tiles.div_ceil(32) as u64, p.target())?;
    Ok(p.single(tile, dispatch))
}
