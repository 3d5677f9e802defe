//! The maximum over consecutive channels, and its gradient: each channel sums the gradients of the windows whose
//! maximum it is.

use atrous_graph::Shape;
use atrous_graph::op::{ChannelMaxPool, ChannelMaxPoolGrad};
use atrous_shaders::pool::{channel_max, channel_max_grad};

use super::window;
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for ChannelMaxPool {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (problem.inputs[0].ty, problem.output.ty.shape);
        let call = channel_max::call(
            channel_max::Axes { half: is_half(x) },
            channel_max::Constants {
                pixels: y.n * y.h * y.w,
                c4: x.padded().c / 4,
                o: y.c,
                window: self.window,
                stride: self.stride,
            },
            channel_max::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        window::plan("channel_max_pool", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for ChannelMaxPoolGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, dy) = (problem.inputs[0].ty, problem.inputs[1].ty);
        let Shape { n, h, w, c } = x.shape;
        let call = channel_max_grad::call(
            channel_max_grad::Axes { half: is_half(x) },
            channel_max_grad::Constants {
                pixels: n * h * w,
                c,
                c4: x.padded().c / 4,
                o: dy.shape.c,
                window: self.0.window,
                stride: self.0.stride,
            },
            channel_max_grad::Bindings {
                x: Bound::input(problem, 0),
                dy: Bound::input(problem, 1),
                dx: Bound::output(problem),
            },
        );
        window::plan("channel_max_pool_grad", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.all(section.window))
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::{DType, Op, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    #[test]
    fn channel_windows_count_the_channels_of_the_result() {
        let op = Op::ChannelMaxPool(ChannelMaxPool { window: 4, stride: 3 });
        let x = TensorType::image(Shape::new(1, 2, 2, 14));
        assert_eq!(op.infer(&[x]).map(|ty| ty.dtype), Ok(DType::F32));
        let y = op.infer(&[x]).expect("a valid case");
        let plan = plan_node(&op, &[x], y, &Target::new(Limits::WEBGPU, true)).expect("a plan");
        let set = &plan.dispatches[0].overrides;
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).expect("an override").1 as usize;
        assert_eq!(["O", "C4", "WINDOW", "STRIDE"].map(value), [4, 4, 4, 3]);
    }
}
