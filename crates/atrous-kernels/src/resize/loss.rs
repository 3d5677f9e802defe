//! Cross-entropy of logits that are interpolated as they are read, and its gradient.

use atrous_graph::op::ResizeCrossEntropy;

use crate::kernel::{Kernel, vec4s};
use crate::label::ignored;
use crate::{Binding, NodePlan, PlanError, Problem, Slot};

use super::taps::Axis;
use super::{axes, two};

/// Plans the cross-entropy of resized logits.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cross_entropy(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let kernel = pixels(op, if problem.inputs.len() > 2 { "two,weights" } else { "two" }, problem);
    let kernel = with_weights(kernel.bind("Y_BASE", Slot::Output, &problem.output), 2, problem);
    let dispatch = kernel.invocations(pixel_count(problem), problem.target)?;
    Ok(NodePlan { constants: vec![pixel_table(op, problem)], ..NodePlan::single("resize_cross_entropy", dispatch) })
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
    let kernel = pixels(op, if weights { "two,weights,grad" } else { "two,grad" }, problem);
    let kernel = kernel.sizes([("Y_BASE", 0)]).window(scratch).bind("DY_BASE", Slot::Input(2), dy);
    let first = with_weights(kernel, 3, problem).invocations(pixel_count(problem), problem.target)?;

    let table = sum_table(op, problem);
    let dx = problem.output;
    let kernel = Kernel::new("label/resize_cross_entropy_grad", if weights { "weights" } else { "" })
        .sizes([("N", dx.ty.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C", x.ty.shape.c)])
        .sizes([("DH", dx.ty.shape.h), ("FIRST_ROW", dx.first_row - x.first_row)])
        .sizes([("OH", labels.ty.shape.h), ("OW", labels.ty.shape.w)])
        .set("SMOOTHING", f64::from(op.loss.smoothing))
        .bind("X_BASE", Slot::Input(0), x)
        .window(scratch)
        .window(Binding { slot: Slot::Constant(1), offset: 0, size: table.len() as u64 * 4 })
        .bind("DX_BASE", Slot::Output, &dx);
    let second = with_weights(kernel, 3, problem).invocations(vec4s(dx.ty), problem.target)?;
    Ok(NodePlan {
        dispatches: vec![first, second],
        scratch: vec![scratch.size],
        constants: vec![pixel_table(op, problem), table],
        variant: "resize_cross_entropy_grad",
        ..NodePlan::default()
    })
}

/// The number of resized pixels.
fn pixel_count(problem: &Problem<'_>) -> usize {
    problem.inputs[1].ty.shape.len()
}

/// The kernel that goes over the resized pixels, up to its result.
fn pixels(op: &ResizeCrossEntropy, variant: &str, problem: &Problem<'_>) -> Kernel {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    let table = pixel_table(op, problem).len() as u64 * 4;
    Kernel::new("label/resize_cross_entropy", variant)
        .sizes([("N", x.ty.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C4", x.ty.padded().c / 4)])
        .sizes([("OH", labels.ty.shape.h), ("OW", labels.ty.shape.w), ("TABLE_BASE", 0), ("C", x.ty.shape.c)])
        .set("IGNORE", ignored(op.loss.ignore))
        .set("SMOOTHING", f64::from(op.loss.smoothing))
        .bind("X_BASE", Slot::Input(0), x)
        .window(Binding { slot: Slot::Constant(0), offset: 0, size: table })
        .bind("LABELS_BASE", Slot::Input(1), labels)
}

/// Binds the class weights, if there are any, as the last binding.
fn with_weights(kernel: Kernel, input: usize, problem: &Problem<'_>) -> Kernel {
    match problem.inputs.get(input) {
        Some(part) => kernel.bind("WEIGHTS_BASE", Slot::Input(input), part),
        None => kernel,
    }
}

/// The two taps of each resized row, then of each column.
fn pixel_table(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Vec<u32> {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    let [rows, columns] = axes(&op.resize, x.full.shape);
    let taps = |axis: Axis, i: usize, first: usize| {
        let [a, b, v, w] = two(&axis.taps(op.resize.interpolation, i));
        [a - first as u32, b - first as u32, v, w]
    };
    let rows = (labels.first_row..labels.first_row + labels.ty.shape.h).map(|i| taps(rows, i, x.first_row));
    rows.chain((0..labels.ty.shape.w).map(|i| taps(columns, i, 0))).flatten().collect()
}

/// What one pixel gives to a resized one: which, by what weight, and the other pixel that the resized one is made of, with its weight.
type Given = (usize, f32, usize, f32);

/// By pixel of an axis: what it gives.
fn given(op: &ResizeCrossEntropy, axis: Axis) -> Vec<Vec<Given>> {
    let mut all = vec![Vec::new(); axis.n];
    for i in 0..axis.m {
        match axis.taps(op.resize.interpolation, i).0[..] {
            [(only, weight)] => all[only].push((i, weight, only, 0.0)),
            [(a, v), (b, w)] => {
                all[a].push((i, v, b, w));
                all[b].push((i, w, a, v));
            }
            _ => unreachable!("bilinear interpolation has one or two taps: a bug of atrous"),
        }
    }
    all
}

/// The table of the sums: for each row and column where its list begins and how long it is, counted in rows of four; then the lists.
fn sum_table(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Vec<u32> {
    let [x, labels, dx] = [&problem.inputs[0], &problem.inputs[1], &problem.output];
    let [rows, columns] = axes(&op.resize, x.full.shape).map(|axis| given(op, axis));
    let rows = rows[dx.first_row..][..dx.ty.shape.h].iter().map(|list| {
        list.iter().map(|&(i, v, other, w)| (i - labels.first_row, v, other - x.first_row, w)).collect::<Vec<_>>()
    });
    let lists: Vec<Vec<Given>> = rows.chain(columns).collect();
    let mut place = lists.len();
    let mut table = Vec::new();
    for list in &lists {
        table.extend([place as u32, list.len() as u32, 0, 0]);
        place += list.len();
    }
    table.extend(
        lists.iter().flatten().flat_map(|(i, v, other, w)| [*i as u32, v.to_bits(), *other as u32, w.to_bits()]),
    );
    table
}
