//! Functions of labels.

use atrous_graph::op::{LabelWeight, OneHot};
use atrous_shaders::loss::{label_weight, one_hot};

use super::class_weights::{ignored, pixels, weights};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for OneHot {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let call = one_hot::call(
            one_hot::Constants { count: vec4s(y), c: y.shape.c, ignore: ignored(self.ignore) },
            one_hot::Bindings { labels: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        let dispatch = Kernel::from(call).invocations(vec4s(y), problem.target)?;
        Ok(NodePlan::single("one_hot", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for LabelWeight {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let weights = weights(problem, 1);
        let call = label_weight::call(
            label_weight::Axes { weights: weights.is_some() },
            label_weight::Constants { pixels: pixels(problem), c: self.classes, ignore: ignored(self.ignore) },
            label_weight::Bindings { labels: Bound::input(problem, 0), y: Bound::output(problem), weights },
        );
        let dispatch = Kernel::from(call).invocations(pixels(problem), problem.target)?;
        Ok(NodePlan::single("label_weight", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}
