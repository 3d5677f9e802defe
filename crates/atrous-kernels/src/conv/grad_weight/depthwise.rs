//! One filter for each channel: all taps of a channel vec4 in registers.

use super::problem::{GradWeight, Gradient};
use super::stage::{Stage, Unit};
use super::{direct, registers, sum, tiled};
use crate::dispatch::GROUP;
use crate::kernel::axes;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<GradWeight> = Variant {
    entry: Entry {
        beats: &[&tiled::VARIANT.entry, &registers::VARIANT.entry, &direct::VARIANT.entry],
        ..Entry::new("grad_weight_depthwise")
    },
    legal: |p| require(p.cin_g == 1 && p.cout_g == 1, "not one filter a channel"),
    preferred: |_| Ok(()),
    plan: |p| sum::plan(p, &stage(p)),
};

fn stage(p: &Gradient<'_>) -> Stage {
    // A row of three taps is one invocation's.
    let row3 = p.kernel[1] == 3;
    let taps = if row3 { p.kernel[0] } else { p.taps() };
    Stage {
        name: "conv/grad_weight_depthwise",
        axes: axes(&[(row3, "row3"), p.half()]),
        tile: None,
        work: taps * p.o4(),
        per_group: GROUP as usize,
        busy: 1 << 15,
        layers: 1,
        unit: Unit::Pieces,
    }
}
