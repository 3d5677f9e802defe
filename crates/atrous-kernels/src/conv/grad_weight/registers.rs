//! A tile of input × output channels of one tap in the registers of an invocation.

use atrous_shaders::conv::grad_weight_registers;

use super::problem::{GradWeight, Gradient, layered};
use super::stage::{Stage, Sums, Unit};
use super::{direct, sum, tiled};
use crate::kernel::Kernel;
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

fn tile(p: &Gradient<'_>) -> Tile {
    Tile::largest_in_registers(4 * p.cg4(), p.og4(), p.target())
}

fn stage(p: &Gradient<'_>) -> Stage {
    let tile = tile(p);
    Stage {
        kernel,
        tile: Some(tile),
        work: p.taps() * tile.count(4 * p.cg4(), p.og4()),
        per_group: GROUP,
        busy: 1 << 15,
        layers: p.conv.groups,
        unit: Unit::Pieces,
    }
}

fn kernel(p: &Gradient<'_>, sums: Sums) -> Kernel {
    let tile = tile(p);
    let Sums { geometry, units, accumulate, x, dy, partials } = sums;
    let call = grad_weight_registers::call(
        grad_weight_registers::Axes {
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        grad_weight_registers::Constants { geometry, units, accumulate },
        grad_weight_registers::Bindings { x, dy, p: partials },
    );
    call.into()
}
