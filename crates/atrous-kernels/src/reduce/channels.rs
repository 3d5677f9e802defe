//! Sums over the channels of each pixel, and the channel of the largest value.

use atrous_graph::Shape;
use atrous_graph::op::{ArgMax, ChannelSum};
use atrous_shaders::reduce::{argmax, channel_sum};

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for ChannelSum {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let x = problem.inputs[0].ty;
        let Shape { n, h, w, .. } = x.shape;
        let call = channel_sum::call(
            channel_sum::Constants { pixels: n * h * w, c4: x.padded().c / 4 },
            channel_sum::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        Ok(NodePlan::single("channel_sum", Kernel::from(call).invocations(n * h * w, problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for ArgMax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let x = problem.inputs[0].ty;
        let Shape { n, h, w, c } = x.shape;
        let call = argmax::call(
            argmax::Axes { half: is_half(x) },
            argmax::Constants { pixels: n * h * w, c },
            argmax::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        Ok(NodePlan::single("argmax", Kernel::from(call).invocations(n * h * w, problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}
