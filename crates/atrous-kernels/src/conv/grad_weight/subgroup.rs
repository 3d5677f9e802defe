//! A tile of input × output channels of one tap, whose input channels a subgroup loads together.

use atrous_shaders::conv::grad_weight_subgroup;

use super::problem::{GradWeight, Gradient, layered};
use super::stage::{Stage, Sums, Unit};
use super::{direct, sum, tiled};
use crate::conv::conditions::{shared, subgroups};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<GradWeight> = Variant {
    entry: Entry {
        name: "grad_weight_subgroup",
        tiles: Tile::SUBGROUP_CHANNELS,
        beats: &[&direct::VARIANT.entry],
        beats_on_software: &[&tiled::VARIANT.entry],
    },
    legal: |p| subgroups(p.target()).and(layered(p)),
    preferred: |p| shared(p.target(), p.og4()).and(require(p.cg4() > 2, "too few input channels to fill a tile")),
    plan: |p| sum::plan(p, &stage(p)),
};

fn stage(p: &Gradient<'_>) -> Stage {
    let tile = Tile::channels_in_subgroups(4 * p.cg4(), p.target());
    Stage {
        kernel,
        tile: Some(tile),
        work: p.taps() * tile.count(4 * p.cg4(), p.og4()),
        per_group: 1,
        busy: 64,
        layers: p.conv.groups,
        unit: Unit::Pieces,
    }
}

fn kernel(p: &Gradient<'_>, sums: Sums) -> Kernel {
    let tile = Tile::channels_in_subgroups(4 * p.cg4(), p.target());
    let Sums { geometry, units, accumulate, x, dy, partials } = sums;
    let call = grad_weight_subgroup::call(
        grad_weight_subgroup::Axes { sized: p.target().software, half: p.half(), tile_m: tile.m as u32, tile_n: 4 },
        grad_weight_subgroup::Constants { geometry, units, accumulate },
        grad_weight_subgroup::Bindings { x, dy, p: partials },
    );
    call.into()
}
