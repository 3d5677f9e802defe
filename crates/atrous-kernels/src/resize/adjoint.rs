//! Gradients of operations that weight rows and columns separately: interpolation, average pooling, bins, padding.
//!
//! Such an operation is a list of taps for each row and column of its result. Its gradient uses the transposed lists:
//! each pixel sums the gradients of the results that it contributed to, by the same weights.

use std::ops::Range;

use atrous_graph::op::{Reduce, Reduction};

use super::tables::{Kind, asks_for_a_table, resample};
use super::taps::{Taps, hull, transposed};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;

/// The forward operation along one axis.
pub(crate) struct Forward {
    /// The taps of each result.
    pub(crate) taps: Vec<Taps>,
    /// Number of pixels that the taps are in.
    n: usize,
}

impl Forward {
    /// An axis of `n` pixels and `results` results, with the taps of each result.
    pub(crate) fn new(n: usize, results: usize, taps: impl Fn(usize) -> Taps) -> Self {
        Self { taps: (0..results).map(taps).collect(), n }
    }

    /// The results that some of the pixels contribute to.
    pub(crate) fn results(&self, pixels: Range<usize>) -> Range<usize> {
        hull(transposed(&self.taps, self.n).drain(pixels))
    }
}

/// Plans the adjoint of an operation with these axes. If the operation repeats a single pixel, this is a sum over the
/// image, unless another variant is asked for.
pub(crate) fn plan(axes: &[Forward; 2], problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (dy, dx) = (&problem.inputs[0], problem.output);
    let repeated = |axis: &Forward| axis.n == 1 && axis.taps.iter().all(|t| matches!(t.0[..], [(0, 1.0)]));
    if axes.iter().all(repeated) && dy.base == 0 && dx.base == 0 && !asks_for_a_table(problem.target) {
        let sum = Reduce { reduction: Reduction::Sum, ..Reduce::MEAN_HW };
        return sum.plan(problem);
    }
    let [rows, columns] = axes.each_ref().map(|axis| transposed(&axis.taps, axis.n));
    let rows = rows[dx.first_row..][..dx.ty.shape.h].to_vec();
    resample(Kind::Values, rows, columns, problem)
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{AvgPool, AvgPoolGrad, Coordinates, Gradient, Resize, ResizeGrad, Window};
    use atrous_graph::{Op, Shape, TensorType};

    use crate::{Limits, Target, plan_node};

    fn variant(op: Op, dy: Shape) -> &'static str {
        let target = Target::new(Limits::WEBGPU, true);
        let dy = TensorType::image(dy);
        plan_node(&op, &[dy], op.infer(&[dy]).expect("a valid case"), &target).expect("a plan").variant
    }

    #[test]
    fn the_transposed_taps_pick_the_kernel() {
        let grad = |resize: Resize, h, w| {
            variant(Op::Gradient(Gradient::Resize(ResizeGrad { resize, h, w })), Shape::new(1, resize.h, resize.w, 4))
        };
        let half = |h, w| Resize::bilinear(h, w, Coordinates::HalfPixel);
        assert_eq!(grad(Resize::nearest(8, 8), 8, 8), "nearest");
        assert_eq!(grad(Resize::nearest(8, 8), 4, 4), "two_taps");
        assert_eq!(grad(Resize::nearest(8, 8), 16, 16), "taps");
        assert_eq!(grad(half(8, 8), 4, 4), "taps");
        assert_eq!(grad(half(8, 8), 1, 1), "single_stage");
        // A tap of weight one half is no copy, and one tap is not two.
        let pool = AvgPool { window: Window::new([2, 2], [2, 2]), count_include_pad: true, divisor: None };
        assert_eq!(
            variant(Op::Gradient(Gradient::AvgPool(AvgPoolGrad { pool, h: 8, w: 8 })), Shape::new(1, 4, 4, 4)),
            "taps"
        );
    }
}
