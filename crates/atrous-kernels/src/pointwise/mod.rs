//! Functions of single elements, and softmax over the channels of a pixel.

pub(crate) mod binary;
mod cast;
mod chain;
mod dropout;
mod softmax;
pub(crate) mod unary;

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Binary, Unary};
    use atrous_graph::{Op, Shape, TensorType};

    use super::unary::activation;
    use crate::{Limits, NodePlan, PlanError, Slot, Target, plan_node};

    fn plan(op: Op, shapes: &[Shape], target: Target) -> NodePlan {
        let inputs: Vec<_> = shapes.iter().map(|s| TensorType::image(*s)).collect();
        plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
    }

    fn value(plan: &NodePlan, name: &str) -> f64 {
        plan.dispatches[0].overrides.iter().find(|(n, _)| *n == name).expect("an override").1
    }

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn the_shapes_pick_the_binary_kernel() {
        let image = Shape::new(2, 5, 6, 7);
        let variant = |a, b| plan(Op::Binary(Binary::Sub), &[a, b], TARGET).variant;
        assert_eq!(variant(image, image), "binary_equal");
        assert_eq!(variant(image, Shape::channels(7)), "binary_channel");
        assert_eq!(variant(Shape::new(2, 1, 1, 7), image), "binary_channel");
        assert_eq!(variant(image, Shape::new(2, 5, 6, 1)), "binary_broadcast");
        assert_eq!(variant(Shape::new(2, 5, 1, 7), Shape::new(1, 1, 6, 7)), "binary_broadcast");
    }

    #[test]
    fn exchanged_operands_exchange_the_difference() {
        let shapes = [Shape::channels(8), Shape::new(1, 2, 2, 8)];
        let plan = plan(Op::Binary(Binary::Sub), &shapes, TARGET);
        assert_eq!(value(&plan, "CODE"), 2.0);
        assert_eq!(plan.dispatches[0].bindings[0].slot, Slot::Input(1));
    }

    #[test]
    fn a_variant_can_be_asked_for_where_it_is_legal() {
        let image = Shape::new(2, 5, 6, 7);
        let target = Target { variant: Some("binary_broadcast"), ..TARGET };
        assert_eq!(plan(Op::Binary(Binary::Add), &[image, image], target).variant, "binary_broadcast");
        let target = Target { variant: Some("binary_channel"), ..TARGET };
        let declined = plan(Op::Binary(Binary::Add), &[image, Shape::new(2, 1, 6, 7)], target);
        assert_eq!((declined.variant, declined.declined.len()), ("binary_broadcast", 2));
    }

    #[test]
    fn every_unary_function_has_its_own_code() {
        assert_eq!(
            Unary::EXAMPLES.iter().map(|u| activation(u).0 as u32).collect::<Vec<_>>(),
            (1..=Unary::EXAMPLES.len() as u32).collect::<Vec<_>>()
        );
        assert_eq!(value(&plan(Op::Unary(Unary::EXAMPLES[3]), &[Shape::channels(5)], TARGET), "P"), 1.5);
    }

    #[test]
    fn what_32_bits_cannot_address_is_refused() {
        let limits = Limits { max_binding: 1 << 40, max_buffer: 1 << 40, ..Limits::WEBGPU };
        let x = TensorType::image(Shape::new(1, 1 << 14, 1 << 14, 4));
        let refused = plan_node(&Op::Unary(Unary::Relu), &[x], x, &Target::new(limits, false));
        let expected = PlanError::Limit { what: "bytes in one binding", needs: 1 << 32, limit: 1 << 31 };
        assert_eq!(refused.map(|plan| plan.variant), Err(expected));
    }

    #[test]
    fn a_grid_stays_within_the_limit_of_each_axis() {
        let plan = plan(Op::Softmax, &[Shape::new(1, 4000, 2000, 1)], TARGET);
        let [x, y, _] = plan.dispatches[0].grid;
        assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= 125_000);
    }
}
