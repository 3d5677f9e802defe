//! Cross-entropy of logits that are interpolated while they are read, and its gradient.

use std::ops::Range;

use atrous_graph::op::{ResizeCrossEntropy, ResizeCrossEntropyGrad};
use atrous_shaders::groups::Resample;
use atrous_shaders::loss::{resize_cross_entropy, resize_cross_entropy_grad};

use super::class_weights::{ignored, weights};
use crate::cut::{Cut, Section};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::resize::interpolate::{axes, gradient_rows, input_rows};
use crate::resize::tables::two;

/// Rows of the gradient that an invocation computes. Resized rows between its last row and the next are computed twice.
const ROWS: usize = 4;

impl Kernels for ResizeCrossEntropy {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let table = table(self, problem);
        let stage = Stage { y: Bound::output(problem), dy: None, weights: weights(problem, 2) };
        let dispatch = pixels(self, problem, &table, stage)?;
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
    /// Plans two stages. The first stores what the gradient needs of each resized pixel, whatever the class; the second
    /// sums the gradients of the resized pixels.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let table = table(&self.0, problem);
        let size = pixel_count(problem) as u64 * 16;
        let scratch = Bound::window(Binding { slot: Slot::Scratch(0), offset: 0, size }, 0);
        let stage = Stage { y: scratch, dy: Some(Bound::input(problem, 2)), weights: weights(problem, 3) };
        let first = pixels(&self.0, problem, &table, stage)?;
        let second = sums(&self.0, problem, &table, scratch)?;
        Ok(NodePlan {
            dispatches: vec![first, second],
            scratch: vec![size],
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
        // The rows that the resized rows are interpolated from, and the rows of the result, which no resized row may
        // read.
        let read = input_rows(&self.0.resize, x, rows.clone());
        Some(resized(section, read.start.min(out.start)..read.end.max(out.end), 2, rows))
    }
}

/// Rows `x` of the logits, these `rows` of the next `count` inputs, which have the resized size, and all others (class
/// weights) whole.
fn resized(section: &Section<'_>, x: Range<usize>, count: usize, rows: Range<usize>) -> Cut {
    let mut cut = section.first_rows(x);
    cut.inputs[1..=count].fill(section.samples(rows));
    cut
}

/// The number of resized pixels.
fn pixel_count(problem: &Problem<'_>) -> usize {
    problem.inputs[1].ty.shape.len()
}

/// What a dispatch over the resized pixels writes, and what it reads besides logits, table and labels.
#[derive(Clone, Copy)]
struct Stage {
    y: Bound,
    /// `Some` in the first stage of the gradient.
    dy: Option<Bound>,
    weights: Option<Bound>,
}

/// The dispatch over the resized pixels, which computes their losses, or what the gradient needs of them.
fn pixels(op: &ResizeCrossEntropy, problem: &Problem<'_>, table: &[u32], stage: Stage) -> Result<Dispatch, PlanError> {
    let Stage { y, dy, weights } = stage;
    let [x, labels] = [0, 1].map(|i| problem.inputs[i].ty);
    let (weighted, grad) = (weights.is_some(), dy.is_some());
    let call = resize_cross_entropy::call(
        resize_cross_entropy::Axes { nearest: false, two: true, weights: weighted, grad, half: false },
        resize_cross_entropy::Constants {
            resample: Resample {
                n: x.shape.n,
                h: x.shape.h,
                w: x.shape.w,
                c4: x.padded().c / 4,
                oh: labels.shape.h,
                ow: labels.shape.w,
            },
            c: x.shape.c,
            ignore: ignored(op.loss.ignore),
            smoothing: f64::from(op.loss.smoothing),
        },
        resize_cross_entropy::Bindings {
            x: Bound::input(problem, 0),
            table: bound_table(table),
            labels: Bound::input(problem, 1),
            y,
            dy,
            weights,
        },
    );
    Kernel::from(call).invocations(pixel_count(problem), problem.target)
}

/// The dispatch that sums the gradients of the resized pixels. `pixels` is the result of the first stage.
fn sums(op: &ResizeCrossEntropy, problem: &Problem<'_>, table: &[u32], pixels: Bound) -> Result<Dispatch, PlanError> {
    let ([x, labels], dx) = ([0, 1].map(|i| &problem.inputs[i]), &problem.output);
    let weights = weights(problem, 3);
    let call = resize_cross_entropy_grad::call(
        resize_cross_entropy_grad::Axes { weights: weights.is_some() },
        resize_cross_entropy_grad::Constants {
            n: dx.ty.shape.n,
            h: x.ty.shape.h,
            w: x.ty.shape.w,
            c: x.ty.shape.c,
            dh: dx.ty.shape.h,
            first_row: dx.first_row - x.first_row,
            rows: ROWS,
            oh: labels.ty.shape.h,
            ow: labels.ty.shape.w,
            smoothing: f64::from(op.loss.smoothing),
        },
        resize_cross_entropy_grad::Bindings {
            x: Bound::input(problem, 0),
            pixels,
            table: bound_table(table),
            dx: Bound::output(problem),
            weights,
        },
    );
    let strips = vec4s(dx.ty) / dx.ty.shape.h * dx.ty.shape.h.div_ceil(ROWS);
    Kernel::from(call).invocations(strips, problem.target)
}

fn bound_table(table: &[u32]) -> Bound {
    Bound::window(Binding { slot: Slot::Constant(0), offset: 0, size: table.len() as u64 * 4 }, 0)
}

/// The two taps of each resized row, then of each resized column. Then, for each row of the logits and one past the
/// last, the index of the first resized row whose first tap is not before it; then the same for columns.
fn table(op: &ResizeCrossEntropy, problem: &Problem<'_>) -> Vec<u32> {
    let [x, labels] = [&problem.inputs[0], &problem.inputs[1]];
    let axes = axes(&op.resize, x.full.shape);
    // For rows and columns: those of the logits' part, and the resized ones of the labels' part.
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
