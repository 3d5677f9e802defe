//! Data movement: concat, slice, pad, flip; what repeats. All of it moves bits and takes any element type.

mod fill;

use std::ops::Range;

use atrous_graph::DType;
use atrous_graph::op::{Pad, PadMode, Slice};
use atrous_shaders::codes;
use atrous_shaders::movement::{concat, flip, pad, slice};

use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

pub use fill::{plan_broadcast, plan_fill, plan_place};

/// Plans a concatenation along the channels, one dispatch for each input that does not lie there already.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_concat(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty;
    // Of filters also the rows of their padding.
    let rows = y.padded();
    let pixels = rows.n * rows.h * rows.w;
    let mut first = 0;
    let mut dispatches = Vec::with_capacity(problem.inputs.len());
    for (i, x) in problem.inputs.iter().enumerate() {
        let c = x.ty.shape.c;
        if x.ty.shape.is_empty() || x.is_slice() {
            first += c;
            continue;
        }
        let touched = (first + c).div_ceil(4) - first / 4;
        let call = concat::call(
            concat::Axes { half: is_half(y) },
            concat::Constants { pixels, c, first, o4: y.padded().c / 4 },
            concat::Bindings { x: Bound::part(Slot::Input(i), x), y: Bound::part(Slot::Output, &problem.output) },
        );
        dispatches.push(Kernel::from(call).invocations(pixels * touched, problem.target)?);
        first += c;
    }
    let variant = if dispatches.is_empty() { "slices" } else { "concat" };
    Ok(NodePlan { variant, dispatches, ..NodePlan::default() })
}

/// Plans a box cut out of a tensor.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_slice(op: &Slice, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (problem.inputs[0].ty, problem.output.ty);
    let [start_n, start_h, start_w, start_c] = op.start;
    let call = slice::call(
        slice::Axes { half: is_half(y) },
        slice::Constants {
            h: x.shape.h,
            w: x.padded().w,
            c4: x.padded().c / 4,
            n: y.shape.n,
            oh: y.shape.h,
            ow: y.padded().w,
            o: y.shape.c,
            o4: y.padded().c / 4,
            start_n,
            start_h,
            start_w,
            start_c,
        },
        slice::Bindings {
            x: Bound::part(Slot::Input(0), &problem.inputs[0]),
            y: Bound::part(Slot::Output, &problem.output),
        },
    );
    Ok(NodePlan::single("slice", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

/// Plans rows and columns added around an image.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_pad(op: &Pad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty);
    let (mode, value) = match op.mode {
        PadMode::Constant(value) => (codes::PadMode::Constant, value),
        PadMode::Reflect => (codes::PadMode::Reflect, 0.0),
        PadMode::Replicate => (codes::PadMode::Replicate, 0.0),
    };
    let call = pad::call(
        pad::Axes { half: is_half(y) },
        pad::Constants {
            n: y.shape.n,
            h: x.ty.shape.h,
            w: x.ty.shape.w,
            c4: x.ty.padded().c / 4,
            c: y.shape.c,
            oh: y.shape.h,
            ow: y.shape.w,
            pad_top: op.padding.top,
            pad_left: op.padding.left,
            full_h: x.full.shape.h,
            row: x.first_row,
            out_row: problem.output.first_row,
            mode,
            value: bits(value, y.dtype) as usize,
        },
        pad::Bindings { x: Bound::part(Slot::Input(0), x), y: Bound::part(Slot::Output, &problem.output) },
    );
    Ok(NodePlan::single("pad", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

/// The bits of a number in an element type.
fn bits(value: f32, dtype: DType) -> u32 {
    if dtype == DType::F16 { u32::from(half::f16::from_f32(value).to_bits()) } else { value.to_bits() }
}

/// The rows of an image of `in_h` rows that some rows of the padded image repeat; at least one.
pub(crate) fn pad_input_rows(op: &Pad, in_h: usize, rows: Range<usize>) -> Range<usize> {
    let last = in_h as isize - 1;
    let source = |row: usize| {
        let i = row as isize - op.padding.top as isize;
        let mapped = if op.mode == PadMode::Reflect { last - (last - i.abs()).abs() } else { i };
        mapped.clamp(0, last) as usize
    };
    let first = rows.clone().map(source).min().unwrap_or(0);
    let end = rows.map(source).max().unwrap_or(0) + 1;
    first..end
}

/// Plans an image with its rows (`vertical`) or columns in reverse order. A part holds the rows that it mirrors.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_flip(vertical: bool, horizontal: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty;
    let call = flip::call(
        flip::Axes { half: is_half(y) },
        flip::Constants { n: y.shape.n, h: y.shape.h, w: y.shape.w, c4: y.padded().c / 4, vertical, horizontal },
        flip::Bindings {
            x: Bound::part(Slot::Input(0), &problem.inputs[0]),
            y: Bound::part(Slot::Output, &problem.output),
        },
    );
    Ok(NodePlan::single("flip", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn each_input_of_a_concatenation_touches_its_own_vec4s() {
        let inputs = [3, 6, 1].map(|c| TensorType::image(Shape::new(2, 5, 4, c)));
        let plan =
            plan_node(&Op::Concat, &inputs, TensorType::image(Shape::new(2, 5, 4, 10)), &TARGET).expect("a plan");
        let value = |i: usize, name| {
            let found = plan.dispatches[i].overrides.iter().find(|(n, _)| *n == name).expect("an override");
            found.1 as usize
        };
        assert_eq!([0, 1, 2].map(|i| value(i, "FIRST")), [0, 3, 9]);
        // Channels 3..9 touch the vec4s 0, 1 and 2: 40 pixels * 3 in groups of 64.
        assert_eq!(plan.dispatches[1].grid, [2, 1, 1]);
        assert_eq!(plan.dispatches[1].bindings[0].slot, Slot::Input(1));
    }

    #[test]
    fn rows_that_padding_repeats() {
        let pad = |mode| Pad { padding: Padding::symmetric(3, 0), mode };
        // Rows -3..1 of ten: mirrored 3, 2, 1, 0.
        assert_eq!(pad_input_rows(&pad(PadMode::Reflect), 10, 0..4), 0..4);
        assert_eq!(pad_input_rows(&pad(PadMode::Reflect), 10, 13..16), 6..9);
        assert_eq!(pad_input_rows(&pad(PadMode::Replicate), 10, 0..4), 0..1);
        assert_eq!(pad_input_rows(&pad(PadMode::Constant(1.0)), 10, 0..3), 0..1);
        assert_eq!(pad_input_rows(&pad(PadMode::Constant(1.0)), 10, 5..9), 2..6);
    }
}
