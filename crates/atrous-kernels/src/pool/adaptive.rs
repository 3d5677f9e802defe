//! Adaptive average pooling, the mean over bins, and its gradient.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AdaptiveAvgPool, AdaptiveAvgPoolGrad, Reduce};

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::resize::adjoint::{self, Forward};
use crate::resize::tables::{self, Kind, asks_for_taps, resample};
use crate::resize::taps::{Axis, hull};
use crate::variant::Entry;

impl Kernels for AdaptiveAvgPool {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    /// A single bin is planned as a reduction, unless another variant is asked for.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let Self { h, w } = *self;
        let (x, y) = (&problem.inputs[0], problem.output);
        if (h, w) == (1, 1) && x.base == 0 && y.base == 0 && !asks_for_taps(problem.target) {
            return Reduce::MEAN_HW.plan(problem);
        }
        let rows = Axis { n: x.full.shape.h, m: h, step: None };
        let columns = Axis { n: x.full.shape.w, m: w, step: None };
        let rows = (y.first_row..y.first_row + y.ty.shape.h).map(|i| rows.bin(i)).collect();
        let columns = (0..w).map(|i| columns.bin(i)).collect();
        resample(Kind::Values, rows, columns, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| input_rows(self.h, section.height(), rows)))
    }
}

impl Kernels for AdaptiveAvgPoolGrad {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        adjoint::plan(&forward(self, problem.inputs[0].full.shape), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| forward(self, section.inputs[0].shape)[0].results(rows)))
    }
}

/// The rows of an image with `in_h` rows that some rows of bins cover; there are `h` rows of bins.
fn input_rows(h: usize, in_h: usize, rows: Range<usize>) -> Range<usize> {
    let axis = Axis { n: in_h, m: h, step: None };
    hull(rows.map(|i| axis.bin(i)))
}

/// The pooling along each axis, whose adjoint the gradient is.
fn forward(op: &AdaptiveAvgPoolGrad, dy: Shape) -> [Forward; 2] {
    [(op.h, dy.h), (op.w, dy.w)].map(|(n, m)| Forward::new(n, m, |i| Axis { n, m, step: None }.bin(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_by_rows_of_bins() {
        assert_eq!(input_rows(3, 7, 1..2), 2..5);
    }
}
