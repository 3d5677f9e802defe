//! Batch normalisation, also fused with the operations right after it, its gradient, and its statistics.

mod batch_norm;
mod batch_norm_grad;
mod fused;
mod operands;
mod running_stat;
pub(crate) mod statistics;
mod strided;

#[cfg(test)]
mod tests {
    use atrous_graph::op::{BatchNorm, BatchNormGrad, BatchNormGradSums, Gradient, RunningStat};
    use atrous_graph::{Op, Shape, TensorType};

    use crate::{Limits, Slot, Target, plan_node};

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn a_lone_shift_takes_the_place_of_the_scale() {
        let (x, vector) = (TensorType::image(Shape::new(2, 5, 6, 7)), TensorType::image(Shape::channels(7)));
        for (scale, shift, bindings) in [(false, false, 4), (true, false, 5), (false, true, 5), (true, true, 6)] {
            let op = Op::BatchNorm(BatchNorm { eps: 1e-3, scale, shift, batch: false });
            let plan = plan_node(&op, &[vec![x], vec![vector; bindings - 2]].concat(), x, &TARGET).expect("a plan");
            let dispatch = &plan.dispatches[0];
            let slots: Vec<Slot> = dispatch.bindings.iter().map(|b| b.slot).collect();
            let inputs = [0, 1, 2].map(Slot::Input);
            assert_eq!(slots[..4], [inputs[0], inputs[1], inputs[2], Slot::Output]);
            assert_eq!(slots[4..], [Slot::Input(3), Slot::Input(4)][..bindings - 4]);
            assert_eq!(dispatch.overrides.iter().any(|(name, _)| *name == "SHIFT_BASE"), shift);
            // 2*5*6*2 vec4s in groups of 64.
            assert_eq!(dispatch.grid, [2, 1, 1]);
        }
    }

    #[test]
    fn running_statistics_carry_their_factors() {
        let vector = TensorType::image(Shape::channels(7));
        let op = Op::RunningStat(RunningStat::mean(0.25));
        let plan = plan_node(&op, &[vector; 2], vector, &TARGET).expect("a plan");
        for factor in [("KEEP", 0.75), ("TAKE", 0.25)] {
            assert!(plan.dispatches[0].overrides.contains(&factor));
        }
    }

    #[test]
    fn a_part_of_a_gradient_divides_by_the_pixels_of_the_whole() {
        let (x, vector) = (TensorType::image(Shape::new(3, 21, 10, 12)), TensorType::image(Shape::channels(12)));
        let sums = TensorType::image(Shape { n: 2, ..vector.shape });
        let op = Op::Gradient(Gradient::BatchNorm(BatchNormGrad { eps: 1e-5, scale: true, batch: true }));
        let target = Target::new(Limits { max_binding: 6_000, ..Limits::WEBGPU }, true);
        let plan = plan_node(&op, &[x, x, vector, vector, vector, sums], x, &target).expect("a plan");
        assert!(plan.dispatches.len() > 3);
        assert!(plan.dispatches.iter().all(|d| d.overrides.contains(&("TOTAL", 630.0))));
    }

    #[test]
    fn both_sums_read_the_same_windows() {
        let (x, vector) = (TensorType::image(Shape::new(3, 50, 41, 12)), TensorType::image(Shape::channels(12)));
        let target = Target::new(Limits { max_binding: 64 << 10, ..Limits::WEBGPU }, true);
        let op = Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps: 1e-5 }));
        let sums = TensorType::image(Shape { n: 2, ..vector.shape });
        let plan = plan_node(&op, &[x, x, vector, vector], sums, &target).expect("a plan");
        let (combine, stages) = plan.dispatches.split_last().expect("two stages");
        assert!(stages.len() > 3);
        for dispatch in stages {
            let [a, b] = [dispatch.bindings[0], dispatch.bindings[1]];
            assert_eq!((a.slot, b.slot, a.offset, a.size), (Slot::Input(0), Slot::Input(1), b.offset, b.size));
        }
        assert!(combine.overrides.contains(&("OUTPUTS", 6.0)));
    }
}
