//! Shared parts of the kernels of pooling windows.

use std::ops::Range;

use atrous_graph::op::{Padding, Window};
use atrous_shaders::{Call, groups};

use crate::cut::rows_under;
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::problem::Problem;

/// The sizes of a window and of the image that it slides over.
pub(super) fn sizes(op: &Window, problem: &Problem<'_>) -> groups::Window {
    let (x, y) = (problem.inputs[0].ty.shape, problem.output.ty.shape);
    groups::Window {
        n: y.n,
        h: x.h,
        w: x.w,
        c4: problem.inputs[0].ty.padded().c / 4,
        oh: y.h,
        ow: y.w,
        kh: op.kernel[0],
        kw: op.kernel[1],
        stride_h: op.stride[0],
        stride_w: op.stride[1],
        dilation_h: op.dilation[0],
        dilation_w: op.dilation[1],
        pad_top: op.padding.top,
        pad_left: op.padding.left,
    }
}

/// One dispatch with an invocation for a vec4 of the result.
pub(super) fn plan(name: &'static str, call: Call<Bound>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    Ok(NodePlan::single(name, Kernel::from(call).invocations(vec4s(problem.output.ty), problem.target)?))
}

/// [`rows_under`] for pooling, where the padding below matters: it counts in the divisor, positions past it do not.
pub(super) fn pool_rows(window: &Window, out: &Range<usize>, height: usize) -> Option<(Range<usize>, Window)> {
    let reach = (window.kernel[0] - 1) * window.dilation[0] + 1;
    let (rows, padding) = rows_under(out, height, window.stride[0], reach, window.padding)?;
    let bottom = if rows.end == height { window.padding.bottom } else { 0 };
    Some((rows, Window { padding: Padding { bottom, ..padding }, ..*window }))
}
