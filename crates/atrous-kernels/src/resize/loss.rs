//! Cross-entropy of logits that are interpolated as they are read, and its gradient.

use atrous_graph::op::ResizeCrossEntropy;

use crate::kernel::{Kernel, vec4s};
use crate::label::ignored;
use crate::{Binding, NodePlan, PlanError, Problem, Slot};

use super::interpolate::axes;
use super::tables::two;

/// Rows of the gradient that an invocation goes down. What lies between the last of them and the next is computed twice.
const ROWS: usize = 4;

/// Plans the cross-entropy of resized logits.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cross_entropy(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let table = table(op, problem);
    let kernel = pixels(op, if problem.inputs.len() > 2 { "two,weights" } else { "two" }, &table, problem);
    let kernel = with_weights(kernel.bind("Y_BASE", Slot::Output, &problem.output), 2, problem);
    let dispatch = kernel.invocations(pixel_count(problem), problem.target)?;
    Ok(NodePlan { constants: vec![table], ..NodePlan::single("resize_cross_entropy", dispatch) })
}

/// Plans the gradient of the cross-entropy of resized logits with respect to the logits before, in two stages: what is needed of each
/// resized pixel whatever the class, then the sums over them.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cross_entropy_grad(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let [x, labels, dy] = [&problem.inputs[0], &problem.inputs[1], &problem.inputs[2]];
    let weights = problem.inputs.len() > 3;
    let scratch = Binding { slot: Slot::Scratch(0), offset: 0, size: pixel_count(problem) as u64 * 16 };
    let table = table(op, problem);
    let kernel = pixels(op, if weights { "two,weights,grad" } else { "two,grad" }, &table, problem);
    let kernel = kernel.sizes([("Y_BASE", 0)]).window(scratch).bind("DY_BASE", Slot::Input(2), dy);
    let first = with_weights(kernel, 3, problem).invocations(pixel_count(problem), problem.target)?;

    let dx = problem.output;
    let kernel = Kernel::new("label/resize_cross_entropy_grad", if weights { "weights" } else { "" })
        .sizes([("N", dx.ty.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C", x.ty.shape.c)])
        .sizes([("DH", dx.ty.shape.h), ("FIRST_ROW", dx.first_row - x.first_row), ("ROWS", ROWS)])
        .sizes([("OH", labels.ty.shape.h), ("OW", labels.ty.shape.w)])
        .sizes([("PIXELS_BASE", 0), ("TABLE_BASE", 0)])
        .set("SMOOTHING", f64::from(op.loss.smoothing))
        .bind("X_BASE", Slot::Input(0), x)
        .window(scratch)
        .window(Binding { slot: Slot::Constant(0), offset: 0, size: table.len() as u64 * 4 })
        .bind("DX_BASE", Slot::Output, &dx);
    let strips = vec4s(dx.ty) / dx.ty.shape.h * dx.ty.shape.h.div_ceil(ROWS);
    let second = with_weights(kernel, 3, problem).invocations(strips, problem.target)?;
    Ok(NodePlan {
        dispatches: vec![first, second],
        scratch: vec![scratch.size],
        constants: vec![table],
        variant: "resize_cross_entropy_grad",
        ..NodePlan::default()
    })
}

/// The number of resized pixels.
fn pixel_count(problem: &Problem<'_>) -> usize {
    problem.inputs[1].ty.shape.len()
}

/// The kernel that goes over the resized pixels, up to its result.
fn pixels(op: &ResizeCrossEntropy, variant: &str, table: &[u32], problem: &Problem<'_>) -> Kernel {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    Kernel::new("label/resize_cross_entropy", variant)
        .sizes([("N", x.ty.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C4", x.ty.padded().c / 4)])
        .sizes([("OH", labels.ty.shape.h), ("OW", labels.ty.shape.w), ("TABLE_BASE", 0), ("C", x.ty.shape.c)])
        .set("IGNORE", ignored(op.loss.ignore))
        .set("SMOOTHING", f64::from(op.loss.smoothing))
        .bind("X_BASE", Slot::Input(0), x)
        .window(Binding { slot: Slot::Constant(0), offset: 0, size: table.len() as u64 * 4 })
        .bind("LABELS_BASE", Slot::Input(1), labels)
}

/// Binds the class weights, if there are any, as the last binding.
fn with_weights(kernel: Kernel, input: usize, problem: &Problem<'_>) -> Kernel {
    match problem.inputs.get(input) {
        Some(part) => kernel.bind("WEIGHTS_BASE", Slot::Input(input), part),
        None => kernel,
    }
}

/// The two taps of each resized row, then of each column; then for each row and one more, and each column and one more, where the
/// resized ones begin whose first tap it is.
fn table(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Vec<u32> {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    let axes = axes(&op.resize, x.full.shape);
    // Of rows and columns: the pixels and the resized ones that the parts have.
    let [pixels, resized] = [x, labels].map(|part| {
        let first = part.first_row;
        [first..first + part.ty.shape.h, 0..part.ty.shape.w]
    });
    let (mut table, mut bands) = (Vec::new(), Vec::new());
    for ((axis, pixels), resized) in axes.iter().zip(pixels).zip(resized) {
        let first = pixels.start as u32;
        let taps: Vec<[u32; 4]> = resized.map(|i| two(&axis.taps(op.resize.interpolation, i))).collect();
        let begins = |pixel: usize| taps.partition_point(|[tap, ..]| (*tap as usize) < pixel) as u32;
        bands.extend((pixels.start..=pixels.end).flat_map(|pixel| [begins(pixel), 0, 0, 0]));
        table.extend(taps.iter().flat_map(|[a, b, v, w]| [a - first, b - first, *v, *w]));
    }
    table.extend(bands);
    table
}
