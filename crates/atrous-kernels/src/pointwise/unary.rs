//! Functions of single elements.

use atrous_graph::op::{Unary, UnaryGrad};
use atrous_shaders::codes::Activation;
use atrous_shaders::pointwise::{unary, unary_grad};

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
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
        Unary::Step => (Activation::Step, 0.0, 0.0),
        // WGSL has no infinite constants.
        Unary::Clip { low: f32::NEG_INFINITY, high: f32::INFINITY } => (Activation::Identity, 0.0, 0.0),
        Unary::Clip { low, high: f32::INFINITY } => (Activation::ClipLow, low, 0.0),
        Unary::Clip { low: f32::NEG_INFINITY, high } => (Activation::ClipHigh, 0.0, high),
        Unary::Clip { low, high } => (Activation::Clip, low, high),
    }
}

impl Kernels for Unary {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (code, p, q) = activation(self);
        let y = problem.output.ty;
        let call = unary::call(
            unary::Axes { half: is_half(y) },
            unary::Constants { count: vec4s(y), c: y.shape.c, code, p: f64::from(p), q: f64::from(q) },
            unary::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        Ok(NodePlan::single("unary", Kernel::from(call).invocations(vec4s(y), problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for UnaryGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (code, p, q) = activation(&self.0);
        let dx = problem.output.ty;
        let in_place = problem.inputs[1].dies.then_some(1);
        let call = unary_grad::call(
            unary_grad::Axes { in_place: in_place.is_some(), half: is_half(dx) },
            unary_grad::Constants { count: vec4s(dx), c: dx.shape.c, code, p: f64::from(p), q: f64::from(q) },
            unary_grad::Bindings {
                x: Bound::input(problem, 0),
                dy: in_place.is_none().then(|| Bound::input(problem, 1)),
                dx: Bound::output(problem),
            },
        );
        let dispatch = Kernel::from(call).invocations(vec4s(dx), problem.target)?;
        Ok(NodePlan { in_place, ..NodePlan::single("unary_grad", dispatch) })
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}
