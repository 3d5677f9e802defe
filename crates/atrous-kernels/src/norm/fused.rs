//! Batch normalisation fused with the operations right after it, and the gradient of both.

use atrous_graph::op::{FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums};

use super::batch_norm;
use super::batch_norm_grad::{self, Terms, plan_sums};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::reduce::stages;
use crate::variant::Entry;

impl Kernels for FusedBatchNorm {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        batch_norm::plan(self, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let mut cut = section.first(section.window.clone());
        let vectors = section.inputs.len() - usize::from(self.residual);
        cut.inputs[vectors..].fill(section.window.clone());
        Some(cut)
    }

    fn writes_slices(&self) -> bool {
        true
    }
}

impl Kernels for FusedBatchNormGradSums {
    fn variants(&self) -> Vec<&'static Entry> {
        stages::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        plan_sums(self.0.eps, Some(self.0.activation), problem)
    }

    fn sums(&self) -> bool {
        true
    }
}

impl Kernels for FusedBatchNormGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let Self { eps, batch, activation } = *self;
        batch_norm_grad::plan(
            "fused_batch_norm_grad",
            Terms { eps, batch, scale: false, function: Some(activation) },
            problem,
        )
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}
