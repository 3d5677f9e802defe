//! Resampling from tables: interpolation, and pooling over bins.

mod taps;

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{Reduce, Resize};

use crate::kernel::{Candidate, Kernel, choose, require, vec4s};
use crate::{Binding, NodePlan, PlanError, Problem, Slot, reduce};

use taps::{Axis, Taps};

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
    let [rows, columns] = axes(op, problem.inputs[0].full.shape);
    let y = problem.output;
    let rows = (y.first_row..y.first_row + y.ty.shape.h).map(|i| rows.taps(op.interpolation, i)).collect();
    let columns = (0..y.ty.shape.w).map(|i| columns.taps(op.interpolation, i)).collect();
    resample(rows, columns, problem)
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
    resample(rows, columns, problem)
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

fn hull(taps: impl Iterator<Item = Taps>) -> Range<usize> {
    taps.map(|t| t.range()).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..1)
}

/// Plans the kernel for the longest list of taps: one, two or more.
fn resample(mut rows: Vec<Taps>, columns: Vec<Taps>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty);
    for taps in &mut rows {
        taps.first -= x.first_row;
    }
    let longest = rows.iter().chain(&columns).map(|t| t.weights.len()).max().unwrap_or(1);
    let candidates = [
        Candidate::new("nearest", require(longest == 1, "some pixel has more than one tap")),
        Candidate::new("two_taps", require(longest <= 2, "some pixel has more than two taps")),
        Candidate::new("taps", Ok(())),
    ];
    let (variant, declined) = choose(problem.target, &candidates);
    let (axis, table): (_, Vec<u32>) = match variant {
        "nearest" => ("nearest", rows.iter().chain(&columns).flat_map(|t| [t.first as u32, 0, 0, 0]).collect()),
        "two_taps" => ("two", rows.iter().chain(&columns).flat_map(two).collect()),
        _ => ("", weighted(&rows, &columns)),
    };
    let dispatch = Kernel::new("resize/taps", axis)
        .sizes([("N", y.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C4", y.padded().c / 4)])
        .sizes([("OH", y.shape.h), ("OW", y.shape.w), ("TABLE_BASE", 0)])
        .bind("X_BASE", Slot::Input(0), x)
        .window(Binding { slot: Slot::Constant(0), offset: 0, size: table.len() as u64 * 4 })
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(y), problem.target)?;
    Ok(NodePlan { declined, constants: vec![table], ..NodePlan::single(variant, dispatch) })
}

/// A row of the two-tap table; a single tap is read twice, the second time with weight zero.
fn two(taps: &Taps) -> [u32; 4] {
    let last = taps.range().end - 1;
    let second = taps.weights.get(1).copied().unwrap_or(0.0);
    [taps.first as u32, last as u32, taps.weights[0].to_bits(), second.to_bits()]
}

/// The general table: where each row and column begins, how many weights it has and where they are; then the weights.
fn weighted(rows: &[Taps], columns: &[Taps]) -> Vec<u32> {
    let mut heads = Vec::new();
    let mut weights: Vec<u32> = Vec::new();
    let start = 4 * (rows.len() + columns.len());
    for taps in rows.iter().chain(columns) {
        heads.extend([taps.first as u32, taps.weights.len() as u32, (start + weights.len()) as u32, 0]);
        weights.extend(taps.weights.iter().map(|w| w.to_bits()));
    }
    heads.extend(weights);
    heads.resize(heads.len().next_multiple_of(4), 0);
    heads
}

/// Plans plan_avg_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_avg_grad(op: &atrous_graph::op::AvgPoolGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_adaptive_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_adaptive_grad(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = problem;
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_resize_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_resize_grad(op: &atrous_graph::op::ResizeGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_pad_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_pad_grad(op: &atrous_graph::op::PadGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Coordinates, Interpolation};
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
        assert_eq!(variant(Op::AdaptiveAvgPool { h: 3, w: 3 }), "taps");
        assert_eq!(variant(Op::AdaptiveAvgPool { h: 1, w: 1 }), "single_stage");
    }

    #[test]
    fn the_general_table_points_at_its_weights() {
        let plan = plan(Op::AdaptiveAvgPool { h: 2, w: 1 }, Shape::new(1, 6, 5, 4));
        let table = &plan.constants[0];
        assert_eq!(table.len() % 4, 0);
        // Two rows and one column, then 3 + 3 + 5 weights.
        assert_eq!(table[..12], [0, 3, 12, 0, 3, 3, 15, 0, 0, 5, 18, 0]);
        assert_eq!(f32::from_bits(table[18]), 0.2);
    }

    #[test]
    fn rows_read_by_rows_of_the_result() {
        let op = Resize::bilinear(16, 16, Coordinates::HalfPixel);
        assert_eq!(input_rows(&op, Shape::new(1, 8, 8, 4), 4..8), 1..5);
        assert_eq!(adaptive_input_rows(3, 7, 1..2), 2..5);
    }
}
