//! Cross-entropy of logits that are interpolated as they are read, and its gradient.

use std::ops::Range;

use atrous_graph::op::{ResizeCrossEntropy, ResizeCrossEntropyGrad};

use super::class_weights::ignored;
use crate::cut::{Cut, Section};
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::resize::interpolate::{axes, gradient_rows, input_rows};
use crate::resize::tables::two;

/// Rows of the gradient that an invocation goes down. What lies between the last of them and the next is computed twice.
const ROWS: usize = 4;

impl Kernels for ResizeCrossEntropy {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let table = table(self, problem);
        let kernel = pixels(self, if problem.inputs.len() > 2 { "two,weights" } else { "two" }, &table, problem);
        let kernel = with_weights(kernel.bind("Y_BASE", Slot::Output, &problem.output), 2, problem);
        let dispatch = kernel.invocations(pixel_count(problem), problem.target)?;
        Ok(NodePlan { constants: vec![table], ..NodePlan::single("resize_cross_entropy", dispatch) })
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let [x, labels] = [0, 1].map(|i| section.inputs[i].shape);
        if section.has_all_rows() {
            return Some(resized(section, 0..x.h, 1, 0..labels.h));
        }
        Some(resized(section, input_rows(&self.resize, x, section.rows()), 1, section.rows()))
    }
}

impl Kernels for ResizeCrossEntropyGrad {
    /// In two stages: what is needed of each resized pixel whatever the class, then the sums over them.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let [x, labels, dy] = [&problem.inputs[0], &problem.inputs[1], &problem.inputs[2]];
        let weights = problem.inputs.len() > 3;
        let scratch = Binding { slot: Slot::Scratch(0), offset: 0, size: pixel_count(problem) as u64 * 16 };
        let table = table(&self.0, problem);
        let kernel = pixels(&self.0, if weights { "two,weights,grad" } else { "two,grad" }, &table, problem);
        let kernel = kernel.sizes([("Y_BASE", 0)]).window(scratch).bind("DY_BASE", Slot::Input(2), dy);
        let first = with_weights(kernel, 3, problem).invocations(pixel_count(problem), problem.target)?;

        let dx = problem.output;
        let kernel = Kernel::new("loss/resize_cross_entropy_grad", if weights { "weights" } else { "" })
            .sizes([("N", dx.ty.shape.n), ("H", x.ty.shape.h), ("W", x.ty.shape.w), ("C", x.ty.shape.c)])
            .sizes([("DH", dx.ty.shape.h), ("FIRST_ROW", dx.first_row - x.first_row), ("ROWS", ROWS)])
            .sizes([("OH", labels.ty.shape.h), ("OW", labels.ty.shape.w)])
            .sizes([("PIXELS_BASE", 0), ("TABLE_BASE", 0)])
            .set("SMOOTHING", f64::from(self.0.loss.smoothing))
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

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let [x, labels] = [0, 1].map(|i| section.inputs[i].shape);
        if section.has_all_rows() {
            return Some(resized(section, 0..x.h, 2, 0..labels.h));
        }
        let out = section.rows();
        let rows = gradient_rows(&self.0.resize_grad(x), out.clone());
        // What these rows are made of, and the pixels themselves, which may count for none.
        let read = input_rows(&self.0.resize, x, rows.clone());
        Some(resized(section, read.start.min(out.start)..read.end.max(out.end), 2, rows))
    }
}

/// What is resized in rows `x`, so many others in these rows of the resized, all others (class weights) whole.
fn resized(section: &Section<'_>, x: Range<usize>, count: usize, rows: Range<usize>) -> Cut {
    let mut cut = section.first_rows(x);
    cut.inputs[1..=count].fill(section.samples(rows));
    cut
}

/// The number of resized pixels.
fn pixel_count(problem: &Problem<'_>) -> usize {
    problem.inputs[1].ty.shape.len()
}

/// The kernel that goes over the resized pixels, up to its result.
fn pixels(op: &ResizeCrossEntropy, variant: &str, table: &[u32], problem: &Problem<'_>) -> Kernel {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    Kernel::new("loss/resize_cross_entropy", variant)
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
