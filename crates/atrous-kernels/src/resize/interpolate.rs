//! Interpolation, and its gradient.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{Resize, ResizeGrad};

use super::adjoint::{self, Forward};
use super::tables::{self, Kind, resample};
use super::taps::{Axis, Taps, hull};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::Entry;

impl Kernels for Resize {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let [rows, columns] = interpolation(self, problem);
        resample(Kind::Values, rows, columns, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| input_rows(self, section.inputs[0].shape, rows)))
    }

    fn writes_slices(&self) -> bool {
        true
    }
}

impl Kernels for ResizeGrad {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        adjoint::plan(&forward(self), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| gradient_rows(self, rows)))
    }
}

/// The two axes of an interpolation from `x` to the operation's size.
pub(crate) fn axes(op: &Resize, x: Shape) -> [Axis; 2] {
    let step = |i: usize| op.step.map(|s| s[i]);
    [Axis { n: x.h, m: op.h, step: step(0) }, Axis { n: x.w, m: op.w, step: step(1) }]
}

/// The taps of every row and column of an interpolation.
pub(super) fn interpolation(op: &Resize, problem: &Problem<'_>) -> [Vec<Taps>; 2] {
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

/// The interpolation along each axis, whose adjoint the gradient is.
fn forward(op: &ResizeGrad) -> [Forward; 2] {
    let rule = op.resize.interpolation;
    axes(&op.resize, Shape::new(1, op.h, op.w, 1)).map(|axis| Forward::new(axis.n, axis.m, |i| axis.taps(rule, i)))
}

/// The rows of `dy` that some rows of the gradient of an interpolation read.
pub(crate) fn gradient_rows(op: &ResizeGrad, rows: Range<usize>) -> Range<usize> {
    forward(op)[0].results(rows)
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Coordinates;

    use super::*;

    #[test]
    fn rows_read_by_rows_of_the_result() {
        let op = Resize::bilinear(16, 16, Coordinates::HalfPixel);
        assert_eq!(input_rows(&op, Shape::new(1, 8, 8, 4), 4..8), 1..5);
    }
}
