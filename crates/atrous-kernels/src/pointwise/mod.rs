//! Functions of single elements, and softmax over the channels of a pixel.

pub(crate) mod binary;
mod cast;
mod chain;
mod dropout;
mod softmax;
pub(crate) mod unary;

#[cfg(test)]
mod tests {
    use atrous_graph::op::Unary;
    use atrous_graph::{Op, Shape, TensorType};

    use super::unary::activation;
    use crate::{Limits, NodePlan, PlanError, Target, plan_node};

    fn plan(op: Op, shapes: &[Shape], target: Target) -> NodePlan {
        let inputs: Vec<_> = shapes.iter().map(|s| TensorType::image(*s)).collect();
        plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
    }

    fn value(plan: &NodePlan, name: &str) -> f64 {
        plan.dispatches[0].overrides.iter().find(|(n, _)| *n == name).expect("an override").1
    }

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

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
