//! The mean over bins.

use std::ops::Range;

use atrous_graph::op::Reduce;

use super::tables::{asks_for_taps, resample};
use super::taps::{Axis, hull};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;
use crate::reduce::plan_reduce;

/// Plans the mean over `h×w` bins. A single bin is a reduction, unless another variant is asked for.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_adaptive(h: usize, w: usize, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output);
    if (h, w) == (1, 1) && x.base == 0 && y.base == 0 && !asks_for_taps(problem.target) {
        return plan_reduce(&Reduce::MEAN_HW, problem);
    }
    let rows = Axis { n: x.full.shape.h, m: h, step: None };
    let columns = Axis { n: x.full.shape.w, m: w, step: None };
    let rows = (y.first_row..y.first_row + y.ty.shape.h).map(|i| rows.bin(i)).collect();
    let columns = (0..w).map(|i| columns.bin(i)).collect();
    resample("resize/taps", rows, columns, problem)
}

/// The rows of an image of `in_h` rows that some of `h` rows of bins cover.
pub(crate) fn adaptive_input_rows(h: usize, in_h: usize, rows: Range<usize>) -> Range<usize> {
    let axis = Axis { n: in_h, m: h, step: None };
    hull(rows.map(|i| axis.bin(i)))
}
