//! Sums, means and maxima over pixels, in two stages with a fixed order of operations; reductions over channels.
//!
//! The first stage cuts the reduced values into slabs and reduces each separately; the second combines the slabs. A
//! tensor larger than a binding is read through several windows, one dispatch each.

mod axes;
mod channels;
pub(crate) mod combine;
pub(crate) mod pixels;
mod regions;
pub(crate) mod stages;

#[cfg(test)]
mod tests {
    use atrous_graph::op::Reduce;
    use atrous_graph::{Op, Shape, TensorType};

    use crate::{Dispatch, Limits, NodePlan, Target, plan_node};

    fn plan(op: Op, x: Shape, limits: Limits, software: bool) -> NodePlan {
        let image = TensorType::image(x);
        let inputs = [image, TensorType::image(Shape::channels(x.c))];
        let inputs = if op == Op::ChannelVariance { &inputs[..] } else { &inputs[..1] };
        let y = op.infer(inputs).expect("a valid case");
        plan_node(&op, inputs, y, &Target::new(limits, software)).expect("a plan")
    }

    fn value(d: &Dispatch, name: &str) -> usize {
        d.overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
    }

    #[test]
    fn a_small_reduction_is_one_dispatch_and_a_large_one_two() {
        let small = plan(Op::Reduce(Reduce::MEAN_HW), Shape::new(2, 7, 7, 512), Limits::WEBGPU, false);
        assert_eq!((small.variant, small.dispatches.len()), ("single_stage", 1));
        assert_eq!(value(&small.dispatches[0], "DIVISOR"), 49);
        let large = plan(Op::Reduce(Reduce::MEAN_NHW), Shape::new(3, 513, 513, 3), Limits::WEBGPU, false);
        assert_eq!((large.variant, large.dispatches.len()), ("two_stage_workgroup", 2));
        assert_eq!(large.dispatches[1].grid, [1, 1, 1]);
        let software = plan(Op::Reduce(Reduce::MEAN_NHW), Shape::new(3, 513, 513, 3), Limits::WEBGPU, true);
        assert_eq!(software.dispatches[1].shader.variant, "");
        assert_eq!(software.declined[1].variant, "two_stage_workgroup");
    }

    #[test]
    fn windows_cover_a_tensor_that_passes_the_binding_limit() {
        let limits = Limits { max_binding: 64 << 10, ..Limits::WEBGPU };
        for op in [Op::Reduce(Reduce::MEAN_NHW), Op::Reduce(Reduce::MAX_HW), Op::ChannelVariance] {
            let plan = plan(op, Shape::new(3, 50, 41, 12), limits, true);
            let (stages, combine) = plan.dispatches.split_at(plan.dispatches.len() - 1);
            assert!(stages.len() > 3, "{op:?}");
            for d in plan.dispatches.iter().flat_map(|d| &d.bindings) {
                assert!(d.size <= limits.max_binding && d.offset % limits.alignment == 0, "{op:?}");
            }
            assert!(value(&combine[0], "SLABS") > 1);
        }
    }
}
