//! Functions of single elements.

use atrous_graph::op::{Unary, UnaryGrad};
use atrous_shaders::codes::Activation;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

/// A function's code and parameters in `helpers/activation`.
pub(crate) fn activation(op: &Unary) -> (Activation, f32, f32) {
    match *op {
        Unary::Relu => (Activation::Relu, 0.0, 0.0),
        Unary::Relu6 => (Activation::Relu6, 0.0, 0.0),
        Unary::LeakyRelu { slope } => (Activation::LeakyRelu, slope, 0.0),
        Unary::Elu { alpha } => (Activation::Elu, alpha, 0.0),
        Unary::Sigmoid => (Activation::Sigmoid, 0.0, 0.0),
        Unary::Tanh => (Activation::Tanh, 0.0, 0.0),
        Unary::Silu => (Activation::Silu, 0.0, 0.0),
        Unary::Gelu => (Activation::Gelu, 0.0, 0.0),
        Unary::GeluTanh => (Activation::GeluTanh, 0.0, 0.0),
        Unary::HardSigmoid => (Activation::HardSigmoid, 0.0, 0.0),
        Unary::HardSwish => (Activation::HardSwish, 0.0, 0.0),
        Unary::Softplus => (Activation::Softplus, 0.0, 0.0),
        Unary::Affine { scale, shift } => (Activation::Affine, scale, shift),
        Unary::Abs => (Activation::Abs, 0.0, 0.0),
        Unary::Square => (Activation::Square, 0.0, 0.0),
        Unary::Sqrt => (Activation::Sqrt, 0.0, 0.0),
        Unary::Exp => (Activation::Exp, 0.0, 0.0),
        Unary::Ln => (Activation::Ln, 0.0, 0.0),
        Unary::Pow { exponent } => (Activation::Pow, exponent, 0.0),
        Unary::Huber { delta } => (Activation::Huber, delta, 0.0),
        Unary::AtLeast { floor } => (Activation::AtLeast, floor, 0.0),
        Unary::Step => (Activation::Step, 0.0, 0.0),
    }
}

impl Kernels for Unary {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (code, p, q) = activation(self);
        let count = vec4s(problem.output.ty);
        let dispatch = Kernel::storing(problem.output.ty, "pointwise/unary", "")
            .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
            .set("CODE", f64::from(code as u32))
            .set("P", f64::from(p))
            .set("Q", f64::from(q))
            .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(count, problem.target)?;
        Ok(NodePlan::single("unary", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for UnaryGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (code, p, _) = activation(&self.0);
        let (count, dy) = (vec4s(problem.output.ty), &problem.inputs[1]);
        let in_place = dy.dies.then_some(1);
        let kernel = Kernel::storing(
            problem.output.ty,
            "pointwise/unary_grad",
            if in_place.is_some() { "in_place" } else { "" },
        )
        .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
        .set("CODE", f64::from(code as u32))
        .set("P", f64::from(p))
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0]);
        let kernel = if in_place.is_some() { kernel } else { kernel.bind("DY_BASE", Slot::Input(1), dy) };
        let dispatch = kernel.bind("DX_BASE", Slot::Output, &problem.output).invocations(count, problem.target)?;
        Ok(NodePlan { in_place, ..NodePlan::single("unary_grad", dispatch) })
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}
