//! Labels as numbers.

use atrous_graph::op::{LabelWeight, OneHot};

use super::class_weights::{dispatch, ignored, pixels, variant};
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for OneHot {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let dispatch = Kernel::new("loss/one_hot", "")
            .sizes([("COUNT", vec4s(y)), ("C", y.shape.c)])
            .set("IGNORE", ignored(self.ignore))
            .bind("LABELS_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(vec4s(y), problem.target)?;
        Ok(NodePlan::single("one_hot", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for LabelWeight {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let kernel = Kernel::new("loss/label_weight", variant(problem, 1))
            .sizes([("PIXELS", pixels(problem)), ("C", self.classes)])
            .set("IGNORE", ignored(self.ignore))
            .bind("LABELS_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output);
        Ok(NodePlan::single("label_weight", dispatch(kernel, problem, 1)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}
