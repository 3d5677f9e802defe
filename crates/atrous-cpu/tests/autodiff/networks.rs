//! Typical blocks of networks: residual, encoder and decoder with a skip, squeeze-and-excitation.

use atrous_graph::op::*;
use atrous_graph::{NodeId, Op, Shape};

use crate::support::Case;

fn norm(case: &mut Case, x: NodeId, name: &str) -> NodeId {
    let c = case.graph.shape(x).c;
    let mean = case.add(Op::Reduce(Reduce::MEAN_NHW), &[x]);
    let var = case.add(Op::ChannelVariance, &[x, mean]);
    let (scale, shift) = (case.vector(&format!("{name}.scale"), c, 1.0), case.vector(&format!("{name}.shift"), c, 0.0));
    let op = BatchNorm { eps: 1e-5, scale: true, shift: true, batch: true };
    case.add(Op::BatchNorm(op), &[x, mean, var, scale, shift])
}

fn conv(case: &mut Case, x: NodeId, name: &str, cout: usize, k: usize, op: Conv2d) -> NodeId {
    let cin = case.graph.shape(x).c / op.groups;
    let w = case.filter(name, k, k, cin, cout);
    case.add(Op::Conv2d(op), &[x, w])
}

const SAME: Conv2d = Conv2d { stride: [1, 1], dilation: [1, 1], padding: Padding::symmetric(1, 1), groups: 1 };
const PLAIN: Conv2d = Conv2d { stride: [1, 1], dilation: [1, 1], padding: Padding::NONE, groups: 1 };

/// A residual block with a strided shortcut, pooled and classified. Activations are smooth, so that differences are
/// accurate.
#[test]
fn a_residual_classifier() {
    let mut case = Case::default();
    let x = case.input("x", Shape::new(2, 6, 6, 3));
    let stem = conv(&mut case, x, "stem", 4, 3, SAME);
    let stem = norm(&mut case, stem, "bn1");
    let stem = case.add(Op::Unary(Unary::Silu), &[stem]);
    let y = conv(&mut case, stem, "conv1", 8, 3, Conv2d { stride: [2, 2], ..SAME });
    let y = norm(&mut case, y, "bn2");
    let y = case.add(Op::Unary(Unary::Gelu), &[y]);
    let y = conv(
        &mut case,
        y,
        "depthwise",
        8,
        3,
        Conv2d { groups: 8, dilation: [2, 2], padding: Padding::symmetric(2, 2), ..SAME },
    );
    let y = norm(&mut case, y, "bn3");
    let shortcut = conv(&mut case, stem, "shortcut", 8, 1, Conv2d { stride: [2, 2], ..PLAIN });
    let sum = case.add(Op::Binary(Binary::Add), &[y, shortcut]);
    let y = case.add(Op::Unary(Unary::Tanh), &[sum]);
    let squeezed = case.add(Op::Reduce(Reduce::MEAN_HW), &[y]);
    let gate = conv(&mut case, squeezed, "gate", 8, 1, PLAIN);
    let gate = case.add(Op::Unary(Unary::Sigmoid), &[gate]);
    let y = case.add(Op::Binary(Binary::Mul), &[y, gate]);
    let pooled = case.add(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 1, w: 1 }), &[y]);
    let logits = conv(&mut case, pooled, "fc", 5, 1, PLAIN);
    let labels = case.labels("labels", Shape::new(2, 1, 1, 1), &[4, 2]);
    let loss = case.add(Op::CrossEntropy(CrossEntropy { ignore: None, smoothing: 0.0 }), &[logits, labels]);
    let names = ["x", "stem", "bn1.scale", "conv1", "bn2.shift", "depthwise", "bn3.scale", "shortcut", "gate", "fc"];
    case.check(&[(loss, 0.5)], &names);
}

/// An encoder and a decoder with a skip, up-sampled by a transposed convolution and bilinearly.
#[test]
fn an_encoder_and_decoder() {
    let mut case = Case::default();
    let x = case.input("x", Shape::new(1, 8, 8, 2));
    let e = conv(&mut case, x, "e", 4, 3, SAME);
    let e = norm(&mut case, e, "bn_e");
    let e = case.add(Op::Unary(Unary::Softplus), &[e]);
    let pool = AvgPool { window: Window::new([2, 2], [2, 2]), count_include_pad: true, divisor: None };
    let d = case.add(Op::AvgPool(pool), &[e]);
    let d = conv(&mut case, d, "d", 6, 3, SAME);
    let d = case.add(Op::Unary(Unary::Silu), &[d]);
    let up = Conv2dGradInput { conv: Conv2d { stride: [2, 2], ..PLAIN }, h: 8, w: 8 };
    let w = case.filter("up", 2, 2, 4, 6);
    let up = case.add(Op::Conv2dGradInput(up), &[d, w]);
    let resized = case.add(Op::Resize(Resize::bilinear(8, 8, Coordinates::HalfPixel)), &[d]);
    let all = case.add(Op::Concat, &[e, up, resized]);
    let y = conv(&mut case, all, "out", 3, 3, SAME);
    let labels = case.labels("labels", Shape::new(1, 8, 8, 1), &[0, 1, 2, 255, 1]);
    let loss = case.add(Op::CrossEntropy(CrossEntropy { ignore: Some(255), smoothing: 0.1 }), &[y, labels]);
    case.check(&[(loss, 1.0)], &["x", "e", "bn_e.scale", "bn_e.shift", "d", "up", "out"]);
}
