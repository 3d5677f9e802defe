//! One sum for each element of the filter and slab.

use super::problem::{GradWeight, Gradient};
use super::stage::{Stage, Unit};
use super::sum;
use crate::dispatch::GROUP;
use crate::kernel::axes;
use crate::variant::{Entry, General};

pub(super) static VARIANT: General<GradWeight> =
    General { entry: Entry::new("grad_weight_direct"), plan: |p| sum::plan(p, &stage(p)) };

fn stage(p: &Gradient<'_>) -> Stage {
    Stage {
        name: "conv/grad_weight_direct",
        axes: axes(&[p.half()]),
        tile: None,
        work: p.taps() * 4 * p.cg4() * p.o4(),
        per_group: GROUP as usize,
        busy: 1 << 16,
        layers: 1,
        unit: Unit::Pieces,
    }
}
