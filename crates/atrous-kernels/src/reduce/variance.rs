//! The variance over all pixels.

use super::combine::combine;
use super::pixels::{Pixels, plan_pixels};
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::problem::Problem;

/// Plans the biased variance of each channel around a given mean.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub fn plan_variance(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let slabs = |pixels: &Pixels, x: Binding, base: usize| {
        let divisor = if pixels.single() { pixels.count } else { 1 };
        Kernel::storing(problem.inputs[0].ty, "reduce/variance_slabs", "")
            .sizes([("X_BASE", base), ("DIVISOR", divisor)])
            .window(x)
            .bind("MEAN_BASE", Slot::Input(1), &problem.inputs[1])
    };
    plan_pixels(problem, 1, &slabs, &|p| combine(p.stages, p.all_slabs(), false, p.count, problem))
}
