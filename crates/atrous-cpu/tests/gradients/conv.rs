use atrous_cpu::evaluate;
use atrous_graph::op::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Gradient, Padding, Reduce};
use atrous_graph::{Op, Shape};

use crate::check::{adjoint, check, eval, linear, noise};

const fn padding(top: usize, bottom: usize, left: usize, right: usize) -> Padding {
    Padding { top, bottom, left, right }
}

/// Convolutions with the shapes of their image and filter. They cover every parameter alone and together: a stride that
/// leaves pixels over, dilation, groups, depthwise with multiplier, padding on each side, also beyond the kernel.
fn cases() -> Vec<(Conv2d, Shape, Shape)> {
    let plain = Conv2d::default();
    let image = Shape::new(2, 6, 5, 4);
    vec![
        (plain, image, Shape::new(1, 1, 4, 3)),
        (plain, image, Shape::new(3, 2, 4, 3)),
        (Conv2d { padding: padding(1, 1, 1, 1), ..plain }, image, Shape::new(3, 3, 4, 2)),
        (Conv2d { stride: [2, 3], ..plain }, image, Shape::new(3, 2, 4, 2)),
        (Conv2d { stride: [3, 2], ..plain }, image, Shape::new(1, 1, 4, 2)),
        (Conv2d { dilation: [2, 3], ..plain }, image, Shape::new(3, 2, 4, 2)),
        (Conv2d { groups: 2, ..plain }, image, Shape::new(2, 2, 2, 6)),
        (Conv2d { groups: 4, ..plain }, image, Shape::new(3, 3, 1, 4)),
        (Conv2d { groups: 4, stride: [2, 2], padding: padding(1, 0, 0, 1), ..plain }, image, Shape::new(3, 3, 1, 12)),
        (Conv2d { padding: padding(2, 0, 0, 3), ..plain }, image, Shape::new(2, 3, 4, 2)),
        (Conv2d { padding: padding(0, 1, 2, 0), stride: [2, 1], ..plain }, image, Shape::new(3, 3, 4, 2)),
        (
            Conv2d { stride: [2, 3], dilation: [3, 2], padding: padding(3, 1, 0, 2), groups: 2 },
            Shape::new(2, 8, 7, 6),
            Shape::new(3, 2, 3, 4),
        ),
        (Conv2d { stride: [4, 4], padding: padding(3, 3, 3, 3), ..plain }, image, Shape::new(2, 2, 4, 3)),
        (plain, Shape::new(3, 4, 5, 3), Shape::new(4, 5, 3, 2)),
    ]
}

#[test]
fn with_respect_to_the_input() {
    for (conv, image, filter) in cases() {
        let filter = noise(filter, 2);
        let grad = Conv2dGradInput { conv, h: image.h, w: image.w };
        linear(
            &format!("{conv:?} of {image} with {}", filter.shape),
            image,
            |x| eval(Op::Conv2d(conv), &[x, &filter]),
            |u| eval(Op::Conv2dGradInput(grad), &[u, &filter]),
        );
    }
}

#[test]
fn with_respect_to_the_filter() {
    for (conv, image, filter) in cases() {
        let x = noise(image, 1);
        let grad = Conv2dGradWeight { conv, kernel: [filter.n, filter.h] };
        linear(
            &format!("{conv:?} of {image} with {filter}"),
            filter,
            |w| eval(Op::Conv2d(conv), &[&x, w]),
            |u| eval(Op::Gradient(Gradient::Conv2dWeight(grad)), &[&x, u]),
        );
    }
}

#[test]
fn with_respect_to_the_bias() {
    let (x, filter) = (noise(Shape::new(2, 5, 4, 3), 1), noise(Shape::new(2, 2, 3, 5), 2));
    let sum = |u: &_| eval(Op::Reduce(Reduce::SUM_NHW), &[u]);
    check("conv2d", &noise(Shape::channels(5), 3), |b| eval(Op::Conv2d(Conv2d::default()), &[&x, &filter, b]), sum);
    let y = noise(Shape::new(2, 3, 2, 5), 4);
    let up =
        Conv2dGradInput::transposed(Conv2d { stride: [2, 2], ..Conv2d::default() }, [3, 2], [2, 2], [1, 0]).unwrap();
    check("conv_transpose2d", &noise(Shape::channels(3), 3), |b| eval(Op::Conv2dGradInput(up), &[&y, &filter, b]), sum);
}

/// Transposed convolutions with the shapes of their input and filter (`kh×kw×(Cout/groups)×Cin`).
fn transposed_cases() -> Vec<(Conv2dGradInput, Shape, Shape)> {
    let plain = Conv2d::default();
    let y = Shape::new(2, 3, 4, 6);
    let sized =
        |conv, kernel, output_padding| Conv2dGradInput::transposed(conv, [y.h, y.w], kernel, output_padding).unwrap();
    let same = |stride, kernel| Conv2dGradInput::transposed_same(stride, [y.h, y.w], kernel);
    let wide = Conv2d { stride: [3, 2], dilation: [1, 2], padding: padding(2, 1, 0, 1), groups: 2 };
    vec![
        (sized(plain, [3, 2], [0, 0]), y, Shape::new(3, 2, 2, 6)),
        (sized(Conv2d { stride: [2, 2], ..plain }, [2, 2], [0, 0]), y, Shape::new(2, 2, 2, 6)),
        (sized(Conv2d { stride: [2, 3], ..plain }, [1, 2], [1, 2]), y, Shape::new(1, 2, 2, 6)),
        (
            sized(Conv2d { stride: [2, 2], padding: padding(1, 1, 1, 1), ..plain }, [3, 3], [1, 0]),
            y,
            Shape::new(3, 3, 2, 6),
        ),
        (sized(Conv2d { groups: 6, stride: [2, 2], ..plain }, [3, 3], [0, 0]), y, Shape::new(3, 3, 1, 6)),
        (sized(Conv2d { groups: 3, dilation: [2, 3], ..plain }, [3, 2], [0, 0]), y, Shape::new(3, 2, 2, 6)),
        (sized(Conv2d { dilation: [3, 3], ..plain }, [2, 2], [2, 1]), y, Shape::new(2, 2, 2, 6)),
        (sized(wide, [3, 3], [1, 0]), y, Shape::new(3, 3, 1, 6)),
        (same([2, 2], [3, 4]), y, Shape::new(3, 4, 2, 6)),
        (same([3, 3], [2, 2]), y, Shape::new(2, 2, 2, 6)),
    ]
}

/// The gradient is the forward convolution, cropped to the input's size: if the output padding exceeds the stride, the
/// convolution has more positions than the input.
#[test]
fn transposed_with_respect_to_the_input() {
    for (op, y, filter) in transposed_cases() {
        let filter = noise(filter, 2);
        linear(
            &format!("{op:?} of {y} with {}", filter.shape),
            y,
            |y| eval(Op::Conv2dGradInput(op), &[y, &filter]),
            |u| evaluate(&Op::Conv2d(op.conv), &[u, &filter], y),
        );
    }
}

/// The gradient is that of the forward convolution, with image and upstream gradient swapped.
#[test]
fn transposed_with_respect_to_the_filter() {
    for (op, y, filter) in transposed_cases() {
        let y = noise(y, 1);
        let grad = Conv2dGradWeight { conv: op.conv, kernel: [filter.n, filter.h] };
        linear(
            &format!("{op:?} of {} with {filter}", y.shape),
            filter,
            |w| eval(Op::Conv2dGradInput(op), &[&y, w]),
            |u| evaluate(&Op::Gradient(Gradient::Conv2dWeight(grad)), &[u, &y], filter),
        );
    }
}

/// Each of the three operations has the other two as gradients: the weight gradient is linear in both of its inputs
/// too.
#[test]
fn of_the_weight_gradient() {
    for (conv, image, filter) in cases() {
        let what = format!("{conv:?} of {image} with {filter}");
        let grad = Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [filter.n, filter.h] }));
        let x = noise(image, 1);
        let dy = eval(Op::Conv2d(conv), &[&x, &noise(filter, 2)]);
        let back = Op::Conv2dGradInput(Conv2dGradInput { conv, h: image.h, w: image.w });
        adjoint(&what, dy.shape, |dy| eval(grad, &[&x, dy]), |w| eval(Op::Conv2d(conv), &[&x, w]));
        adjoint(&what, image, |x| eval(grad, &[x, &dy]), |w| eval(back, &[&dy, w]));
    }
}
