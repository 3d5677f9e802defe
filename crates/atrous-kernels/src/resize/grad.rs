//! Gradients of all that weighs rows and columns on their own: interpolation, average pooling, bins, padding.
//!
//! Such an operation is a list of taps for each row and column of its result. Its gradient reads the same taps from the other
//! end: each pixel gathers from the results that it went into, by the weights it had there.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AvgPool, AvgPoolGrad, Pad, PadGrad, PadMode, Reduce, Reduction, ResizeGrad};

use super::interpolate::axes;
use super::tables::{asks_for_a_table, resample};
use super::taps::{Axis, Taps, hull, transposed};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;
use crate::reduce::plan_reduce;

/// What the forward operation does along one axis: the taps of each of its results, and the number of pixels they lie in.
struct Forward {
    taps: Vec<Taps>,
    n: usize,
}

impl Forward {
    fn new(n: usize, results: usize, taps: impl Fn(usize) -> Taps) -> Self {
        Self { taps: (0..results).map(taps).collect(), n }
    }

    /// The results that some of the pixels went into.
    fn results(&self, pixels: Range<usize>) -> Range<usize> {
        hull(transposed(&self.taps, self.n).drain(pixels))
    }
}

fn resize(op: &ResizeGrad) -> [Forward; 2] {
    let rule = op.resize.interpolation;
    axes(&op.resize, Shape::new(1, op.h, op.w, 1)).map(|axis| Forward::new(axis.n, axis.m, |i| axis.taps(rule, i)))
}

fn bins(h: usize, w: usize, dy: Shape) -> [Forward; 2] {
    [(h, dy.h), (w, dy.w)].map(|(n, m)| Forward::new(n, m, |i| Axis { n, m, step: None }.bin(i)))
}

/// Average pooling. A given divisor belongs to the rows; all others are a number of rows times a number of columns.
fn average(op: &AvgPoolGrad, dy: Shape) -> [Forward; 2] {
    let AvgPool { window, count_include_pad, divisor } = op.pool;
    let after = [window.padding.bottom, window.padding.right];
    let sizes = [(op.h, dy.h), (op.w, dy.w)];
    [0, 1].map(|axis| {
        let (n, results) = sizes[axis];
        Forward::new(n, results, |i| {
            let start = window.start(axis, i);
            let end = start + window.kernel[axis] as isize;
            let inside = |at: isize| at.clamp(0, n as isize) as usize;
            let pixels = inside(start)..inside(end);
            let padded = end.min((n + after[axis]) as isize) - start;
            let count = match divisor {
                Some(divisor) if axis == 0 => divisor,
                Some(_) => 1,
                None if count_include_pad => padded as usize,
                None => pixels.len(),
            };
            Taps::equal(pixels, (1.0 / count as f64) as f32)
        })
    })
}

fn padding(op: &PadGrad) -> [Forward; 2] {
    let Pad { padding: p, mode } = op.pad;
    [(op.h, p.top, p.bottom), (op.w, p.left, p.right)].map(|(n, before, after)| {
        let last = n as isize - 1;
        Forward::new(n, before + n + after, |i| {
            let at = i as isize - before as isize;
            let source = match mode {
                PadMode::Constant(_) => at,
                PadMode::Reflect => last - (last - at.abs()).abs(),
                PadMode::Replicate => at.clamp(0, last),
            };
            let copied = (0..=last).contains(&source);
            if copied { Taps::equal(source as usize..source as usize + 1, 1.0) } else { Taps::default() }
        })
    })
}

/// Plans the gradient of an interpolation.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_resize_grad(op: &ResizeGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    adjoint(&resize(op), problem)
}

/// Plans the gradient of average pooling.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_avg_grad(op: &AvgPoolGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    adjoint(&average(op, problem.inputs[0].full.shape), problem)
}

/// Plans the gradient of the mean over bins, of an image of `h×w`.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_adaptive_grad(h: usize, w: usize, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    adjoint(&bins(h, w, problem.inputs[0].full.shape), problem)
}

/// Plans the gradient of padding.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_pad_grad(op: &PadGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    adjoint(&padding(op), problem)
}

/// The rows of `dy` that some rows of the gradient of an interpolation read.
pub(crate) fn resize_grad_rows(op: &ResizeGrad, rows: Range<usize>) -> Range<usize> {
    resize(op)[0].results(rows)
}

/// The rows of `dy` that some rows of the gradient of average pooling read.
pub(crate) fn avg_grad_rows(op: &AvgPoolGrad, dy: Shape, rows: Range<usize>) -> Range<usize> {
    average(op, dy)[0].results(rows)
}

/// The rows of `dy`, which are rows of bins, that some rows of an image of `h` rows went into.
pub(crate) fn adaptive_grad_rows(h: usize, dy: Shape, rows: Range<usize>) -> Range<usize> {
    bins(h, 1, dy)[0].results(rows)
}

/// The rows of `dy` that some rows of the gradient of padding read.
pub(crate) fn pad_grad_rows(op: &PadGrad, rows: Range<usize>) -> Range<usize> {
    padding(op)[0].results(rows)
}

/// Plans the adjoint of an operation with these axes. That of repeating a single pixel is a sum over the image, unless another
/// variant is asked for.
fn adjoint(axes: &[Forward; 2], problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (dy, dx) = (&problem.inputs[0], problem.output);
    let repeated = |axis: &Forward| axis.n == 1 && axis.taps.iter().all(|t| matches!(t.0[..], [(0, 1.0)]));
    if axes.iter().all(repeated) && dy.base == 0 && dx.base == 0 && !asks_for_a_table(problem.target) {
        let sum = Reduce { reduction: Reduction::Sum, ..Reduce::MEAN_HW };
        return plan_reduce(&sum, problem);
    }
    let [rows, columns] = axes.each_ref().map(|axis| transposed(&axis.taps, axis.n));
    let rows = rows[dx.first_row..][..dx.ty.shape.h].to_vec();
    resample("resize/taps", rows, columns, problem)
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Coordinates, Gradient, Padding, Resize, Window};
    use atrous_graph::{Op, TensorType};

    use super::*;
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
        // A weight of one half is no copy, and one tap is no two.
        let pool = AvgPool { window: Window::new([2, 2], [2, 2]), count_include_pad: true, divisor: None };
        assert_eq!(
            variant(Op::Gradient(Gradient::AvgPool(AvgPoolGrad { pool, h: 8, w: 8 })), Shape::new(1, 4, 4, 4)),
            "taps"
        );
    }

    #[test]
    fn reflected_pixels_gather_from_both_sides() {
        let pad = Pad { padding: Padding::symmetric(2, 0), mode: PadMode::Reflect };
        let [rows, _] = padding(&PadGrad { pad, h: 4, w: 1 });
        // Rows 2 1 | 0 1 2 3 | 2 1.
        assert_eq!(transposed(&rows.taps, 4)[1], Taps(vec![(1, 1.0), (3, 1.0), (7, 1.0)]));
        assert_eq!(rows.results(0..1), 2..3);
        assert_eq!(rows.results(2..4), 0..7);
    }

    #[test]
    fn a_divisor_is_split_between_the_axes() {
        let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
        let weight = |count_include_pad, divisor| {
            let pool = AvgPool { window, count_include_pad, divisor };
            let [rows, columns] = average(&AvgPoolGrad { pool, h: 5, w: 5 }, Shape::new(1, 3, 3, 4));
            (rows.taps[0].0[0].1, columns.taps[0].0[0].1)
        };
        assert_eq!(weight(true, None), (1.0 / 3.0, 1.0 / 3.0));
        assert_eq!(weight(false, None), (0.5, 0.5));
        assert_eq!(weight(true, Some(8)), (0.125, 1.0));
    }
}
