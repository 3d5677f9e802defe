//! Kernels whose images and filters are stored in f16: one rounding of what is stored, sums in f32. Gradients run in f16 beside
//! their cases in f32.

use std::collections::BTreeSet;

use atrous_graph::op::*;
use atrous_graph::{DType, Op, Shape, TensorType};
use atrous_tests::{Case, Setting, checked, conv_variants};

use crate::conv::{BASE, Row};
use crate::fused;
use crate::others::{SHAPES, fused_batch_norms, windows};

/// By every variant, whole and in parts. Returns the variants that served; none on an adapter without f16.
fn check(cases: impl IntoIterator<Item = Case>) -> BTreeSet<&'static str> {
    let device = checked();
    if !device.info().f16 {
        return BTreeSet::new();
    }
    let mut tight = device.target();
    tight.limits.max_binding = 4_000;
    let mut served = BTreeSet::new();
    for case in cases {
        let expected = case.half().expect();
        served.extend(expected.check_variants(&device, &device.target()));
        if expected.fits(&tight) {
            expected.check_variants(&device, &tight);
        }
    }
    served
}

fn each(op: Op) -> impl Iterator<Item = Case> {
    SHAPES.into_iter().map(move |s| Case::images(op, &[s]))
}

#[test]
fn convolutions_by_every_variant() {
    // Long sums: added up in f16 they would be off by many roundings.
    let long = [1, 3].map(|k| Row {
        image: [1, 9, 11, 516],
        cout: 68,
        kernel: [k, k],
        conv: Conv2d { padding: Padding::symmetric(k / 2, k / 2), ..Conv2d::default() },
        bias: true,
    });
    let strided = Row { image: [2, 13, 11, 12], cout: 20, conv: Conv2d { stride: [2, 2], ..BASE.conv }, ..BASE };
    let rows = [strided, long[0], long[1]].map(|row| row.case());
    let served = check(fused::all().into_iter().chain(rows));
    // Partial sums are not stored in f16.
    let target = checked().target();
    let all = conv_variants(&target).filter(|name| !name.ends_with("_split"));
    let missing: Vec<_> = all.filter(|name| !served.is_empty() && !served.contains(name)).collect();
    assert!(missing.is_empty(), "no case reached {missing:?}");
}

/// Results that take memory of other tensors: written over a residual, or into a range of a concatenation's channels.
#[test]
fn results_in_memory_of_other_tensors() {
    let device = checked();
    let served = |case: &Case, setting| case.half().expect_in(setting).check_variants(&device, &device.target());
    let is_residual = |case: &&Case| matches!(case.op, Op::Fused(Fused::Conv(FusedConv { residual: true, .. })));
    if device.info().f16 {
        let cases = fused::all();
        let over: BTreeSet<_> =
            cases.iter().filter(is_residual).flat_map(|case| served(case, Setting::Dying)).collect();
        assert!(over.len() > 8, "{over:?}");
        for op in [Binary::Add, Binary::Sub] {
            served(&Case::images(Op::Binary(op), &[Shape::new(2, 5, 7, 9); 2]), Setting::Dying);
        }
        for case in &cases {
            case.half().expect_in(Setting::Concatenated).check(&device, &device.target());
        }
    }
}

#[test]
fn normalisation() {
    check(SHAPES.into_iter().flat_map(fused_batch_norms));
}

#[test]
fn functions_of_elements() {
    // Within the range of f16.
    let small = |f: &Unary| !matches!(f, Unary::Exp);
    check(Unary::EXAMPLES.into_iter().filter(small).flat_map(|f| each(Op::Unary(f))));
    check([Op::Softmax, Op::LogSoftmax, Op::ArgMax].into_iter().flat_map(each));
    let full = Shape::new(2, 3, 5, 6);
    let others = [full, Shape::channels(6), Shape { c: 1, ..full }, Shape::new(2, 1, 1, 6), Shape::new(2, 1, 5, 1)];
    for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::DivNoNan, Binary::Equal] {
        check(others.iter().flat_map(|s| [[full, *s], [*s, full]]).map(|pair| Case::images(Op::Binary(op), &pair)));
    }
}

#[test]
fn windows_bins_and_reductions() {
    let image = Shape::new(2, 9, 7, 21);
    for window in windows() {
        check(
            [Op::MaxPool(MaxPool { window }), Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window }))]
                .map(|op| Case::images(op, &[image])),
        );
        if window.dilation == [1, 1] {
            let avg = AvgPool { window, count_include_pad: false, divisor: None };
            check([Case::images(Op::AvgPool(avg), &[image])]);
        }
    }
    check([Case::images(Op::ChannelMaxPool(ChannelMaxPool { window: 5, stride: 3 }), &[image])]);
    check(
        [(2, 3), (6, 6), (20, 17)].map(|(h, w)| Case::images(Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), &[image])),
    );
    let large = Shape::new(1, 33, 31, 5);
    check([image, large].map(|x| Case::images(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 1, w: 1 }), &[x])));
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::Max] {
        for (n, h, w) in [(true, true, true), (false, true, true), (false, false, true)] {
            let op = Op::Reduce(Reduce { reduction, n, h, w });
            check(each(op).chain([Case::images(op, &[Shape::new(3, 65, 67, 5)])]));
        }
    }
    for shape in SHAPES.into_iter().chain([Shape::new(3, 65, 67, 5)]) {
        check([
            Case::images(Op::Fused(Fused::BatchStatistics), &[shape]),
            Case::images(Op::ChannelVariance, &[shape, Shape::channels(shape.c)]),
        ]);
    }
}

#[test]
fn resizing() {
    let rules = [
        Interpolation::Nearest,
        Interpolation::Bilinear(Coordinates::HalfPixel),
        Interpolation::Bilinear(Coordinates::AlignCorners),
        Interpolation::BilinearAntialias,
    ];
    let sizes = [(7, 9, 13, 20), (33, 31, 17, 8), (1, 1, 6, 7)];
    check(rules.into_iter().flat_map(|interpolation| {
        sizes.map(|(ih, iw, h, w)| {
            Case::images(Op::Resize(Resize { h, w, interpolation, step: None }), &[Shape::new(2, ih, iw, 5)])
        })
    }));
    // Small whole numbers and weights that are multiples of 1/16: sums and ties are exact.
    let exact = [Resize::nearest(13, 20), Resize::bilinear(14, 36, Coordinates::HalfPixel)];
    check(exact.map(|op| Case::images(Op::Fused(Fused::ArgMax(ResizeArgMax(op))), &[Shape::new(2, 7, 9, 21)])));
}

#[test]
fn movements() {
    for channels in [&[3, 5, 7][..], &[48, 256], &[1, 1, 1, 1, 1], &[21], &[4, 8, 2, 6, 257, 3]] {
        check([Case::images(Op::Concat, &channels.iter().map(|c| Shape::new(2, 3, 5, *c)).collect::<Vec<_>>())]);
    }
    let x = Shape::new(3, 7, 6, 11);
    let boxes = [Slice::crop(x, 2, 1, 4, 5), Slice::channels(x, 3, 5), Slice::channels(x, 4, 4)];
    check(boxes.map(|b| Case::images(Op::Slice(b), &[x])));
    let padding = Padding { top: 1, bottom: 2, left: 0, right: 3 };
    let modes = [PadMode::Constant(0.0), PadMode::Constant(-1.3), PadMode::Reflect, PadMode::Replicate];
    check(modes.map(|mode| Case::images(Op::Pad(Pad { padding, mode }), &[x])));
    check([Case::images(Op::Flip(Flip { vertical: true, horizontal: true }), &[x])]);
}

#[test]
fn casts() {
    check(each(Op::Cast(Cast { dtype: DType::F32 })));
    let device = atrous_tests::device();
    if device.info().f16 {
        let narrow = Case::images(Op::Cast(Cast { dtype: DType::F16 }), &[Shape::new(1, 2, 3, 5)]);
        narrow.expect().check_variants(&device, &device.target());
        let filter = TensorType::filter(Shape::new(3, 3, 5, 6));
        Case { op: Op::Cast(Cast { dtype: DType::F16 }), inputs: vec![filter] }
            .expect()
            .check_variants(&device, &device.target());
        // To the nearest, ties to even; beyond 65504 to infinity.
        let values = [65504.0, 65519.0, 65520.0, -1e9, 1.0 + 1.0 / 2048.0, 0.1, -0.0, f32::INFINITY];
        let edges = Case::images(Op::Cast(Cast { dtype: DType::F16 }), &[Shape::channels(8)])
            .expect_with(vec![values.to_vec()]);
        let nearest = values.map(|v| half::f16::from_f32(v).to_f32());
        assert_eq!(edges.result(&device, &device.target()), nearest);
    }
}
