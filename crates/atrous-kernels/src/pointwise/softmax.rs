//! Softmax over the channels of a pixel, its logarithm, and their gradients.

use atrous_graph::Shape;
use atrous_graph::op::{LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad};
use atrous_shaders::pointwise::{softmax, softmax_grad};

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Softmax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        softmax(false, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for LogSoftmax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        softmax(true, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for SoftmaxGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        gradient(false, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

impl Kernels for LogSoftmaxGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        gradient(true, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

/// Plans softmax over channels, or its logarithm.
fn softmax(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let Shape { n, h, w, c } = problem.inputs[0].ty.shape;
    let call = softmax::call(
        softmax::Axes { log, half: is_half(problem.inputs[0].ty) },
        softmax::Constants { pixels: n * h * w, c },
        softmax::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
    );
    let name = if log { "log_softmax" } else { "softmax" };
    Ok(NodePlan::single(name, Kernel::from(call).invocations(n * h * w, problem.target)?))
}

/// Plans the gradient of softmax over channels, or of its logarithm.
fn gradient(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let Shape { n, h, w, c } = problem.output.ty.shape;
    let call = softmax_grad::call(
        softmax_grad::Axes { log },
        softmax_grad::Constants { pixels: n * h * w, c },
        softmax_grad::Bindings {
            y: Bound::input(problem, 0),
            dy: Bound::input(problem, 1),
            dx: Bound::output(problem),
        },
    );
    let name = if log { "log_softmax_grad" } else { "softmax_grad" };
    Ok(NodePlan::single(name, Kernel::from(call).invocations(n * h * w, problem.target)?))
}
