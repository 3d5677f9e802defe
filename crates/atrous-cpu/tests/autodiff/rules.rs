//! Every gradient rule, in graphs of one or a few operations.

use atrous_graph::autodiff::{Recompute, backward, backward_from};
use atrous_graph::op::*;
use atrous_graph::{Layout, Op, Shape};

use crate::support::Case;

const X: Shape = Shape::new(2, 6, 5, 4);

/// Checks the gradient of an operation whose only input is `x`.
fn of_x(shape: Shape, op: Op) {
    let mut case = Case::default();
    let x = case.input("x", shape);
    let y = case.add(op, &[x]);
    let loss = case.weighed(y);
    case.check(&[(loss, 1.0)], &["x"]);
}

#[test]
fn convolutions_of_every_kind() {
    let conv = |stride, dilation, padding, groups| Conv2d { stride, dilation, padding, groups };
    let uneven = Padding { top: 1, bottom: 0, left: 2, right: 1 };
    for (c, k, op) in [
        ((4, 6), (3, 2), conv([1, 1], [1, 1], Padding::NONE, 1)),
        ((4, 6), (3, 3), conv([2, 1], [1, 2], uneven, 1)),
        ((4, 6), (1, 1), conv([2, 2], [1, 1], Padding::NONE, 2)),
        ((4, 8), (3, 3), conv([1, 2], [2, 1], uneven, 4)),
        ((4, 4), (2, 3), conv([3, 3], [1, 1], Padding::symmetric(1, 1), 2)),
    ] {
        let mut case = Case::default();
        let x = case.input("x", Shape::new(2, 7, 6, c.0));
        let w = case.filter("w", k.0, k.1, c.0 / op.groups, c.1);
        let b = case.vector("b", c.1, 0.0);
        let y = case.add(Op::Conv2d(op), &[x, w, b]);
        let loss = case.weighed(y);
        case.check(&[(loss, 1.0)], &["x", "w", "b"]);
    }
}

#[test]
fn transposed_convolutions_with_rows_that_no_tap_reaches() {
    let conv = |stride, dilation, padding, groups| Conv2d { stride, dilation, padding, groups };
    for (k, output_padding, op) in [
        ([2, 2], [0, 0], conv([2, 2], [1, 1], Padding::NONE, 1)),
        ([3, 3], [1, 1], conv([2, 2], [1, 1], Padding::symmetric(1, 1), 2)),
        ([1, 1], [1, 2], conv([2, 3], [1, 1], Padding::NONE, 1)),
        ([2, 1], [2, 2], conv([1, 1], [3, 3], Padding::NONE, 1)),
    ] {
        let mut case = Case::default();
        let y = case.input("y", Shape::new(2, 3, 4, 4));
        let w = case.filter("w", k[0], k[1], 6 / op.groups, 4);
        let b = case.vector("b", 6, 0.0);
        let op = Conv2dGradInput::transposed(op, [3, 4], k, output_padding).expect("a size");
        let out = case.add(Op::Conv2dGradInput(op), &[y, w, b]);
        let loss = case.weighed(out);
        case.check(&[(loss, 1.0)], &["y", "w", "b"]);
    }
}

#[test]
fn the_gradient_of_a_weight_gradient() {
    let mut case = Case::default();
    let conv = Conv2d { stride: [2, 1], padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let (x, dy) = (case.input("x", Shape::new(2, 6, 5, 3)), case.input("dy", Shape::new(2, 3, 5, 2)));
    let dw = case.add(Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [3, 3] })), &[x, dy]);
    let u = case.filter("u", 3, 3, 3, 2);
    let gradients = backward_from(&mut case.graph, &[(dw, u)], &[x, dy], &Recompute::Nothing).expect("gradients");
    let gradients = gradients.into_iter().map(|g| g.expect("a gradient")).collect::<Vec<_>>();
    // <dw(x, dy), u> is linear in x and in dy, so its gradient with respect to either, times that, is the product
    // itself.
    let mut wanted = gradients.clone();
    wanted.push(dw);
    let got = atrous_cpu::run(&case.graph, &case.values, &wanted).expect("values");
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let want = dot(&got[2].data, &case.values["u"].data);
    for (name, gradient) in ["x", "dy"].iter().zip(&got) {
        assert!((dot(&gradient.data, &case.values[*name].data) - want).abs() < 1e-9);
    }
}

#[test]
fn batch_normalisation_by_batch_and_by_given_statistics() {
    for (batch, scale, shift) in [(true, true, true), (true, false, true), (true, false, false), (false, true, true)] {
        let mut case = Case::default();
        let x = case.input("x", X);
        let [mean, var] = if batch {
            let mean = case.add(Op::Reduce(Reduce::MEAN_NHW), &[x]);
            [mean, case.add(Op::ChannelVariance, &[x, mean])]
        } else {
            [case.vector("mean", 4, 0.0), case.vector("var", 4, 1.0)]
        };
        let mut inputs = vec![x, mean, var];
        let mut names = vec!["x"];
        if scale {
            inputs.push(case.vector("scale", 4, 1.0));
            names.push("scale");
        }
        if shift {
            inputs.push(case.vector("shift", 4, 0.0));
            names.push("shift");
        }
        if !batch {
            names.extend(["mean", "var"]);
        }
        let y = case.add(Op::BatchNorm(BatchNorm { eps: 1e-3, scale, shift, batch }), &inputs);
        let loss = case.weighed(y);
        case.check(&[(loss, 1.0)], &names);
    }
}

#[test]
fn statistics_and_reductions() {
    let mut case = Case::default();
    let (x, mean, running) = (case.input("x", X), case.vector("mean", 4, 0.0), case.vector("running", 4, 1.0));
    let var = case.add(Op::ChannelVariance, &[x, mean]);
    let y = case.add(Op::RunningStat(RunningStat { keep: 0.75, take: 0.5, sample: 0 }), &[running, var]);
    let loss = case.weighed(y);
    case.check(&[(loss, 1.0)], &["x", "mean", "running"]);
    for reduction in [Reduction::Sum, Reduction::Mean] {
        for mask in 1..8 {
            of_x(X, Op::Reduce(Reduce { reduction, n: mask & 1 > 0, h: mask & 2 > 0, w: mask & 4 > 0 }));
        }
    }
    of_x(X, Op::ChannelSum);
    of_x(Shape::new(2, 1, 5, 1), Op::Broadcast(Broadcast { shape: X }));
}

#[test]
fn a_tie_for_the_maximum_shares_its_gradient() {
    let mut case = Case::default();
    let x = case.input("x", Shape::new(1, 2, 2, 1));
    case.values.get_mut("x").expect("a value").data.copy_from_slice(&[0.5, 1.0, 1.0, -2.0]);
    let y = case.add(Op::Reduce(Reduce::MAX_HW), &[x]);
    let gradient = backward(&mut case.graph, &[(y, 3.0)], &[x], &Recompute::Nothing).expect("a gradient")[0];
    let got = atrous_cpu::run(&case.graph, &case.values, &[gradient.expect("a gradient")]).expect("values");
    assert_eq!(got[0].data, [0.0, 1.5, 1.5, 0.0]);
}

#[test]
fn pooling_resizing_and_moving() {
    let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
    of_x(X, Op::MaxPool(MaxPool { window }));
    of_x(X, Op::AvgPool(AvgPool { window, count_include_pad: false, divisor: None }));
    of_x(X, Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 4, w: 3 }));
    of_x(X, Op::ChannelMaxPool(ChannelMaxPool { window: 2, stride: 1 }));
    for coordinates in [Coordinates::HalfPixel, Coordinates::AlignCorners] {
        of_x(X, Op::Resize(Resize::bilinear(11, 3, coordinates)));
    }
    of_x(X, Op::Resize(Resize::nearest(13, 10)));
    for mode in [PadMode::Constant(2.0), PadMode::Reflect, PadMode::Replicate] {
        of_x(X, Op::Pad(Pad { padding: Padding { top: 2, bottom: 1, left: 0, right: 3 }, mode }));
    }
    of_x(X, Op::Slice(Slice { start: [0, 2, 1, 1], size: Shape::new(2, 3, 2, 2) }));
    of_x(X, Op::Place(Place { start: [1, 0, 2, 1], shape: Shape::new(4, 6, 9, 7) }));
    of_x(X, Op::Flip(Flip { vertical: true, horizontal: false }));
    let mut case = Case::default();
    let (a, b) = (case.input("a", X), case.input("b", Shape { c: 3, ..X }));
    let y = case.add(Op::Concat, &[a, b, a]);
    let loss = case.weighed(y);
    case.check(&[(loss, 1.0)], &["a", "b"]);
}

#[test]
fn functions_of_one_element() {
    for function in Unary::EXAMPLES {
        let mut case = Case::default();
        let x = case.input("x", X);
        // Away from kinks and poles: positive, and never close to 0.3, 0.5 or 3.
        let values = &mut case.values.get_mut("x").expect("a value").data;
        values.iter_mut().for_each(|v| *v = 0.75 + (*v + 1.0) / 8.0);
        let y = case.add(Op::Unary(function), &[x]);
        let loss = case.weighed(y);
        if function == Unary::Step {
            let gradients = backward(&mut case.graph, &[(loss, 1.0)], &[x], &Recompute::Cheap).expect("none");
            assert_eq!(gradients, [None]);
        } else {
            case.check(&[(loss, 1.0)], &["x"]);
        }
    }
}

#[test]
fn functions_of_two_elements_that_broadcast() {
    for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::DivNoNan] {
        for [a, b] in [[X, X], [X, Shape::channels(4)], [Shape { c: 1, ..X }, X], [Shape::new(2, 1, 5, 1), X]] {
            let mut case = Case::default();
            let a = case.input("a", a);
            let b = case.parameter("b", b, Layout::Image, 2.0);
            let y = case.add(Op::Binary(op), &[a, b]);
            let loss = case.weighed(y);
            case.check(&[(loss, 1.0)], &["a", "b"]);
        }
    }
}

#[test]
fn softmax_and_cross_entropy() {
    of_x(X, Op::Softmax);
    of_x(X, Op::LogSoftmax);
    for (smoothing, weighted) in [(0.0, false), (0.1, true)] {
        let mut case = Case::default();
        let x = case.input("x", X);
        let labels = case.labels("labels", Shape { c: 1, ..X }, &[0, 3, 255, 2, 1, 9]);
        let mut inputs = vec![x, labels];
        if weighted {
            inputs.push(case.vector("weights", 4, 1.0));
        }
        let y = case.add(Op::CrossEntropy(CrossEntropy { ignore: Some(255), smoothing }), &inputs);
        let loss = case.weighed(y);
        case.check(&[(loss, 1.0)], &["x"]);
    }
}

#[test]
fn dropout_replays_its_mask() {
    let mut case = Case::default();
    let x = case.input("x", X);
    let seed = case.labels("seed", Shape::channels(1), &[17]);
    let y = case.add(Op::Dropout(Dropout { rate: 0.5, stream: 3, unit: DropoutUnit::Element }), &[x, seed]);
    let loss = case.weighed(y);
    case.check(&[(loss, 1.0)], &["x"]);
}

#[test]
fn losses_add_up_parameters_are_shared_and_gradients_stop() {
    let mut case = Case::default();
    let x = case.input("x", X);
    let w = case.filter("w", 3, 3, 4, 4);
    let conv = Op::Conv2d(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() });
    let y = case.add(conv, &[x, w]);
    let z = case.add(conv, &[y, w]);
    let (first, second) = (case.weighed(y), case.weighed(z));
    case.check(&[(first, 0.5), (second, -2.0)], &["w", "x"]);

    let mut case = Case::default();
    let x = case.input("x", X);
    let stopped = case.add(Op::StopGradient, &[x]);
    let product = case.add(Op::Binary(Binary::Mul), &[x, stopped]);
    let gradient = backward(&mut case.graph, &[(product, 1.0)], &[x], &Recompute::Cheap).expect("a gradient")[0];
    let got = atrous_cpu::run(&case.graph, &case.values, &[gradient.expect("a gradient")]).expect("values");
    assert_eq!(got[0].data, case.values["x"].data, "x * stop(x) has the derivative x, not 2x");
}

#[test]
fn what_cannot_be_differentiated_is_an_error_or_nothing() {
    let mut case = Case::default();
    let (x, labels) = (case.input("x", X), case.labels("labels", Shape { c: 1, ..X }, &[1]));
    let weights = case.vector("weights", 4, 1.0);
    let loss = case.add(Op::CrossEntropy(CrossEntropy { ignore: None, smoothing: 0.0 }), &[x, labels, weights]);
    let error = backward(&mut case.graph, &[(loss, 1.0)], &[weights], &Recompute::Cheap).unwrap_err().to_string();
    assert_eq!(error, "cross_entropy \"cross_entropy\": the gradient of class weights is not supported");
    let error = backward(&mut case.graph, &[(loss, 1.0)], &[labels], &Recompute::Cheap).unwrap_err().to_string();
    assert_eq!(error, "backward \"labels\": only f32 has gradients, this is 2×6×5×1 u32");
    let unrelated = case.input("unrelated", X);
    let none = backward(&mut case.graph, &[(loss, 1.0)], &[unrelated], &Recompute::Cheap).expect("no gradient");
    assert_eq!(none, [None]);
}
