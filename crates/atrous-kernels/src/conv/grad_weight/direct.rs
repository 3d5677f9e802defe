//! The general variant: an invocation sums up one vec4 of the filter in one slab.

use atrous_shaders::conv::grad_weight_direct;

use super::problem::{GradWeight, Gradient};
use super::stage::{Stage, Sums, Unit};
use super::sum;
use crate::dispatch::GROUP;
use crate::kernel::Kernel;
use crate::variant::{Entry, General};

pub(super) static VARIANT: General<GradWeight> =
    General { entry: Entry::new("grad_weight_direct"), plan: |p| sum::plan(p, &stage(p)) };

fn stage(p: &Gradient<'_>) -> Stage {
    Stage {
        kernel,
        tile: None,
        work: p.taps() * 4 * p.cg4() * p.o4(),
        per_group: GROUP as usize,
        busy: 1 << 16,
        layers: 1,
        unit: Unit::Pieces,
    }
}

fn kernel(p: &Gradient<'_>, sums: Sums) -> Kernel {
    let Sums { geometry, units, accumulate, x, dy, partials } = sums;
    let call = grad_weight_direct::call(
        grad_weight_direct::Axes { half: p.half() },
        grad_weight_direct::Constants { geometry, units, accumulate },
        grad_weight_direct::Bindings { x, dy, p: partials },
    );
    call.into()
}
