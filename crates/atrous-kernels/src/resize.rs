//! Resampling from tables: interpolation, pooling over bins, and the gradients of all that weighs rows and columns on their own.

mod grad;
mod loss;
mod taps;

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{Reduce, Resize};

use crate::kernel::{Candidate, Kernel, choose, require, vec4s};
use crate::{Binding, NodePlan, PlanError, Problem, Slot, reduce};

use taps::{Axis, Taps};

pub(crate) use grad::{adaptive_grad_rows, avg_grad_rows, pad_grad_rows, resize_grad_rows};
pub use grad::{plan_adaptive_grad, plan_avg_grad, plan_pad_grad, plan_resize_grad};
pub use loss::{plan_cross_entropy, plan_cross_entropy_grad};

/// The two axes of an interpolation from `x` to the operation's size.
fn axes(op: &Resize, x: Shape) -> [Axis; 2] {
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

/// Plans the mean over `h×w` bins. A single bin is a reduction, unless another variant is asked for.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_adaptive(h: usize, w: usize, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output);
    let asked = matches!(problem.target.variant, Some("two_taps" | "taps"));
    if (h, w) == (1, 1) && x.base == 0 && y.base == 0 && !asked {
        return reduce::plan_reduce(&Reduce::MEAN_HW, problem);
    }
    let rows = Axis { n: x.full.shape.h, m: h, step: None };
    let columns = Axis { n: x.full.shape.w, m: w, step: None };
    let rows = (y.first_row..y.first_row + y.ty.shape.h).map(|i| rows.bin(i)).collect();
    let columns = (0..w).map(|i| columns.bin(i)).collect();
    resample("resize/taps", rows, columns, problem)
}

/// The input rows that some rows of an interpolation read.
pub(crate) fn input_rows(op: &Resize, in_full: Shape, rows: Range<usize>) -> Range<usize> {
    let [axis, _] = axes(op, in_full);
    hull(rows.map(|i| axis.taps(op.interpolation, i)))
}

/// The rows of an image of `in_h` rows that some of `h` rows of bins cover.
pub(crate) fn adaptive_input_rows(h: usize, in_h: usize, rows: Range<usize>) -> Range<usize> {
    let axis = Axis { n: in_h, m: h, step: None };
    hull(rows.map(|i| axis.bin(i)))
}

/// From the first row that any of these reads to the last; the first row if there is none.
fn hull(taps: impl Iterator<Item = Taps>) -> Range<usize> {
    taps.filter_map(|t| t.range()).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..1)
}

/// Plans a kernel for these lists of taps: one tap of weight 1, at most two taps, any.
fn resample(
    kernel: &str,
    mut rows: Vec<Taps>,
    columns: Vec<Taps>,
    problem: &Problem<'_>,
) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty);
    for (row, _) in rows.iter_mut().flat_map(|taps| &mut taps.0) {
        *row -= x.first_row;
    }
    let each = |holds: fn(&Taps) -> bool| rows.iter().chain(&columns).all(holds);
    let candidates = [
        Candidate::new("nearest", require(each(|t| matches!(t.0[..], [(_, 1.0)])), "some pixel is no copy of another")),
        Candidate {
            variant: "two_taps",
            legal: require(each(|t| matches!(t.0.len(), 1 | 2)), "some pixel has no tap or more than two"),
            preferred: require(!each(|t| t.0.len() < 2), "no pixel has two taps"),
        },
        Candidate::new("taps", Ok(())),
    ];
    let (variant, declined) = choose(problem.target, &candidates);
    let (axis, table): (_, Vec<u32>) = match variant {
        "nearest" => ("nearest", rows.iter().chain(&columns).flat_map(|t| [t.0[0].0 as u32, 0, 0, 0]).collect()),
        "two_taps" => ("two", rows.iter().chain(&columns).flat_map(two).collect()),
        _ => ("", listed(&rows, &columns)),
    };
    // One invocation a vec4, or a pixel where the channels become one.
    let pixels = y.shape.n * y.shape.h * y.shape.w;
    let (count, channels) = match kernel {
        "resize/argmax" => (pixels, Some(x.ty.shape.c)),
        _ => (vec4s(y), None),
    };
    let kernel = Kernel::storing(x.ty, kernel, axis);
    let kernel = channels.into_iter().fold(kernel, |kernel, c| kernel.sizes([("C", c)]));
    let dispatch = kernel
        .sizes([("N", y.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C4", x.ty.padded().c / 4)])
        .sizes([("OH", y.shape.h), ("OW", y.shape.w), ("TABLE_BASE", 0)])
        .bind("X_BASE", Slot::Input(0), x)
        .window(Binding { slot: Slot::Constant(0), offset: 0, size: table.len() as u64 * 4 })
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan { declined, constants: vec![table], ..NodePlan::single(variant, dispatch) })
}

/// A row of the two-tap table; a single tap is read twice, the second time with weight zero.
fn two(taps: &Taps) -> [u32; 4] {
    let (first, weight) = taps.0[0];
    let (second, other) = taps.0.get(1).copied().unwrap_or((first, 0.0));
    [first as u32, second as u32, weight.to_bits(), other.to_bits()]
}

/// The general table: where the taps of each row and column are and how many, counted in rows of four; then the taps.
fn listed(rows: &[Taps], columns: &[Taps]) -> Vec<u32> {
    let mut place = rows.len() + columns.len();
    let mut table = Vec::new();
    for taps in rows.iter().chain(columns) {
        table.extend([place as u32, taps.0.len() as u32, 0, 0]);
        place += taps.0.len();
    }
    let all = rows.iter().chain(columns).flat_map(|taps| &taps.0);
    table.extend(all.flat_map(|(i, weight)| [*i as u32, weight.to_bits(), 0, 0]));
    table
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{AdaptiveAvgPool, Coordinates, Interpolation};
    use atrous_graph::{Op, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    fn plan(op: Op, x: Shape) -> NodePlan {
        let target = Target::new(Limits::WEBGPU, true);
        let x = TensorType::image(x);
        plan_node(&op, &[x], op.infer(&[x]).expect("a valid case"), &target).expect("a plan")
    }

    #[test]
    fn the_longest_tap_list_picks_the_kernel() {
        let x = Shape::new(1, 8, 8, 4);
        let variant = |op| plan(op, x).variant;
        assert_eq!(variant(Op::Resize(Resize::nearest(3, 20))), "nearest");
        assert_eq!(variant(Op::Resize(Resize::bilinear(3, 20, Coordinates::HalfPixel))), "two_taps");
        let antialias = |h, w| Op::Resize(Resize { h, w, interpolation: Interpolation::BilinearAntialias, step: None });
        assert_eq!(variant(antialias(16, 16)), "two_taps");
        assert_eq!(variant(antialias(3, 16)), "taps");
        assert_eq!(variant(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 3, w: 3 })), "taps");
        assert_eq!(variant(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 1, w: 1 })), "single_stage");
    }

    #[test]
    fn the_general_table_points_at_its_taps() {
        let plan = plan(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 2, w: 1 }), Shape::new(1, 6, 5, 4));
        let table = &plan.constants[0];
        // Two rows and one column, then 3 + 3 + 5 taps.
        assert_eq!(table[..12], [3, 3, 0, 0, 6, 3, 0, 0, 9, 5, 0, 0]);
        assert_eq!(table.len(), 4 * (3 + 3 + 3 + 5));
        assert_eq!(table[6 * 4..][..4], [3, (1.0_f32 / 3.0).to_bits(), 0, 0]);
        assert_eq!(table[13 * 4..], [4, 0.2_f32.to_bits(), 0, 0]);
    }

    #[test]
    fn rows_read_by_rows_of_the_result() {
        let op = Resize::bilinear(16, 16, Coordinates::HalfPixel);
        assert_eq!(input_rows(&op, Shape::new(1, 8, 8, 4), 4..8), 1..5);
        assert_eq!(adaptive_input_rows(3, 7, 1..2), 2..5);
    }
}
