//! A batch normalisation together with what comes right behind it, and the gradient of both.

use atrous_graph::op::{FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums};

use super::batch_norm;
use super::batch_norm_grad::{bind_affine, bind_sums, finish, plan_sums, set_function, start};
use super::operands::bind_mean;
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
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
        let kernel =
            set_function(start(if self.batch { "batch,masked" } else { "masked" }, self.eps, problem), self.activation);
        let kernel = bind_mean(kernel.bind("X_BASE", Slot::Input(0), &problem.inputs[0]), 2, problem);
        let kernel = if self.batch { bind_sums(kernel, problem) } else { kernel };
        finish("fused_batch_norm_grad", bind_affine(kernel, problem), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}
