//! Limits: more workgroups than one dimension holds, tensors beyond the binding limit.
//!
//! Planning for a target with tight limits reaches every split with small tensors; two cases reach the adapter's own.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_kernels::{Limits, Target};
use atrous_tests::{Case, device};

use crate::conv::{BASE, Row};

fn cases() -> Vec<Case> {
    let x = Shape::new(3, 21, 10, 12);
    let image = |op| Case::images(op, &[x]);
    let window = Window { padding: Padding::symmetric(1, 1), ceil_mode: true, ..Window::new([3, 3], [2, 2]) };
    let rule = Interpolation::Bilinear(Coordinates::AlignCorners);
    let vectors = |op, n: usize| Case::images(op, &[&[x][..], &vec![Shape::channels(x.c); n]].concat());
    let transposed = |kernel: usize, stride: usize, dilation: usize| {
        let conv =
            Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding: Padding::symmetric(1, 1), groups: 1 };
        let op = Conv2dGradInput::transposed(conv, [x.h, x.w], [kernel; 2], [0, 0]).expect("a legal size");
        let filter = TensorType::filter(Shape::new(kernel, kernel, 8, x.c));
        Case { op: Op::Conv2dGradInput(op), inputs: vec![TensorType::image(x), filter] }
    };
    let conv = |stride: usize, dilation: usize, padding: Padding, groups: usize| {
        let conv = Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding, groups };
        Row { image: x.dims(), cout: 12, conv, ..BASE }.case()
    };
    vec![
        conv(1, 1, Padding::symmetric(1, 1), 1),
        conv(2, 1, Padding { top: 0, bottom: 1, left: 0, right: 1 }, 1),
        conv(1, 4, Padding::symmetric(4, 4), 1),
        conv(1, 1, Padding::symmetric(1, 1), 12),
        conv(1, 1, Padding::symmetric(0, 0), 3),
        Row { image: x.dims(), cout: 16, kernel: [1, 1], conv: Conv2d::default(), bias: false }.case(),
        transposed(3, 2, 1),
        transposed(3, 3, 1),
        transposed(3, 1, 2),
        vectors(Op::BatchNorm(BatchNorm { eps: 1e-5, scale: true, shift: true, batch: false }), 4),
        vectors(Op::ChannelVariance, 1),
        image(Op::Reduce(Reduce::MEAN_HW)),
        image(Op::Reduce(Reduce::MAX_HW)),
        image(Op::Reduce(Reduce::MEAN_NHW)),
        image(Op::Reduce(Reduce { reduction: Reduction::Sum, n: false, h: false, w: true })),
        image(Op::MaxPool(MaxPool { window })),
        image(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window }))),
        image(Op::AvgPool(AvgPool { window, count_include_pad: true, divisor: None })),
        image(Op::AvgPool(AvgPool { window, count_include_pad: false, divisor: None })),
        image(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 5, w: 3 })),
        image(Op::ChannelMaxPool(ChannelMaxPool { window: 3, stride: 3 })),
        image(Op::Resize(Resize::bilinear(33, 19, Coordinates::HalfPixel))),
        image(Op::Resize(Resize { h: 9, w: 19, interpolation: rule, step: None })),
        image(Op::Resize(Resize { h: 8, w: 4, interpolation: Interpolation::BilinearAntialias, step: None })),
        image(Op::Resize(Resize::nearest(40, 7))),
        image(Op::Unary(Unary::Silu)),
        Case::images(Op::Binary(Binary::Add), &[x, x]),
        Case::images(Op::Binary(Binary::Mul), &[x, Shape::new(3, 1, 1, 12)]),
        Case::images(Op::Binary(Binary::Sub), &[Shape::new(1, 21, 1, 12), x]),
        image(Op::Softmax),
        image(Op::LogSoftmax),
        image(Op::ArgMax),
        image(Op::Fused(Fused::ArgMax(ResizeArgMax(Resize::bilinear(42, 20, Coordinates::HalfPixel))))),
        image(Op::Fused(Fused::ArgMax(ResizeArgMax(Resize::nearest(40, 7))))),
        Case::images(Op::Concat, &[x, Shape { c: 5, ..x }, Shape { c: 3, ..x }]),
        image(Op::Slice(Slice { start: [1, 3, 2, 5], size: Shape::new(2, 15, 7, 6) })),
        image(Op::Pad(Pad { padding: Padding { top: 3, bottom: 9, left: 1, right: 0 }, mode: PadMode::Constant(0.5) })),
        image(Op::Pad(Pad { padding: Padding::symmetric(9, 4), mode: PadMode::Reflect })),
        image(Op::Pad(Pad { padding: Padding::symmetric(9, 4), mode: PadMode::Replicate })),
        image(Op::Flip(Flip { vertical: true, horizontal: false })),
        image(Op::Flip(Flip { vertical: true, horizontal: true })),
    ]
}

fn check_with(change: impl Fn(&mut Limits)) {
    let device = device();
    let mut target = device.target();
    change(&mut target.limits);
    for case in cases() {
        case.expect().check_variants(&device, &target);
    }
}

#[test]
fn tensors_over_the_binding_limit_are_split() {
    // One sample has 21 × 10 × 12 × 4 = 10,080 bytes.
    check_with(|limits| limits.max_binding = 12_000);
    check_with(|limits| limits.max_binding = 6_000);
}

#[test]
fn grids_beyond_one_dimension_are_folded() {
    check_with(|limits| limits.max_workgroups = 31);
}

#[test]
fn coarse_alignment_is_kept() {
    check_with(|limits| (limits.alignment, limits.max_binding) = (256, 9_000));
}

#[test]
fn what_cannot_be_split_is_refused_with_both_numbers() {
    let row = Row { image: [1, 4, 4, 512], cout: 512, ..BASE };
    let case = row.case();
    let mut graph = atrous_graph::Graph::new();
    let x = graph.input("x", case.inputs[0].shape, atrous_graph::DType::F32).expect("an input");
    let w = graph.parameter("w", case.inputs[1].shape, atrous_graph::Layout::Filter).expect("a filter");
    let y = graph.add("conv", case.op, &[x, w]).expect("a convolution");
    let limits = Limits { max_binding: 1 << 20, ..Limits::WEBGPU };
    let refused = atrous_kernels::plan::plan(&graph, &[y], &Target::new(limits, false)).expect_err("9 MiB of filter");
    let text = refused.to_string();
    assert!(text.contains("9437184") && text.contains("1048576") && text.contains('"'), "{text}");
}

#[test]
fn a_sum_over_samples_whose_result_passes_the_limit_is_refused() {
    let device = device();
    let sum = Op::Reduce(Reduce { reduction: Reduction::Sum, n: true, h: false, w: false });
    let expected = Case::images(sum, &[Shape::new(3, 21, 10, 12)]).expect();
    expected.check_variants(&device, &device.target());
    let mut target = device.target();
    target.limits.max_binding = 9_000;
    assert!(!expected.fits(&target));
}

/// 140 MiB of activations: beyond the 128 MiB that bindings hold by default, and 65,535 workgroups of 64 invocations.
#[test]
fn the_adapters_own_limits() {
    let device = device();
    let x = Shape::new(1, 1024, 1120, 32);
    assert!(TensorType::image(x).bytes() > Limits::WEBGPU.max_binding);
    Case::images(Op::Unary(Unary::Relu), &[x]).expect().check(&device, &device.target());
    let row = Row { image: x.dims(), cout: 4, conv: Conv2d { stride: [2, 2], ..BASE.conv }, ..BASE };
    row.case().expect().check(&device, &device.target());
}
