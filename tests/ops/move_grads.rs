//! Gradients of pooling, resizing and data movement, and what training needs of movement: boxes in zeros, broadcasts, constants,
//! sums over channels.

mod adjoint;
mod cases;
mod random;

use std::collections::BTreeSet;

use atrous_graph::op::*;
use atrous_graph::{Graph, Op, Shape};
use atrous_kernels::{Limits, Target, plan::plan};
use atrous_tests::{Case, checked, device, stored};

use adjoint::{check_chosen, check_products};
use cases::*;

/// Runs cases in both types by every variant; returns the variants that served.
fn check(cases: impl IntoIterator<Item = Case>) -> BTreeSet<&'static str> {
    let device = device();
    let target = device.target();
    let run = |case: Case| case.expect().check_variants(&device, &target);
    stored(cases, &target).into_iter().flat_map(run).collect()
}

#[test]
fn max_pooling() {
    check_chosen(&device(), &device().target(), &max_pools());
}

#[test]
fn max_pooling_over_channels() {
    check_chosen(&device(), &device().target(), &channel_max_pools());
}

#[test]
fn linear_gradients() {
    let all = average_pools().into_iter().chain(bins()).chain(resizes()).chain(pads());
    check(all.map(|forward| forward.gradient()));
}

#[test]
fn boxes_broadcasts_constants_and_sums() {
    check(places().into_iter().chain(broadcasts()).chain(fills()).chain(channel_sums()));
}

#[test]
fn every_variant_has_served() {
    let served = check(resizes().into_iter().chain(bins()).map(|forward| forward.gradient()));
    let all = atrous_kernels::variants(&Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h: 1, w: 1 })));
    assert!(!all.is_empty() && all.iter().all(|variant| served.contains(variant)), "{served:?} of {all:?}");
    assert!(served.contains("single_stage"), "the gradient of repeating one pixel is a sum");
}

/// `Σ f(x) * dy = Σ x * grad(dy)`, from what the device makes of both.
#[test]
fn gradients_are_the_adjoints_of_what_runs_forward() {
    let linear = average_pools().into_iter().chain(bins()).chain(resizes()).chain(pads()).chain(slices());
    check_products(&device(), linear.chain(max_pools()).chain(channel_max_pools()));
}

fn with_limits(change: impl Fn(&mut Limits)) {
    let device = device();
    let mut target = device.target();
    change(&mut target.limits);
    for case in stored(large(), &target) {
        case.expect().check_variants(&device, &target);
    }
    check_chosen(&device, &target, &large_pools());
}

#[test]
fn tensors_over_the_binding_limit_are_split() {
    // One sample of the image has 21 × 10 × 12 × 4 = 10,080 bytes.
    with_limits(|limits| limits.max_binding = 12_000);
    with_limits(|limits| limits.max_binding = 4_000);
}

#[test]
fn coarse_alignment_is_kept() {
    with_limits(|limits| (limits.alignment, limits.max_binding) = (256, 9_000));
}

#[test]
fn grids_beyond_one_dimension_are_folded() {
    with_limits(|limits| limits.max_workgroups = 31);
}

#[test]
fn nothing_unwritten_is_read_and_paddings_are_zero() {
    let device = checked();
    let odd = places().into_iter().chain(broadcasts()).chain(fills()).chain(channel_sums()).chain(large());
    let all = odd.chain(resizes().into_iter().chain(pads()).map(|forward| forward.gradient()));
    for case in stored(all, &device.target()) {
        case.expect().check_variants(&device, &device.target());
    }
    check_chosen(&device, &device.target(), &[max_pools(), channel_max_pools()].concat());
}

#[test]
fn what_cannot_be_split_is_refused_with_both_numbers() {
    let limits = Limits { max_binding: 4096, ..Limits::WEBGPU };
    let refused = |op: Op, inputs: &[Shape]| {
        let mut graph = Graph::new();
        let of = |(i, shape): (usize, &Shape)| graph.input(&format!("x{i}"), *shape, atrous_graph::DType::F32);
        let ids: Vec<_> = inputs.iter().enumerate().map(of).collect::<Result<_, _>>().expect("inputs");
        let y = graph.add("case", op, &ids).expect("a legal op");
        plan(&graph, &[y], &Target::new(limits, false)).expect_err("too large").to_string()
    };
    // A row of 8 KiB.
    let wide = Shape::new(1, 1, 512, 4);
    let text = refused(Op::Fill(Fill { shape: wide, value: 1.0 }), &[]);
    assert!(text.contains("fill") && text.contains("8192") && text.contains("4096"), "{text}");
    // Sixteen rows of 1 KiB that all go into one row.
    let resize = Resize::bilinear(16, 16, Coordinates::HalfPixel);
    let text = refused(Op::Gradient(Gradient::Resize(ResizeGrad { resize, h: 1, w: 2 })), &[Shape::new(1, 16, 16, 16)]);
    assert!(text.contains("resize_grad") && text.contains("16384") && text.contains("4096"), "{text}");
}
