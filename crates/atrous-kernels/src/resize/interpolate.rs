//! Interpolation, and the channel of the largest value of one.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::Resize;

use super::tables::resample;
use super::taps::{Axis, Taps, hull};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;

/// The two axes of an interpolation from `x` to the operation's size.
pub(super) fn axes(op: &Resize, x: Shape) -> [Axis; 2] {
    let step = |i: usize| op.step.map(|s| s[i]);
    [Axis { n: x.h, m: op.h, step: step(0) }, Axis { n: x.w, m: op.w, step: step(1) }]
}

/// Plans an interpolation.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_resize(op: &Resize, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let [rows, columns] = interpolation(op, problem);
    resample("resize/taps", rows, columns, problem)
}

/// Plans the channel of the largest value of an interpolation.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_argmax(op: &Resize, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let [rows, columns] = interpolation(op, problem);
    resample("resize/argmax", rows, columns, problem)
}

/// The taps of every row and column of an interpolation.
fn interpolation(op: &Resize, problem: &Problem<'_>) -> [Vec<Taps>; 2] {
    let [rows, columns] = axes(op, problem.inputs[0].full.shape);
    let y = problem.output;
    let rows = (y.first_row..y.first_row + y.ty.shape.h).map(|i| rows.taps(op.interpolation, i)).collect();
    let columns = (0..y.ty.shape.w).map(|i| columns.taps(op.interpolation, i)).collect();
    [rows, columns]
}

/// The input rows that some rows of an interpolation read.
pub(crate) fn input_rows(op: &Resize, in_full: Shape, rows: Range<usize>) -> Range<usize> {
    let [axis, _] = axes(op, in_full);
    hull(rows.map(|i| axis.taps(op.interpolation, i)))
}
