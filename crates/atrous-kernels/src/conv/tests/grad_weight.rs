use atrous_graph::op::{Conv2d, Conv2dGradWeight, Gradient};
use atrous_graph::{Op, Shape, TensorType};

use super::{GPU, SOFTWARE, conv, value};
use crate::conv::GRAD_WEIGHT_VARIANTS;
use crate::{Limits, NodePlan, Target, plan_node};

/// The plan of the filter's gradient for an image and a filter.
pub(super) fn plan_weight(conv: Conv2d, x: Shape, filter: Shape, target: &Target) -> NodePlan {
    let x = TensorType::image(x);
    let y = conv.output_size([x.shape.h, x.shape.w], [filter.n, filter.h]).expect("a valid case");
    let dy = TensorType::image(Shape::new(x.shape.n, y[0], y[1], filter.c));
    let op = Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [filter.n, filter.h] }));
    plan_node(&op, &[x, dy], op.infer(&[x, dy]).expect("a valid case"), target).expect("a plan")
}

#[test]
fn shapes_and_adapter_pick_the_kernel_of_the_filters_gradient() {
    let served = |groups: usize, filter: Shape| {
        let x = Shape::new(2, 56, 56, filter.w * groups);
        [GPU, SOFTWARE].map(|target| plan_weight(conv(groups, 1), x, filter, &target).variant)
    };
    let both = |name| [name, name];
    assert_eq!(served(1, Shape::new(3, 3, 64, 64)), ["grad_weight_tiled", "grad_weight_registers"]);
    assert_eq!(served(1, Shape::new(7, 7, 3, 64)), both("grad_weight_registers"));
    assert_eq!(served(32, Shape::new(3, 3, 4, 128)), both("grad_weight_registers"));
    assert_eq!(served(64, Shape::new(3, 3, 1, 64)), both("grad_weight_depthwise"));
    assert_eq!(served(64, Shape::new(3, 3, 1, 128)), both("grad_weight_direct"));
    assert_eq!(served(3, Shape::new(3, 3, 2, 9)), both("grad_weight_direct"));
}

#[test]
fn partial_sums_are_as_many_as_keep_the_adapter_busy_and_stay_small() {
    let cases = [
        (Shape::new(8, 224, 224, 3), Shape::new(7, 7, 3, 64)),
        (Shape::new(1, 56, 56, 64), Shape::new(3, 3, 64, 64)),
        (Shape::new(1, 7, 7, 2048), Shape::new(1, 1, 2048, 512)),
        (Shape::new(1, 7, 7, 2048), Shape::new(3, 3, 2048, 512)),
    ];
    for (x, filter) in cases {
        for target in [GPU, SOFTWARE] {
            for variant in GRAD_WEIGHT_VARIANTS {
                let target = Target { variant: Some(variant), ..target.clone() };
                let plan = plan_weight(conv(1, 0), x, filter, &target);
                let slabs = value(&plan.dispatches[0], "SLABS");
                assert_eq!(plan.dispatches.len(), if slabs == 1 { 1 } else { 2 }, "{filter} {variant}");
                let bytes = slabs as u64 * TensorType::filter(filter).bytes();
                assert_eq!(plan.scratch, if slabs == 1 { vec![] } else { vec![bytes] });
                assert!(slabs == 1 || bytes <= 32 << 20, "{filter} {variant}: {slabs} slabs");
            }
        }
    }
    let slabs = |target| value(&plan_weight(conv(1, 0), cases[1].0, cases[1].1, &target).dispatches[0], "SLABS");
    assert!(slabs(GPU) > 16 && slabs(SOFTWARE) < 8, "{} {}", slabs(GPU), slabs(SOFTWARE));
}

#[test]
fn windows_cover_what_a_filters_gradient_sums() {
    let filter = Shape::new(3, 3, 16, 16);
    let strided = Conv2d { stride: [2, 2], ..conv(1, 1) };
    for (conv, max_binding) in [(conv(1, 1), 20 << 10), (strided, 24 << 10), (conv(1, 2), 96 << 10)] {
        let limits = Limits { max_binding, ..Limits::WEBGPU };
        let plan = plan_weight(conv, Shape::new(3, 60, 20, 16), filter, &Target::new(limits, true));
        let stages: Vec<_> = plan.dispatches.iter().filter(|d| d.shader.name != "reduce/combine").collect();
        assert!(stages.len() >= 3, "{} windows", stages.len());
        let rows: usize = stages.iter().map(|d| value(d, "UNITS")).sum();
        assert_eq!(rows, 3 * conv.output_size([60, 20], [3, 3]).expect("a size")[0]);
        let fresh = stages.iter().filter(|d| value(d, "ACCUMULATE") == 0).count();
        let sets =
            plan.scratch.first().map_or(1, |bytes| *bytes as usize / TensorType::filter(filter).bytes() as usize);
        assert_eq!(fresh * value(stages[0], "SLABS"), sets);
        for binding in plan.dispatches.iter().flat_map(|d| &d.bindings) {
            assert!(binding.size <= max_binding && binding.offset.is_multiple_of(256), "{binding:?}");
        }
    }
}
