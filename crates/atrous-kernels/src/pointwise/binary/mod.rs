//! Functions of two elements, and their variants by how the operands' shapes differ.

mod broadcast;
mod channel;
mod equal;
mod operands;
mod pixel;

use atrous_graph::op::Binary;

use self::operands::{Binaries, Operands};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::{Entry, Variants};

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Binaries> =
    Variants { best_first: &[&equal::VARIANT, &channel::VARIANT, &pixel::VARIANT], last: &broadcast::VARIANT };

impl Kernels for Binary {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        VARIANTS.plan(&Operands { op: *self, problem }, problem.target)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.broadcast())
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Binary;
    use atrous_graph::{Op, Shape, TensorType};

    use crate::{Limits, NodePlan, Slot, Target, plan_node};

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    fn plan(op: Op, shapes: &[Shape], target: Target) -> NodePlan {
        let inputs: Vec<_> = shapes.iter().map(|s| TensorType::image(*s)).collect();
        plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
    }

    #[test]
    fn the_shapes_pick_the_binary_kernel() {
        let image = Shape::new(2, 5, 6, 7);
        let variant = |a, b| plan(Op::Binary(Binary::Sub), &[a, b], TARGET).variant;
        assert_eq!(variant(image, image), "binary_equal");
        assert_eq!(variant(image, Shape::channels(7)), "binary_channel");
        assert_eq!(variant(Shape::new(2, 1, 1, 7), image), "binary_channel");
        assert_eq!(variant(image, Shape::new(2, 5, 6, 1)), "binary_pixel");
        assert_eq!(variant(Shape::new(1, 5, 6, 1), image), "binary_pixel");
        assert_eq!(variant(image, Shape::new(2, 5, 1, 1)), "binary_broadcast");
        assert_eq!(variant(Shape::new(2, 5, 1, 7), Shape::new(1, 1, 6, 7)), "binary_broadcast");
    }

    #[test]
    fn exchanged_operands_exchange_the_difference() {
        let shapes = [Shape::channels(8), Shape::new(1, 2, 2, 8)];
        let plan = plan(Op::Binary(Binary::Sub), &shapes, TARGET);
        let code = plan.dispatches[0].overrides.iter().find(|(name, _)| *name == "CODE").expect("a code");
        assert_eq!(code.1, 2.0);
        assert_eq!(plan.dispatches[0].bindings[0].slot, Slot::Input(1));
    }

    #[test]
    fn a_variant_can_be_asked_for_where_it_is_legal() {
        let image = Shape::new(2, 5, 6, 7);
        let target = Target { variant: Some("binary_broadcast"), ..TARGET };
        assert_eq!(plan(Op::Binary(Binary::Add), &[image, image], target).variant, "binary_broadcast");
        let target = Target { variant: Some("binary_channel"), ..TARGET };
        let declined = plan(Op::Binary(Binary::Add), &[image, Shape::new(2, 1, 6, 7)], target);
        assert_eq!(declined.variant, "binary_broadcast");
        assert!(declined.declined.iter().any(|other| other.variant == "binary_channel"));
    }
}
