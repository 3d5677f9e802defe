//! Cross-entropy and what else is made of labels.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::Case;

use crate::grads::{check, check_all};
use crate::others::SHAPES;

/// Cross-entropy and its gradient with these ignored labels, by every smoothing, with and without class weights.
pub(crate) fn cross_entropies(x: Shape, ignored: &[Option<u32>]) -> Vec<Case> {
    let pixels = Shape { c: 1, ..x };
    let mut cases = Vec::new();
    for smoothing in [0.0, 0.1, 1.0] {
        for ignore in ignored.iter().copied() {
            for weights in [0, 1] {
                let op = CrossEntropy { ignore, smoothing };
                let vectors = vec![TensorType::image(Shape::channels(x.c)); weights];
                let inputs = vec![TensorType::image(x), TensorType::map(pixels)];
                let dy = vec![TensorType::image(pixels)];
                let forward = [inputs.clone(), vectors.clone()].concat();
                cases.push(Case { op: Op::CrossEntropy(op), inputs: forward });
                cases.push(Case {
                    op: Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))),
                    inputs: [inputs, dy, vectors].concat(),
                });
            }
        }
    }
    cases
}

#[test]
fn cross_entropy() {
    check(SHAPES.into_iter().flat_map(|s| cross_entropies(s, &[None, Some(1)])));
    check(cross_entropies(Shape::new(2, 3, 5, 7), &[Some(255), Some(0)]));
}

#[test]
fn cross_entropy_of_many_classes() {
    check(cross_entropies(Shape::new(1, 1, 2, 21_841), &[Some(1)]));
}

#[test]
fn cross_entropy_of_large_logits() {
    let cases =
        [Shape::new(2, 3, 5, 21), Shape::new(1, 2, 2, 2)].into_iter().flat_map(|s| cross_entropies(s, &[Some(1)]));
    // Far apart, far from zero in common, both, and all the same.
    check_all(cases.flat_map(|case| {
        [(1e4, 0.0), (3.0, 1e4), (1e3, -1e4), (0.0, 50.0)].map(|(scale, shift)| {
            let mut values: Vec<Vec<f32>> = (0..case.inputs.len()).map(|i| case.values(i)).collect();
            values[0] = values[0].iter().map(|v| (v + 90.0) / 6.0 * scale + shift).collect();
            case.expect_with(values)
        })
    }));
}

/// The kernels that look labels up.
pub(crate) fn lookups(pixels: Shape, classes: &[usize]) -> Vec<Case> {
    let mut cases = Vec::new();
    for classes in classes.iter().copied() {
        for ignore in [None, Some(255), Some(1)] {
            let labels = TensorType::map(pixels);
            let weights = TensorType::image(Shape::channels(classes));
            cases.push(Case { op: Op::OneHot(OneHot { classes, ignore }), inputs: vec![labels] });
            cases.push(Case { op: Op::LabelWeight(LabelWeight { classes, ignore }), inputs: vec![labels] });
            cases.push(Case { op: Op::LabelWeight(LabelWeight { classes, ignore }), inputs: vec![labels, weights] });
        }
    }
    cases
}

#[test]
fn labels() {
    check([1, 3].into_iter().flat_map(|i| lookups(Shape { c: 1, ..SHAPES[i] }, &[1, 2, 4, 21, 150])));
    // The largest label there is: what no ignored label looks like to the kernels.
    let (one, logits) = (Shape::channels(1), Shape::channels(3));
    let largest = vec![u32::MAX as f32];
    check_all([None, Some(u32::MAX)].into_iter().flat_map(|ignore| {
        let hot = Case { op: Op::OneHot(OneHot { classes: 3, ignore }), inputs: vec![TensorType::map(one)] };
        let loss = Op::CrossEntropy(CrossEntropy { ignore, smoothing: 0.5 });
        let loss = Case { op: loss, inputs: vec![TensorType::image(logits), TensorType::map(one)] };
        [hot.expect_with(vec![largest.clone()]), loss.expect_with(vec![vec![1.0, 2.0, 3.0], largest.clone()])]
    }));
}
