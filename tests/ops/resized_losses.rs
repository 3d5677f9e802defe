//! Cross-entropy of logits that are interpolated as they are read.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::Case;

use crate::grads::{check, check_all};

/// Cross-entropy of logits `x` at another size, and its gradient, with these ignored labels, by every smoothing, with and without
/// class weights.
pub(crate) fn resized(x: Shape, [h, w]: [usize; 2], coordinates: Coordinates, ignored: &[Option<u32>]) -> Vec<Case> {
    with(x, Resize::bilinear(h, w, coordinates), ignored)
}

fn with(x: Shape, resize: Resize, ignored: &[Option<u32>]) -> Vec<Case> {
    let pixels = Shape::new(x.n, resize.h, resize.w, 1);
    let mut cases = Vec::new();
    for smoothing in [0.0, 0.1, 1.0] {
        for ignore in ignored.iter().copied() {
            for weights in [0, 1] {
                let op = ResizeCrossEntropy { resize, loss: CrossEntropy { ignore, smoothing } };
                let vectors = vec![TensorType::image(Shape::channels(x.c)); weights];
                let inputs = vec![TensorType::image(x), TensorType::map(pixels)];
                let dy = vec![TensorType::image(pixels)];
                let forward = [inputs.clone(), vectors.clone()].concat();
                cases.push(Case { op: Op::Fused(Fused::CrossEntropy(op)), inputs: forward });
                cases.push(Case {
                    op: Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))),
                    inputs: [inputs, dy, vectors].concat(),
                });
            }
        }
    }
    cases
}

const RULES: [Coordinates; 3] = [Coordinates::HalfPixel, Coordinates::AlignCorners, Coordinates::Asymmetric];

#[test]
fn every_rule_up_down_and_across() {
    // One pixel, the same size, sizes that do not divide, a factor of four, smaller, so much smaller that pixels count for nothing.
    let sizes = [(1, 1, 1, 1), (1, 1, 5, 6), (6, 8, 6, 8), (3, 4, 7, 5), (4, 3, 16, 12), (9, 7, 4, 5), (16, 17, 3, 2)];
    for (rule, (ih, iw, h, w)) in RULES.into_iter().flat_map(|rule| sizes.map(|size| (rule, size))) {
        check(resized(Shape::new(2, ih, iw, 5), [h, w], rule, &[Some(1)]));
    }
}

#[test]
fn any_number_of_classes() {
    for c in [1, 2, 3, 4, 21, 150] {
        check(resized(Shape::new(2, 3, 5, c), [11, 17], Coordinates::HalfPixel, &[None, Some(255), Some(0)]));
    }
}

#[test]
fn a_given_step() {
    let resize = Resize { step: Some([1.0 / 2.3; 2]), ..Resize::bilinear(16, 20, Coordinates::HalfPixel) };
    check(with(Shape::new(1, 7, 9, 6), resize, &[Some(1)]));
}

#[test]
fn large_logits() {
    let cases = resized(Shape::new(2, 3, 5, 21), [7, 11], Coordinates::HalfPixel, &[Some(1)]);
    check_all(cases.into_iter().flat_map(|case| {
        [(1e4, 0.0), (3.0, 1e4), (0.0, 50.0)].map(|(scale, shift)| {
            let mut values: Vec<Vec<f32>> = (0..case.inputs.len()).map(|i| case.values(i)).collect();
            values[0] = values[0].iter().map(|v| (v + 9.0) / 6.0 * scale + shift).collect();
            case.expect_with(values)
        })
    }));
}

#[test]
fn other_interpolations_are_refused() {
    let loss = CrossEntropy { ignore: None, smoothing: 0.0 };
    let op = Op::Fused(Fused::CrossEntropy(ResizeCrossEntropy { resize: Resize::nearest(4, 4), loss }));
    let error = op.infer(&[TensorType::image(Shape::new(1, 2, 2, 3)), TensorType::map(Shape::new(1, 4, 4, 1))]);
    assert_eq!(error.expect_err("an error"), "Nearest cannot be fused with a loss");
}
