//! Batch normalisation.

use atrous_graph::op::{BatchNorm, FusedBatchNorm};
use atrous_shaders::codes::Activation;

use super::operands::{bind_mean, bind_variance};
use super::strided::strided;
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
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
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub(super) fn plan(op: &FusedBatchNorm, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (name, norm) = (problem.op.name(), op.norm);
    let parts = [
        (norm.scale, "scale", "SCALE_BASE"),
        (norm.shift, "shift", "SHIFT_BASE"),
        (op.residual, "residual", "RESIDUAL_BASE"),
    ];
    let present: Vec<_> = parts.into_iter().filter(|(present, ..)| *present).collect();
    let variant: Vec<&str> = present.iter().map(|(_, flag, _)| *flag).collect();
    let (code, p, _) = op.activation.map_or((Activation::Identity, 0.0, 0.0), |f| activation(&f));
    let kernel = Kernel::storing(problem.output.ty, "norm/batch_norm", &variant.join(","))
        .set("EPS", norm.eps)
        .set("CODE", f64::from(code as u32))
        .set("P", f64::from(p))
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0]);
    let kernel = bind_variance(bind_mean(kernel, 1, problem), 2, problem).bind("Y_BASE", Slot::Output, &problem.output);
    let rest = present.iter().zip(3..);
    let kernel = rest.fold(kernel, |kernel, ((.., base), i)| kernel.bind(base, Slot::Input(i), &problem.inputs[i]));
    strided(name, kernel, problem)
}
