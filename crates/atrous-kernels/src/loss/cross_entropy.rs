//! Cross-entropy with labels, and its gradient.

use atrous_graph::op::{CrossEntropy, CrossEntropyGrad};

use super::class_weights::{dispatch, ignored, pixels, variant};
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for CrossEntropy {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let [logits, labels] = [&problem.inputs[0], &problem.inputs[1]];
        let kernel = Kernel::new("loss/cross_entropy", variant(problem, 2))
            .sizes([("PIXELS", pixels(problem)), ("C", logits.ty.shape.c)])
            .set("IGNORE", ignored(self.ignore))
            .set("SMOOTHING", f64::from(self.smoothing))
            .bind("X_BASE", Slot::Input(0), logits)
            .bind("LABELS_BASE", Slot::Input(1), labels)
            .bind("Y_BASE", Slot::Output, &problem.output);
        Ok(NodePlan::single("cross_entropy", dispatch(kernel, problem, 2)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

impl Kernels for CrossEntropyGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let [logits, labels, dy] = [&problem.inputs[0], &problem.inputs[1], &problem.inputs[2]];
        let kernel = Kernel::new("loss/cross_entropy_grad", variant(problem, 3))
            .sizes([("PIXELS", pixels(problem)), ("C", logits.ty.shape.c)])
            .set("IGNORE", ignored(self.0.ignore))
            .set("SMOOTHING", f64::from(self.0.smoothing))
            .bind("X_BASE", Slot::Input(0), logits)
            .bind("LABELS_BASE", Slot::Input(1), labels)
            .bind("DY_BASE", Slot::Input(2), dy)
            .bind("DX_BASE", Slot::Output, &problem.output);
        Ok(NodePlan::single("cross_entropy_grad", dispatch(kernel, problem, 3)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(3))
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Gradient;
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    #[test]
    fn class_weights_are_the_last_binding_and_stay_whole_when_pixels_are_cut() {
        let limits = Limits { max_binding: 4096, ..Limits::WEBGPU };
        let x = TensorType::image(Shape::new(2, 30, 8, 7));
        let labels = TensorType::map(Shape::new(2, 30, 8, 1));
        let dy = TensorType::image(Shape::new(2, 30, 8, 1));
        let inputs = [x, labels, dy, TensorType::image(Shape::channels(7))];
        let op =
            Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(CrossEntropy { ignore: Some(255), smoothing: 0.1 })));
        let plan = plan_node(&op, &inputs, x, &Target::new(limits, true)).expect("a plan");
        assert!(plan.dispatches.len() > 3);
        for dispatch in &plan.dispatches {
            assert!(dispatch.overrides.contains(&("IGNORE", 255.0)));
            let last = dispatch.bindings[4];
            assert_eq!((last.slot, last.offset, last.size), (Slot::Input(3), 0, 32));
        }
    }
}
