//! One filter for each channel: an invocation sums up a row of three taps, or a single tap, of a channel vec4.

use atrous_shaders::conv::grad_weight_depthwise;

use super::problem::{GradWeight, Gradient};
use super::stage::{Stage, Sums, Unit};
use super::{direct, registers, sum, tiled};
use crate::dispatch::GROUP;
use crate::kernel::Kernel;
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

/// Whether an invocation computes a row of three taps instead of a single tap.
fn row3(p: &Gradient<'_>) -> bool {
    p.kernel[1] == 3
}

fn stage(p: &Gradient<'_>) -> Stage {
    let taps = if row3(p) { p.kernel[0] } else { p.taps() };
    Stage {
        kernel,
        tile: None,
        work: taps * p.o4(),
        per_group: GROUP as usize,
        busy: 1 << 15,
        layers: 1,
        unit: Unit::Pieces,
    }
}

fn kernel(p: &Gradient<'_>, sums: Sums) -> Kernel {
    let Sums { geometry, units, accumulate, x, dy, partials } = sums;
    let call = grad_weight_depthwise::call(
        grad_weight_depthwise::Axes { row3: row3(p), half: p.half() },
        grad_weight_depthwise::Constants { geometry, units, accumulate },
        grad_weight_depthwise::Bindings { x, dy, p: partials },
    );
    call.into()
}
