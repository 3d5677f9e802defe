//! Pooling over windows of pixels and of channels.

mod grad;

use atrous_graph::op::{AvgPool, ChannelMaxPool, Window};

use crate::kernel::{Kernel, vec4s};
use crate::{Dispatch, NodePlan, PlanError, Problem, Slot};

pub(crate) use grad::max_grad_rows;
pub use grad::{plan_channel_max_grad, plan_max_grad};

/// The constants that all window kernels share, and their bindings.
fn window(kernel: Kernel, op: &Window, problem: &Problem<'_>) -> Kernel {
    let (x, y) = (problem.inputs[0].ty.shape, problem.output.ty.shape);
    kernel
        .sizes([("H", x.h), ("W", x.w), ("C4", problem.inputs[0].ty.padded().c / 4)])
        .sizes([("N", y.n), ("OH", y.h), ("OW", y.w)])
        .sizes([("KH", op.kernel[0]), ("KW", op.kernel[1])])
        .sizes([("STRIDE_H", op.stride[0]), ("STRIDE_W", op.stride[1])])
        .sizes([("PAD_TOP", op.padding.top), ("PAD_LEFT", op.padding.left)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
}

fn max(kernel: &str, op: &Window, problem: &Problem<'_>) -> Kernel {
    window(Kernel::storing(problem.inputs[0].ty, kernel, ""), op, problem)
        .sizes([("DILATION_H", op.dilation[0]), ("DILATION_W", op.dilation[1])])
}

fn dispatch(kernel: Kernel, problem: &Problem<'_>) -> Result<Dispatch, PlanError> {
    kernel.invocations(vec4s(problem.output.ty), problem.target)
}

/// Plans the maximum over a window.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_max(op: &Window, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    Ok(NodePlan::single("max_pool", dispatch(max("pool/max", op, problem), problem)?))
}

/// Plans the position of the maximum in the whole input's plane.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_max_indices(op: &Window, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let x = &problem.inputs[0];
    let kernel = max("pool/max_indices", op, problem).sizes([("FIRST_ROW", x.first_row), ("C", x.ty.shape.c)]);
    Ok(NodePlan::single("max_pool_indices", dispatch(kernel, problem)?))
}

/// Plans the mean over a window. The divisor is that of PyTorch: the given one, or the positions inside the image, or those
/// inside image and padding.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_avg(op: &AvgPool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let x = problem.inputs[0].ty.shape;
    let padding = op.window.padding;
    let kernel = window(Kernel::storing(problem.output.ty, "pool/avg", ""), &op.window, problem)
        .sizes([("PADDED_H", x.h + padding.bottom), ("PADDED_W", x.w + padding.right)])
        .sizes([("COUNT_PAD", usize::from(op.count_include_pad)), ("DIVISOR", op.divisor.unwrap_or(0))]);
    Ok(NodePlan::single("avg_pool", dispatch(kernel, problem)?))
}

/// Plans the maximum over consecutive channels.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_channel_max(op: &ChannelMaxPool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty.shape);
    let kernel = Kernel::storing(x.ty, "pool/channel_max", "")
        .sizes([("PIXELS", y.n * y.h * y.w), ("C4", x.ty.padded().c / 4), ("O", y.c)])
        .sizes([("WINDOW", op.window), ("STRIDE", op.stride)])
        .bind("X_BASE", Slot::Input(0), x)
        .bind("Y_BASE", Slot::Output, &problem.output);
    Ok(NodePlan::single("channel_max_pool", dispatch(kernel, problem)?))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Gradient, MaxPoolIndices, Padding};
    use atrous_graph::{DType, Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    fn plan(op: Op, x: Shape, limits: Limits) -> NodePlan {
        let x = TensorType::image(x);
        plan_node(&op, &[x], op.infer(&[x]).expect("a valid case"), &Target::new(limits, true)).expect("a plan")
    }

    fn value(dispatch: &Dispatch, name: &str) -> usize {
        dispatch.overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
    }

    #[test]
    fn the_divisor_is_one_of_three() {
        let window =
            Window { padding: Padding { top: 1, bottom: 2, left: 0, right: 1 }, ..Window::new([3, 3], [2, 2]) };
        let of = |count_include_pad, divisor| {
            let op = Op::AvgPool(AvgPool { window, count_include_pad, divisor });
            let plan = plan(op, Shape::new(1, 9, 7, 5), Limits::WEBGPU);
            ["DIVISOR", "COUNT_PAD", "PADDED_H", "PADDED_W"].map(|name| value(&plan.dispatches[0], name))
        };
        assert_eq!(of(false, None), [0, 0, 11, 8]);
        assert_eq!(of(true, None), [0, 1, 11, 8]);
        assert_eq!(of(true, Some(7)), [7, 1, 11, 8]);
    }

    #[test]
    fn indices_count_from_the_first_row_of_the_image() {
        // One image of rows of 256 bytes, split into parts of at most 8 KiB.
        let limits = Limits { max_binding: 8 << 10, ..Limits::WEBGPU };
        let plan = plan(
            Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: Window::new([2, 2], [2, 2]) })),
            Shape::new(1, 64, 16, 4),
            limits,
        );
        assert!(plan.dispatches.len() > 1);
        let mut row = 0;
        for dispatch in &plan.dispatches {
            assert_eq!(value(dispatch, "FIRST_ROW"), row);
            row += value(dispatch, "H");
        }
        assert_eq!(row, 64);
    }

    #[test]
    fn channel_windows_count_the_channels_of_the_result() {
        let op = Op::ChannelMaxPool(ChannelMaxPool { window: 4, stride: 3 });
        let x = TensorType::image(Shape::new(1, 2, 2, 14));
        assert_eq!(op.infer(&[x]).map(|ty| ty.dtype), Ok(DType::F32));
        let plan = plan(op, x.shape, Limits::WEBGPU);
        assert_eq!(["O", "C4", "WINDOW", "STRIDE"].map(|name| value(&plan.dispatches[0], name)), [4, 4, 4, 3]);
    }
}
