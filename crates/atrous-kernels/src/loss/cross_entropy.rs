//! Cross-entropy with labels, and its gradient.

use atrous_graph::op::{CrossEntropy, CrossEntropyGrad};
use atrous_shaders::loss::{cross_entropy, cross_entropy_grad};

use super::class_weights::{ignored, pixels, weights};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for CrossEntropy {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let weights = weights(problem, 2);
        let call = cross_entropy::call(
            cross_entropy::Axes { weights: weights.is_some() },
            cross_entropy::Constants {
                pixels: pixels(problem),
                c: problem.inputs[0].ty.shape.c,
                ignore: ignored(self.ignore),
                smoothing: f64::from(self.smoothing),
            },
            cross_entropy::Bindings {
                x: Bound::input(problem, 0),
                labels: Bound::input(problem, 1),
                y: Bound::output(problem),
                weights,
            },
        );
        let dispatch = Kernel::from(call).invocations(pixels(problem), problem.target)?;
        Ok(NodePlan::single("cross_entropy", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

impl Kernels for CrossEntropyGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let weights = weights(problem, 3);
        let call = cross_entropy_grad::call(
            cross_entropy_grad::Axes { weights: weights.is_some() },
            cross_entropy_grad::Constants {
                pixels: pixels(problem),
                c: problem.inputs[0].ty.shape.c,
                ignore: ignored(self.0.ignore),
                smoothing: f64::from(self.0.smoothing),
            },
            cross_entropy_grad::Bindings {
                x: Bound::input(problem, 0),
                labels: Bound::input(problem, 1),
                dy: Bound::input(problem, 2),
                dx: Bound::output(problem),
                weights,
            },
        );
        let dispatch = Kernel::from(call).invocations(pixels(problem), problem.target)?;
        Ok(NodePlan::single("cross_entropy_grad", dispatch))
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
    use crate::{Limits, Slot, Target, plan_node};

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
