//! Cross-entropy with labels, and what else is made of labels.

use atrous_graph::op::CrossEntropy;

use crate::kernel::{Kernel, vec4s};
use crate::{Dispatch, NodePlan, PlanError, Problem, Slot};

/// The ignored label as kernels take it. Without one the largest u32, which is never below the number of classes.
pub(crate) fn ignored(ignore: Option<u32>) -> f64 {
    f64::from(ignore.unwrap_or(u32::MAX))
}

/// The variant with class weights if the node has them as input `weights`.
fn variant(problem: &Problem<'_>, weights: usize) -> &'static str {
    if problem.inputs.len() > weights { "weights" } else { "" }
}

/// Binds the class weights, if there are any, and makes the dispatch: one invocation for a pixel.
fn dispatch(kernel: Kernel, problem: &Problem<'_>, weights: usize) -> Result<Dispatch, PlanError> {
    let kernel = match problem.inputs.get(weights) {
        Some(part) => kernel.bind("WEIGHTS_BASE", Slot::Input(weights), part),
        None => kernel,
    };
    kernel.invocations(pixels(problem), problem.target)
}

fn pixels(problem: &Problem<'_>) -> usize {
    let shape = problem.output.ty.shape;
    shape.n * shape.h * shape.w
}

/// Plans the cross-entropy of each pixel.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cross_entropy(op: &CrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let [logits, labels] = [&problem.inputs[0], &problem.inputs[1]];
    let kernel = Kernel::new("label/cross_entropy", variant(problem, 2))
        .sizes([("PIXELS", pixels(problem)), ("C", logits.ty.shape.c)])
        .set("IGNORE", ignored(op.ignore))
        .set("SMOOTHING", f64::from(op.smoothing))
        .bind("X_BASE", Slot::Input(0), logits)
        .bind("LABELS_BASE", Slot::Input(1), labels)
        .bind("Y_BASE", Slot::Output, &problem.output);
    Ok(NodePlan::single("cross_entropy", dispatch(kernel, problem, 2)?))
}

/// Plans the gradient of the cross-entropy with respect to the logits.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cross_entropy_grad(op: &CrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let [logits, labels, dy] = [&problem.inputs[0], &problem.inputs[1], &problem.inputs[2]];
    let kernel = Kernel::new("label/cross_entropy_grad", variant(problem, 3))
        .sizes([("PIXELS", pixels(problem)), ("C", logits.ty.shape.c)])
        .set("IGNORE", ignored(op.ignore))
        .set("SMOOTHING", f64::from(op.smoothing))
        .bind("X_BASE", Slot::Input(0), logits)
        .bind("LABELS_BASE", Slot::Input(1), labels)
        .bind("DY_BASE", Slot::Input(2), dy)
        .bind("DX_BASE", Slot::Output, &problem.output);
    Ok(NodePlan::single("cross_entropy_grad", dispatch(kernel, problem, 3)?))
}

/// Plans labels as indicators of their class.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_one_hot(ignore: Option<u32>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty;
    let dispatch = Kernel::new("label/one_hot", "")
        .sizes([("COUNT", vec4s(y)), ("C", y.shape.c)])
        .set("IGNORE", ignored(ignore))
        .bind("LABELS_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(y), problem.target)?;
    Ok(NodePlan::single("one_hot", dispatch))
}

/// Plans the weight of each label.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_weight(classes: usize, ignore: Option<u32>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let kernel = Kernel::new("label/label_weight", variant(problem, 1))
        .sizes([("PIXELS", pixels(problem)), ("C", classes)])
        .set("IGNORE", ignored(ignore))
        .bind("LABELS_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output);
    Ok(NodePlan::single("label_weight", dispatch(kernel, problem, 1)?))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{CrossEntropyGrad, Gradient};
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
