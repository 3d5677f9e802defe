//! Batch normalisation.

use atrous_graph::op::{BatchNorm, FusedBatchNorm};
use atrous_shaders::codes::Activation;
use atrous_shaders::norm::batch_norm::{Axes, Bindings, Constants, call};

use super::operands::variance;
use super::strided;
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, is_half};
use crate::kernels::Kernels;
use crate::pointwise::unary::activation;
use crate::problem::Problem;

impl Kernels for BatchNorm {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        plan(&FusedBatchNorm { norm: *self, residual: false, activation: None }, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }

    fn writes_slices(&self) -> bool {
        true
    }
}

/// Plans `activation((x - mean) / sqrt(var + eps) * scale + shift + residual)`.
///
/// # Errors
/// [`PlanError::Limit`] if the part exceeds the adapter's limits.
pub(super) fn plan(op: &FusedBatchNorm, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (norm, sizes) = (op.norm, strided::sizes(problem));
    let (code, p, q) = op.activation.map_or((Activation::Identity, 0.0, 0.0), |f| activation(&f));
    // The other inputs are scale, shift and residual, as far as present.
    let mut rest = (3..problem.inputs.len()).map(|i| Bound::input(problem, i));
    let mut operand = |present: bool| if present { rest.next() } else { None };
    let call = call(
        Axes { scale: norm.scale, shift: norm.shift, residual: op.residual, half: is_half(problem.output.ty) },
        Constants { strided: sizes, code, eps: norm.eps, p: p.into(), q: q.into() },
        Bindings {
            x: Bound::input(problem, 0),
            mean: Bound::input(problem, 1),
            variance: variance(problem, 2),
            y: Bound::output(problem),
            scale: operand(norm.scale),
            shift: operand(norm.shift),
            residual: operand(op.residual),
        },
    );
    strided::plan(problem.op.name(), call, sizes, problem)
}
