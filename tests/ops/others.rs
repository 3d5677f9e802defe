//! Every other op: normalisation, pooling, reductions, resizing, functions of elements, data movement.

use atrous::check::check_blocking;
use atrous_graph::op::*;
use atrous_graph::{DType, Op, Shape, TensorType};
use atrous_kernels::Target;
use atrous_tests::{Case, Setting, checked, device, stored};

/// Shapes that are odd in every way: one pixel, one channel, remainders, three samples.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape::new(1, 1, 1, 1),
    Shape::new(1, 5, 7, 3),
    Shape::new(3, 4, 3, 21),
    Shape::new(2, 9, 8, 257),
    Shape::new(1, 3, 3, 728),
    Shape::new(1, 64, 33, 8),
];

fn check(cases: impl IntoIterator<Item = Case>) {
    let device = device();
    for case in cases {
        case.expect().check_variants(&device, &device.target());
    }
}

fn each(op: Op) -> impl Iterator<Item = Case> {
    SHAPES.into_iter().map(move |s| Case::images(op, &[s]))
}

#[test]
fn functions_of_elements() {
    check(Unary::EXAMPLES.into_iter().flat_map(|f| each(Op::Unary(f))));
}

#[test]
fn functions_of_two_elements_broadcast_every_side() {
    let full = Shape::new(2, 3, 5, 6);
    let ones = (0..16).map(|mask| {
        let side = |bit: usize, size: usize| if mask >> bit & 1 == 1 { 1 } else { size };
        Shape::new(side(0, full.n), side(1, full.h), side(2, full.w), side(3, full.c))
    });
    let pairs: Vec<[Shape; 2]> = ones.flat_map(|s| [[full, s], [s, full]]).collect();
    let crossed = [Shape::new(2, 1, 5, 1), Shape::new(1, 3, 1, 6)];
    for op in [Binary::Add, Binary::Sub, Binary::Mul] {
        check(pairs.iter().chain([&crossed]).map(|p| Case::images(Op::Binary(op), p)));
        check(SHAPES.map(|s| Case::images(Op::Binary(op), &[s, s])));
    }
}

/// A map of one channel beside an image, in both orders, into a tensor of its own and over the image.
#[test]
fn functions_of_an_image_and_a_map() {
    let device = checked();
    let maps =
        |s: Shape| [Shape { c: 1, ..s }, Shape { n: 1, c: 1, ..s }].into_iter().flat_map(move |m| [[s, m], [m, s]]);
    let cases = [Binary::Sub, Binary::Mul, Binary::Equal]
        .map(|op| SHAPES.into_iter().flat_map(maps).map(move |pair| Case::images(Op::Binary(op), &pair)));
    let mut served = Vec::new();
    for case in stored(cases.into_iter().flatten(), &device.target()) {
        served.extend(case.expect().check_variants(&device, &device.target()));
        served.extend(case.expect_in(Setting::Dying).check_variants(&device, &device.target()));
    }
    let mut all = atrous_kernels::variants(&Op::Binary(Binary::Sub));
    all.retain(|name| *name != "binary_channel" && !served.contains(name));
    assert!(all.is_empty(), "no case reaches {all:?}");
}

#[test]
fn softmax_and_argmax() {
    check(each(Op::Softmax));
    check(each(Op::LogSoftmax));
    check(each(Op::ArgMax));
}

#[test]
fn batch_normalisation_with_and_without_affine() {
    for (scale, shift) in [(true, true), (true, false), (false, true), (false, false)] {
        let op = BatchNorm { eps: 1e-3, scale, shift, batch: false };
        check(SHAPES.map(|s| {
            let vectors = 2 + usize::from(scale) + usize::from(shift);
            let mut shapes = vec![s];
            shapes.extend(vec![Shape::channels(s.c); vectors]);
            Case::images(Op::BatchNorm(op), &shapes)
        }));
    }
    check(SHAPES.map(|s| Case::images(Op::RunningStat(RunningStat { keep: 0.9, take: 0.11, sample: 0 }), &[s, s])));
    for sample in [0, 1] {
        let op = Op::RunningStat(RunningStat { keep: 0.9, take: 0.11, sample });
        check(SHAPES.map(|s| Case::images(op, &[Shape::channels(s.c), Shape { n: 2, ..Shape::channels(s.c) }])));
    }
}

/// Batch normalisations with what follows them; statistics of their own, and both in one tensor.
pub(crate) fn fused_batch_norms(x: Shape) -> Vec<Case> {
    let leaky = Some(Unary::LeakyRelu { slope: 0.3 });
    let mut cases = Vec::new();
    for (scale, shift) in [(true, true), (true, false), (false, true), (false, false)] {
        for (residual, activation) in
            [(false, Some(Unary::Relu)), (true, None), (true, Some(Unary::Relu6)), (true, leaky)]
        {
            let norm = BatchNorm { eps: 1e-3, scale, shift, batch: residual };
            let statistics = Shape { n: if residual { 2 } else { 1 }, ..Shape::channels(x.c) };
            let affine = vec![Shape::channels(x.c); usize::from(scale) + usize::from(shift)];
            let shapes = [vec![x, statistics, statistics], affine, vec![x; usize::from(residual)]].concat();
            cases.push(Case::images(
                Op::Fused(Fused::BatchNorm(FusedBatchNorm { norm, residual, activation })),
                &shapes,
            ));
        }
    }
    cases
}

#[test]
fn batch_normalisation_with_residual_and_activation() {
    check(SHAPES.into_iter().flat_map(fused_batch_norms));
}

/// One part per hundred thousand of the variance itself, however far the values are from zero, and however far the first is from
/// the others.
#[test]
fn statistics_far_from_zero() {
    let device = device();
    let noise = |case: &Case| case.values(0).into_iter().map(|v| v - 20.0);
    for shape in SHAPES.into_iter().chain([Shape::new(3, 65, 67, 5), Shape::new(8, 56, 56, 64)]) {
        let case = Case::images(Op::Fused(Fused::BatchStatistics), &[shape]);
        for (mean, deviation, first) in [(1000.0, 0.01, 0.0), (-3e4, 1.0, 0.0), (0.0, 1e-6, 0.0), (1.0, 0.1, 1e3)] {
            let mut values: Vec<f32> = noise(&case).map(|v| mean + deviation * v).collect();
            values[..shape.c].iter_mut().for_each(|v| *v += first);
            let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let expected = case.expect_with(vec![values]);
            for variant in ["single_stage", "two_stage_workgroup", "two_stage"] {
                let got = expected.result(&device, &Target { variant: Some(variant), ..device.target() });
                for (i, (got, want)) in got.iter().zip(&expected.want().data).enumerate() {
                    let allowed = 1e-5 * if i < shape.c { f64::from(largest) } else { *want };
                    let off = (f64::from(*got) - want).abs();
                    let case = format!("{shape} {mean} {deviation} {first} {variant}");
                    assert!(off <= allowed + 1e-30, "{case}: [{i}] {got}, not {want}");
                }
            }
        }
    }
}

#[test]
fn reductions_over_every_set_of_sides() {
    let large = Shape::new(3, 65, 67, 5);
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::Max] {
        for mask in 0..8 {
            let op = Op::Reduce(Reduce { reduction, n: mask & 1 > 0, h: mask & 2 > 0, w: mask & 4 > 0 });
            check(each(op).chain([Case::images(op, &[large])]));
        }
    }
    check(SHAPES.into_iter().chain([large]).map(|s| Case::images(Op::ChannelVariance, &[s, Shape::channels(s.c)])));
    check(SHAPES.into_iter().chain([large]).map(|s| Case::images(Op::Fused(Fused::BatchStatistics), &[s])));
}

pub(crate) fn windows() -> Vec<Window> {
    let w = |kernel: usize, stride: usize, pad: usize, dilation: usize, ceil_mode| Window {
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [dilation; 2],
        padding: Padding::symmetric(pad, pad),
        ceil_mode,
    };
    let uneven = Padding { top: 0, bottom: 1, left: 2, right: 0 };
    vec![
        w(1, 1, 0, 1, false),
        w(2, 2, 0, 1, false),
        w(3, 2, 1, 1, false),
        w(3, 2, 0, 1, true),
        w(3, 2, 1, 1, true),
        w(3, 1, 1, 2, false),
        w(5, 3, 2, 1, true),
        Window { kernel: [2, 3], stride: [2, 1], padding: uneven, ..w(2, 2, 0, 1, false) },
    ]
}

#[test]
fn pooling_windows() {
    let images = [Shape::new(1, 9, 7, 3), Shape::new(2, 12, 10, 21), Shape::new(1, 6, 13, 257)];
    for (window, image) in windows().into_iter().flat_map(|w| images.map(|s| (w, s))) {
        let mut ops =
            vec![Op::MaxPool(MaxPool { window }), Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window }))];
        if window.dilation == [1, 1] {
            for (count_include_pad, divisor) in [(true, None), (false, None), (true, Some(7))] {
                ops.push(Op::AvgPool(AvgPool { window, count_include_pad, divisor }));
            }
        }
        check(ops.into_iter().map(|op| Case::images(op, &[image])));
    }
}

#[test]
fn pooling_over_channels_and_bins() {
    for (window, stride, c) in [(4, 4, 12), (3, 3, 9), (7, 7, 7), (2, 1, 21), (5, 3, 257), (1, 2, 6)] {
        let op = Op::ChannelMaxPool(ChannelMaxPool { window, stride });
        check([Case::images(op, &[Shape::new(2, 3, 5, c)])]);
    }
    for (h, w) in [(1, 1), (2, 2), (3, 5), (6, 6), (20, 17)] {
        check([Case::images(Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), &[Shape::new(2, 13, 17, 5)])]);
    }
}

#[test]
fn resizing_by_every_rule() {
    let rules = [
        Interpolation::Nearest,
        Interpolation::NearestExact,
        Interpolation::Bilinear(Coordinates::HalfPixel),
        Interpolation::Bilinear(Coordinates::AlignCorners),
        Interpolation::Bilinear(Coordinates::Asymmetric),
        Interpolation::BilinearAntialias,
    ];
    let sizes = [(7, 9, 13, 20), (33, 31, 17, 8), (1, 1, 6, 7), (9, 1, 4, 5), (6, 8, 6, 8), (5, 4, 1, 1)];
    for interpolation in rules {
        check(sizes.map(|(ih, iw, h, w)| {
            let op = Op::Resize(Resize { h, w, interpolation, step: None });
            Case::images(op, &[Shape::new(2, ih, iw, 5)])
        }));
    }
    let step = Some([1.0 / 2.3; 2]);
    let rule = Interpolation::Bilinear(Coordinates::HalfPixel);
    check([Case::images(Op::Resize(Resize { h: 16, w: 20, interpolation: rule, step }), &[Shape::new(1, 7, 9, 2)])]);
}

fn both_types(op: Op, shapes: &[Shape]) -> [Case; 2] {
    let of = |dtype| shapes.iter().map(|s| TensorType { dtype, ..TensorType::image(*s) }).collect();
    [Case { op, inputs: of(DType::F32) }, Case { op, inputs: of(DType::U32) }]
}

#[test]
fn concatenation_of_any_channels() {
    for channels in [&[3, 5, 7][..], &[48, 256], &[1, 1, 1, 1, 1], &[21], &[4, 8, 2, 6, 257, 3]] {
        let shapes: Vec<Shape> = channels.iter().map(|c| Shape::new(2, 3, 5, *c)).collect();
        check(both_types(Op::Concat, &shapes));
    }
}

#[test]
fn slices_pads_and_flips() {
    let x = Shape::new(3, 7, 6, 11);
    let boxes = [
        Slice { start: [0; 4], size: x },
        Slice::crop(x, 2, 1, 4, 5),
        Slice::channels(x, 3, 5),
        Slice::channels(x, 4, 4),
        Slice { start: [1, 6, 5, 10], size: Shape::new(2, 1, 1, 1) },
    ];
    check(boxes.into_iter().flat_map(|b| both_types(Op::Slice(b), &[x])));
    check(boxes.into_iter().flat_map(|b| both_types(Op::Place(Place { start: b.start, shape: x }), &[b.size])));
    let paddings =
        [Padding::symmetric(0, 0), Padding { top: 1, bottom: 2, left: 0, right: 3 }, Padding::symmetric(5, 5)];
    for padding in paddings {
        for mode in [PadMode::Constant(0.0), PadMode::Constant(-1.5), PadMode::Reflect, PadMode::Replicate] {
            check([Case::images(Op::Pad(Pad { padding, mode }), &[x])]);
        }
    }
    for (vertical, horizontal) in [(true, false), (false, true), (true, true), (false, false)] {
        check(both_types(Op::Flip(Flip { vertical, horizontal }), &[x]));
    }
    check([Case::images(Op::Dropout(Dropout { rate: 0.5, stream: 0, unit: DropoutUnit::Element }), &[x])]);
}

/// All orders of the axes.
fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|i| [i >> 6, i >> 4 & 3, i >> 2 & 3, i & 3]);
    all.filter(|axes| (0..4).all(|axis| axes.contains(&axis))).collect()
}

#[test]
fn axes_in_every_order() {
    let device = device();
    assert_eq!(orders().len(), 24);
    for axes in orders() {
        let op = Op::Permute(Permute { axes });
        for x in [Shape::new(2, 3, 5, 6), Shape::new(1, 7, 4, 9), Shape::new(5, 1, 2, 8), Shape::new(1, 1, 1, 1)] {
            check(stored(both_types(op, &[x]), &device.target()));
        }
        check_blocking(&device, &op, &[TensorType::image(Shape::new(2, 3, 4, 5))]).expect("its gradient is right");
        // In parts: samples that stay samples, and rows that stay rows. One sample has 10,080 bytes.
        let mut target = device.target();
        let case = Case::images(op, &[Shape::new(3, 21, 10, 12)]).expect();
        let limits = [(12_500, axes[0] == 0), (6_000, axes[..2] == [0, 1])];
        for (max_binding, is_cut) in limits {
            target.limits.max_binding = max_binding;
            assert_eq!(case.fits(&target), is_cut, "{axes:?} in {max_binding} bytes");
            if is_cut {
                case.check(&device, &target);
            }
        }
    }
    let x = TensorType::image(Shape::new(1, 2, 3, 4));
    let refused = Op::Permute(Permute { axes: [0, 1, 2, 2] }).infer(&[x]);
    assert_eq!(refused, Err("the axes must be 0 to 3 in some order, got [0, 1, 2, 2] without 3".to_owned()));
}

/// Values are small whole numbers and weights multiples of 1/16: all sums are exact, and so are their ties.
#[test]
fn class_maps_of_resized_images() {
    let exact = |s: Shape| {
        [
            Resize::nearest(s.h * 2 + 1, s.w.div_ceil(2)),
            Resize::bilinear(s.h * 2, s.w * 4, Coordinates::HalfPixel),
            Resize::bilinear(s.h * 4, s.w * 8, Coordinates::Asymmetric),
            Resize::bilinear(s.h, s.w, Coordinates::AlignCorners),
        ]
    };
    check(
        SHAPES
            .into_iter()
            .flat_map(|s| exact(s).map(|op| Case::images(Op::Fused(Fused::ArgMax(ResizeArgMax(op))), &[s]))),
    );
    let halved = Resize { h: 2, w: 4, interpolation: Interpolation::BilinearAntialias, step: None };
    check([Case::images(Op::Fused(Fused::ArgMax(ResizeArgMax(halved))), &[Shape::new(2, 4, 8, 21)])]);
}
