//! Error scales of gradients, losses and broadcasts. They must be large enough for the reference rounded to f32 and for
//! f32 arithmetic, and small enough that an error of a thousandth anywhere is detected.

use atrous_cpu::{Tensor, Tolerance, compare, evaluate, magnitude};
use atrous_graph::op::{
    AdaptiveAvgPoolGrad, AvgPool, AvgPoolGrad, BatchNormGrad, BatchNormGradSums, Binary, ChannelMaxPool,
    ChannelMaxPoolGrad, Conv2d, Conv2dGradWeight, Coordinates, CrossEntropy, CrossEntropyGrad, Dropout, DropoutUnit,
    Fused, Gradient, MaxPoolGrad, MaxPoolIndices, Pad, PadGrad, PadMode, Padding, Resize, ResizeCrossEntropy,
    ResizeCrossEntropyGrad, ResizeGrad, Unary, UnaryGrad, Window,
};
use atrous_graph::{Op, Shape};

const IMAGE: Shape = Shape::new(2, 4, 4, 5);

/// Values in -1..1 without a pattern, the same on every run, all f32.
fn noise(shape: Shape, seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    Tensor::from_f32(shape, &(0..shape.len()).map(|_| next()).collect::<Vec<_>>())
}

fn positive(shape: Shape, seed: u64) -> Tensor {
    noise(shape, seed).map(|v| v + 1.5)
}

/// Operations with their inputs and the shape of the result.
fn cases() -> Vec<(Op, Vec<Tensor>, Shape)> {
    let (x, dy, c) = (noise(IMAGE, 1), noise(IMAGE, 2), Shape::channels(5));
    let half = Shape { h: 2, w: 2, ..IMAGE };
    let small = noise(half, 3);
    let sums = noise(Shape { n: 2, ..c }, 4).map(|v| 8.0 * v);
    let window = Window::new([2, 2], [2, 2]);
    let indices = evaluate(&Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[&x], half);
    let pool = AvgPool { window: Window::new([3, 3], [1, 1]), count_include_pad: true, divisor: None };
    let resize = Resize::bilinear(2, 2, Coordinates::HalfPixel);
    let pad = Pad { padding: Padding::symmetric(1, 2), mode: PadMode::Reflect };
    let padded = noise(Shape { h: 6, w: 8, ..IMAGE }, 5);
    let pixels = Shape { c: 1, ..IMAGE };
    let labels = Tensor::from_u32(pixels, &(0..32).map(|i| i % 7).collect::<Vec<_>>());
    let entropy = CrossEntropy { ignore: Some(3), smoothing: 0.1 };
    let up = Resize::bilinear(4, 4, Coordinates::HalfPixel);
    let resized = ResizeCrossEntropy { resize: up, loss: entropy };
    let (softmax, log) = (evaluate(&Op::Softmax, &[&x], IMAGE), evaluate(&Op::LogSoftmax, &[&x], IMAGE));
    let seed = Tensor::from_u32(Shape::channels(1), &[3]);
    let channels = Shape { c: 4, ..IMAGE };
    let filter = Shape::new(3, 3, 5, 5);
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let statistics = [noise(c, 6), positive(c, 7), positive(c, 8)];
    let [mean, var, scale] = statistics.clone();
    let grad = |scale, batch| Op::Gradient(Gradient::BatchNorm(BatchNormGrad { eps: 1e-3, scale, batch }));
    vec![
        (
            Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [3, 3] })),
            vec![x.clone(), dy.clone()],
            filter,
        ),
        (
            Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps: 1e-3 })),
            vec![x.clone(), dy.clone(), mean.clone(), var.clone()],
            Shape { n: 2, ..c },
        ),
        (grad(false, false), vec![x.clone(), dy.clone(), mean.clone(), var.clone()], IMAGE),
        (grad(true, true), vec![x.clone(), dy.clone(), mean, var, scale, sums], IMAGE),
        (Op::Gradient(Gradient::MaxPool(MaxPoolGrad { window, h: 4, w: 4 })), vec![small.clone(), indices], IMAGE),
        (Op::Gradient(Gradient::AvgPool(AvgPoolGrad { pool, h: 4, w: 4 })), vec![small.clone()], IMAGE),
        (
            Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h: 4, w: 4 })),
            vec![noise(Shape { h: 3, w: 3, ..IMAGE }, 9)],
            IMAGE,
        ),
        (
            Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(ChannelMaxPool { window: 2, stride: 1 }))),
            vec![x.clone(), noise(channels, 10)],
            IMAGE,
        ),
        (Op::Gradient(Gradient::Resize(ResizeGrad { resize, h: 4, w: 4 })), vec![small.clone()], IMAGE),
        (Op::Gradient(Gradient::Pad(PadGrad { pad, h: 4, w: 4 })), vec![padded], IMAGE),
        (Op::Binary(Binary::DivNoNan), vec![x.clone(), positive(c, 11)], IMAGE),
        (Op::ChannelSum, vec![x.clone()], pixels),
        (Op::Gradient(Gradient::Softmax), vec![softmax, dy.clone()], IMAGE),
        (Op::Gradient(Gradient::LogSoftmax), vec![log, dy.clone()], IMAGE),
        (Op::CrossEntropy(entropy), vec![x.clone(), labels.clone(), positive(c, 12)], pixels),
        (
            Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(entropy))),
            vec![x.clone(), labels.clone(), noise(pixels, 13), positive(c, 12)],
            IMAGE,
        ),
        (Op::Fused(Fused::CrossEntropy(resized)), vec![small.clone(), labels.clone(), positive(c, 12)], pixels),
        (
            Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(resized))),
            vec![small, labels, noise(pixels, 13), positive(c, 12)],
            half,
        ),
        (Op::Dropout(Dropout { rate: 0.3, stream: 2, unit: DropoutUnit::Element }), vec![x, seed], IMAGE),
    ]
}

fn judge(op: &Op, inputs: &[&Tensor], want: &Tensor, got: &Tensor) -> bool {
    compare(&got.to_f32(), want, &magnitude(op, inputs, want.shape), Tolerance::F32).is_ok()
}

#[test]
fn an_error_of_a_thousandth_is_seen() {
    for (op, inputs, shape) in cases() {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let want = evaluate(&op, &inputs, shape);
        let scale = magnitude(&op, &inputs, shape);
        for (m, value) in scale.data.iter().zip(&want.data) {
            assert!(*m >= value.abs() * (1.0 - 1e-12) && m.is_finite(), "{}: scale {m} of {value}", op.name());
        }
        assert!(judge(&op, &inputs, &want, &want), "{}: the reference itself", op.name());
        let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let mut one_off = want.clone();
        let at = one_off.data.iter().position(|v| v.abs() == largest).unwrap();
        one_off.data[at] *= 1.001;
        assert!(!judge(&op, &inputs, &want, &one_off), "{}: one value a thousandth too large", op.name());
        let mut shifted = want.clone();
        shifted.data.rotate_right(1);
        for wrong in [want.map(|v| -v), want.map(|v| v * 1.001), shifted] {
            assert!(!judge(&op, &inputs, &want, &wrong), "{}: wrong everywhere", op.name());
        }
    }
}

#[test]
fn derivatives_of_functions_are_held_to_a_thousandth() {
    let x = noise(IMAGE, 1).map(|v| 4.0 * v);
    let dy = noise(IMAGE, 2);
    for function in Unary::EXAMPLES {
        let x = if function == Unary::Ln { x.map(|v| v.abs() + 0.1) } else { x.clone() };
        let (op, inputs) = (Op::Gradient(Gradient::Unary(UnaryGrad(function))), [&x, &dy]);
        let want = evaluate(&op, &inputs, IMAGE);
        assert!(judge(&op, &inputs, &want, &want), "{function:?}");
        if function != Unary::Step {
            assert!(!judge(&op, &inputs, &want, &want.map(|v| v * 1.001)), "{function:?}");
            assert!(!judge(&op, &inputs, &want, &want.map(|v| -v)), "{function:?}");
        }
    }
}

/// Large logits do not enlarge the error scale, since they cancel in the formula.
#[test]
fn scales_do_not_grow_with_what_cancels() {
    let pixels = Shape { c: 1, ..IMAGE };
    let labels = Tensor::from_u32(pixels, &[1; 32]);
    let (near, dy) = (noise(IMAGE, 1), noise(pixels, 2));
    let far = near.map(|v| v + 1000.0);
    let op = Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(CrossEntropy { ignore: None, smoothing: 0.0 })));
    let scales = [&near, &far].map(|x| magnitude(&op, &[x, &labels, &dy], IMAGE));
    for (near, far) in scales[0].data.iter().zip(&scales[1].data) {
        assert!((near - far).abs() < 1e-9, "{near} {far}");
    }
}
