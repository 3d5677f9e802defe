//! The variants of a convolution's gradient with respect to its filter, in two stages. The order of all sums is fixed.
//!
//! The first stage cuts the sum over the pixels of `dy` into slabs and writes a filter of partial sums for each. The
//! second stage adds the slabs. Tensors larger than a binding are read through windows, one dispatch each.

mod depthwise;
mod direct;
mod problem;
mod region;
mod registers;
mod stage;
mod subgroup;
mod sum;
mod tiled;

use atrous_graph::op::Conv2dGradWeight;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::{Entry, Variants};
use problem::{GradWeight, Gradient};

/// The variants, best first.
pub(crate) static VARIANTS: Variants<GradWeight> = Variants {
    best_first: &[&depthwise::VARIANT, &tiled::VARIANT, &subgroup::VARIANT, &registers::VARIANT],
    last: &direct::VARIANT,
};

impl Kernels for Conv2dGradWeight {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        VARIANTS.plan(&Gradient::new(self, problem)?, problem.target)
    }

    fn sums(&self) -> bool {
        true
    }

    fn is_worth_measuring(&self) -> bool {
        true
    }
}
