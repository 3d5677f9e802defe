//! Softmax over the channels of a pixel, its logarithm, and their gradients.

use atrous_graph::Shape;
use atrous_graph::op::{LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Softmax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        softmax("", "softmax", problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for LogSoftmax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        softmax("log", "log_softmax", problem)
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
fn softmax(variant: &str, name: &'static str, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let Shape { n, h, w, c } = problem.inputs[0].ty.shape;
    let dispatch = Kernel::storing(problem.inputs[0].ty, "pointwise/softmax", variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}

/// Plans the gradient of softmax over channels, or of its logarithm.
fn gradient(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (name, variant) = if log { ("log_softmax_grad", "log") } else { ("softmax_grad", "") };
    let Shape { n, h, w, c } = problem.output.ty.shape;
    let dispatch = Kernel::new("pointwise/softmax_grad", variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("Y_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("DY_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("DX_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}
