//! What nothing wrote, nothing reads, and the padding of every result is zero.
//!
//! The device checks both: its activations begin as NaN, and runs fail whose outputs have something in their padding.

use atrous_graph::op::*;
use atrous_graph::{DType, Op, Shape, TensorType};
use atrous_tests::{Case, checked};

use crate::conv::{BASE, Row};

const IMAGE: Shape = Shape::new(2, 9, 7, 5);

fn check(cases: impl IntoIterator<Item = Case>) {
    let device = checked();
    for case in cases {
        let expected = case.expect();
        expected.check_variants(&device, &device.target());
        let mut tight = device.target();
        tight.limits.max_binding = 4_000;
        if expected.fits(&tight) {
            expected.check_variants(&device, &tight);
        }
    }
}

fn image(op: Op) -> Case {
    Case::images(op, &[IMAGE])
}

fn with_vectors(op: Op, vectors: usize) -> Case {
    Case::images(op, &[&[IMAGE][..], &vec![Shape::channels(IMAGE.c); vectors]].concat())
}

fn grouped(groups: usize, c: usize, cout: usize) -> Row {
    Row { image: [2, 9, 7, c], cout, conv: Conv2d { groups, ..BASE.conv }, bias: false, ..BASE }
}

#[test]
fn convolutions() {
    let pointwise = Row { kernel: [1, 1], conv: Conv2d::default(), ..BASE };
    let apart =
        Row { conv: Conv2d { dilation: [1, 2], padding: Padding::symmetric(1, 2), ..BASE.conv }, ..grouped(5, 5, 5) };
    let rows = [BASE, pointwise, apart, grouped(5, 5, 5), grouped(5, 5, 15), grouped(3, 6, 9), grouped(2, 8, 24)];
    check(rows.map(|row| row.case()));
    check([(1, 6, 5), (3, 6, 9), (2, 8, 16)].map(|(groups, c, channels)| {
        let conv = Conv2d { stride: [2, 2], groups, ..Conv2d::default() };
        let op = Conv2dGradInput::transposed(conv, [4, 3], [3, 3], [0, 0]).expect("a legal size");
        let inputs = [Shape::new(2, 4, 3, c), Shape::new(3, 3, channels / groups, c), Shape::channels(channels)];
        let [y, filter, bias] = inputs;
        let inputs = vec![TensorType::image(y), TensorType::filter(filter), TensorType::image(bias)];
        Case { op: Op::Conv2dGradInput(op), inputs }
    }));
}

#[test]
fn functions_that_are_not_zero_at_zero() {
    let functions = [Unary::Sigmoid, Unary::HardSigmoid, Unary::Softplus, Unary::Elu { alpha: 1.5 }, Unary::Gelu];
    check(functions.map(|f| image(Op::Unary(f))));
    check([Op::Softmax, Op::LogSoftmax, Op::ArgMax].map(image));
    for op in [Binary::Add, Binary::Sub, Binary::Mul] {
        let others = [IMAGE, Shape::channels(5), Shape { c: 1, ..IMAGE }, Shape::channels(1), Shape { w: 1, ..IMAGE }];
        check(others.map(|other| Case::images(Op::Binary(op), &[IMAGE, other])));
        check(others.map(|other| Case::images(Op::Binary(op), &[other, IMAGE])));
    }
}

#[test]
fn normalisation_and_reductions() {
    let normalise = |eps, scale, shift| Op::BatchNorm(BatchNorm { eps, scale, shift, batch: false });
    check([with_vectors(normalise(1e-5, true, true), 4), with_vectors(normalise(0.0, false, false), 2)]);
    check([with_vectors(Op::ChannelVariance, 1)]);
    check([Case::images(Op::RunningStat(RunningStat { keep: 0.9, take: 0.11, sample: 0 }), &[Shape::channels(5); 2])]);
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::Max] {
        let op = Op::Reduce(Reduce { reduction, n: true, h: true, w: true });
        check([image(op), Case::images(op, &[Shape::new(2, 33, 31, 5)])]);
    }
}

#[test]
fn windows_and_resampling() {
    let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
    check([
        image(Op::MaxPool(MaxPool { window })),
        image(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window }))),
        image(Op::AvgPool(AvgPool { window, count_include_pad: false, divisor: None })),
        image(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 4, w: 3 })),
        image(Op::ChannelMaxPool(ChannelMaxPool { window: 2, stride: 2 })),
        image(Op::Resize(Resize::nearest(13, 5))),
        image(Op::Fused(Fused::ArgMax(ResizeArgMax(Resize::nearest(13, 5))))),
        image(Op::Fused(Fused::ArgMax(ResizeArgMax(Resize::bilinear(18, 14, Coordinates::HalfPixel))))),
        image(Op::Resize(Resize::bilinear(13, 5, Coordinates::HalfPixel))),
        image(Op::Resize(Resize { h: 4, w: 3, interpolation: Interpolation::BilinearAntialias, step: None })),
    ]);
}

#[test]
fn movements() {
    let padding = Padding::symmetric(2, 3);
    for dtype in [DType::F32, DType::U32] {
        let case = |op, channels: &[usize]| Case {
            op,
            inputs: channels.iter().map(|&c| TensorType { dtype, ..TensorType::image(Shape { c, ..IMAGE }) }).collect(),
        };
        check([
            case(Op::Concat, &[3, 5, 7, 1, 1]),
            case(Op::Concat, &[8, 6]),
            case(Op::Slice(Slice { start: [0, 1, 1, 3], size: Shape::new(2, 5, 5, 6) }), &[11]),
            case(Op::Slice(Slice { start: [1, 0, 0, 4], size: Shape::new(1, 9, 7, 2) }), &[11]),
            case(Op::Flip(Flip { vertical: true, horizontal: true }), &[5]),
        ]);
    }
    check(
        [PadMode::Constant(-1.5), PadMode::Reflect, PadMode::Replicate]
            .map(|mode| image(Op::Pad(Pad { padding, mode }))),
    );
}
