//! The variants of a convolution's gradient with respect to its filter, in two stages of fixed order.
//!
//! The first stage cuts the sum over the pixels of `dy` into slabs and writes a filter of partial sums for each, the second adds
//! the slabs up. Tensors larger than a binding are read through windows, one dispatch each.

mod depthwise;
mod direct;
mod problem;
mod region;
mod registers;
mod stage;
mod sum;
mod tiled;

use atrous_graph::op::Conv2dGradWeight;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;
use crate::variant::Variants;
use problem::{GradWeight, Gradient};

/// The variants, best first.
pub(crate) static VARIANTS: Variants<GradWeight> =
    Variants { best_first: &[&depthwise::VARIANT, &tiled::VARIANT, &registers::VARIANT], last: &direct::VARIANT };

/// Plans the gradient of a convolution's filter.
///
/// # Errors
/// [`PlanError::Limit`] if the filter, or one row of an image, does not fit the adapter.
pub fn plan_grad_weight(op: &Conv2dGradWeight, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    VARIANTS.plan(&Gradient::new(op, problem)?, problem.target)
}
