//! A tile of input × output channels of one tap in the registers of an invocation.

use super::problem::{GradWeight, Gradient, layered};
use super::stage::{Stage, Unit};
use super::{direct, sum, tiled};
use crate::kernel::{axes, is_sized};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<GradWeight> = Variant {
    entry: Entry {
        name: "grad_weight_registers",
        tiles: Tile::REGISTERS,
        beats: &[&direct::VARIANT.entry],
        beats_on_software: &[&tiled::VARIANT.entry],
    },
    legal: layered,
    preferred: |_| Ok(()),
    plan: |p| sum::plan(p, &stage(p)),
};

/// Invocations in a workgroup.
const GROUP: usize = 16;

fn stage(p: &Gradient<'_>) -> Stage {
    let name = "conv/grad_weight_registers";
    let tile = Tile::largest_in_registers(4 * p.cg4(), p.og4(), p.target());
    let sized = (is_sized(name, p.target()), "sized");
    Stage {
        name,
        axes: axes(&[sized, p.half(), (true, &tile.axes())]),
        tile: Some(tile),
        work: p.taps() * tile.count(4 * p.cg4(), p.og4()),
        per_group: GROUP,
        busy: 1 << 15,
        layers: p.conv.groups,
        unit: Unit::Pieces,
    }
}
