//! The maximum over consecutive channels, and its gradient: each channel gathers from the windows that chose it.

use atrous_graph::op::{ChannelMaxPool, ChannelMaxPoolGrad};

use super::window::dispatch;
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for ChannelMaxPool {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (&problem.inputs[0], problem.output.ty.shape);
        let kernel = Kernel::storing(x.ty, "pool/channel_max", "")
            .sizes([("PIXELS", y.n * y.h * y.w), ("C4", x.ty.padded().c / 4), ("O", y.c)])
            .sizes([("WINDOW", self.window), ("STRIDE", self.stride)])
            .bind("X_BASE", Slot::Input(0), x)
            .bind("Y_BASE", Slot::Output, &problem.output);
        Ok(NodePlan::single("channel_max_pool", dispatch(kernel, problem)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for ChannelMaxPoolGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, dy) = (&problem.inputs[0], &problem.inputs[1]);
        let shape = x.ty.shape;
        let dispatch = Kernel::storing(x.ty, "pool/channel_max_grad", "")
            .sizes([("PIXELS", shape.n * shape.h * shape.w), ("C", shape.c), ("C4", x.ty.padded().c / 4)])
            .sizes([("O", dy.ty.shape.c), ("WINDOW", self.0.window), ("STRIDE", self.0.stride)])
            .bind("X_BASE", Slot::Input(0), x)
            .bind("DY_BASE", Slot::Input(1), dy)
            .bind("DX_BASE", Slot::Output, &problem.output)
            .invocations(vec4s(problem.output.ty), problem.target)?;
        Ok(NodePlan::single("channel_max_pool_grad", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.all(section.window))
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::{DType, Op, Shape, TensorType};

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
