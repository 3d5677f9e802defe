//! Functions of single elements.

use atrous_graph::op::{Unary, UnaryGrad};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

/// A function's code and parameters in `helpers/activation`.
pub(crate) fn activation(op: &Unary) -> (u32, f32, f32) {
    match *op {
        Unary::Relu => (1, 0.0, 0.0),
        Unary::Relu6 => (2, 0.0, 0.0),
        Unary::LeakyRelu { slope } => (3, slope, 0.0),
        Unary::Elu { alpha } => (4, alpha, 0.0),
        Unary::Sigmoid => (5, 0.0, 0.0),
        Unary::Tanh => (6, 0.0, 0.0),
        Unary::Silu => (7, 0.0, 0.0),
        Unary::Gelu => (8, 0.0, 0.0),
        Unary::GeluTanh => (9, 0.0, 0.0),
        Unary::HardSigmoid => (10, 0.0, 0.0),
        Unary::HardSwish => (11, 0.0, 0.0),
        Unary::Softplus => (12, 0.0, 0.0),
        Unary::Affine { scale, shift } => (13, scale, shift),
        Unary::Abs => (14, 0.0, 0.0),
        Unary::Square => (15, 0.0, 0.0),
        Unary::Sqrt => (16, 0.0, 0.0),
        Unary::Exp => (17, 0.0, 0.0),
        Unary::Ln => (18, 0.0, 0.0),
        Unary::Pow { exponent } => (19, exponent, 0.0),
        Unary::Huber { delta } => (20, delta, 0.0),
        Unary::AtLeast { floor } => (21, floor, 0.0),
        Unary::Step => (22, 0.0, 0.0),
    }
}

impl Kernels for Unary {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (code, p, q) = activation(self);
        let count = vec4s(problem.output.ty);
        let dispatch = Kernel::storing(problem.output.ty, "pointwise/unary", "")
            .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
            .set("CODE", f64::from(code))
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
        .set("CODE", f64::from(code))
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
