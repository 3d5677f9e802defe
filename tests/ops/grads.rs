//! Gradients of normalisation and softmax; and the kernels of this family cut into parts: functions of elements, labels, dropout.
//!
//! They run in f32 and, where there is such a kernel, in f16; by turns as the environment asks, and with the device's own checks,
//! which look at the padding of every result.

use atrous_gpu::Device;
use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_kernels::Limits;
use atrous_tests::{Case, Expected, checked, device, stored};

use crate::chains::chains;
use crate::dropout::dropout;
use crate::labels::{cross_entropies, lookups};
use crate::others::{SHAPES, fused_batch_norms};
use crate::resized_losses::resized;

pub(crate) fn devices() -> [Device; 2] {
    let checked = checked();
    [device(), checked]
}

pub(crate) fn check_all(cases: impl IntoIterator<Item = Expected>) {
    let devices = devices();
    for (case, device) in cases.into_iter().zip(devices.iter().cycle()) {
        case.check_variants(device, &device.target());
    }
}

pub(crate) fn check(cases: impl IntoIterator<Item = Case>) {
    check_all(stored(cases, &device().target()).iter().map(Case::expect));
}

/// `x` and other inputs of its shape, then so many vectors over its channels.
fn with_vectors(op: Op, x: Shape, alike: usize, vectors: usize) -> Case {
    Case::images(op, &[vec![x; alike], vec![Shape::channels(x.c); vectors]].concat())
}

fn batch_norm_grad(x: Shape, scale: bool, batch: bool) -> Case {
    let mut case = with_vectors(
        Op::Gradient(Gradient::BatchNorm(BatchNormGrad { eps: 1e-3, scale, batch })),
        x,
        2,
        2 + usize::from(scale),
    );
    if batch {
        case.inputs.push(TensorType::image(Shape { n: 2, ..Shape::channels(x.c) }));
    }
    case
}

fn batch_norm_grad_sums(x: Shape) -> Case {
    with_vectors(Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps: 1e-3 })), x, 2, 2)
}

/// The gradients of batch normalisations with an activation behind them; statistics of their own, or both in one tensor.
fn fused_batch_norm_grads(x: Shape) -> Vec<Case> {
    let mut cases = Vec::new();
    for activation in [Unary::Relu, Unary::Relu6, Unary::LeakyRelu { slope: 0.3 }] {
        for batch in MASK {
            let (op, c) = (FusedBatchNormGrad { eps: 1e-3, batch, activation }, Shape::channels(x.c));
            let statistics = Shape { n: if batch { 2 } else { 1 }, ..c };
            let mut shapes = vec![x, x, statistics, statistics, c, c];
            cases.push(Case::images(Op::Fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(op))), &shapes));
            shapes.extend(batch.then_some(Shape { n: 2, ..c }));
            cases.push(Case::images(Op::Fused(Fused::BatchNormGrad(op)), &shapes));
        }
    }
    cases
}

const MASK: [bool; 2] = [false, true];

#[test]
fn batch_normalisation() {
    for (scale, batch) in MASK.into_iter().flat_map(|scale| MASK.map(|batch| (scale, batch))) {
        check(SHAPES.map(|s| batch_norm_grad(s, scale, batch)));
    }
    let large = [Shape::new(3, 65, 67, 5), Shape::new(8, 56, 56, 64)];
    check(SHAPES.into_iter().chain(large).map(batch_norm_grad_sums));
}

#[test]
fn batch_normalisation_and_an_activation() {
    let large = [Shape::new(3, 65, 67, 5), Shape::new(8, 56, 56, 64)];
    check(SHAPES.into_iter().chain(large).flat_map(fused_batch_norm_grads));
}

#[test]
fn a_channel_without_variance_has_finite_gradients() {
    let x = Shape::new(2, 3, 3, 5);
    check_all([batch_norm_grad(x, true, true), batch_norm_grad_sums(x)].map(|case| {
        let mut values: Vec<Vec<f32>> = (0..case.inputs.len()).map(|i| case.values(i)).collect();
        values[0].fill(0.25);
        values[2].fill(0.25);
        values[3].fill(0.0);
        case.expect_with(values)
    }));
}

#[test]
fn softmax() {
    for op in [Op::Gradient(Gradient::Softmax), Op::Gradient(Gradient::LogSoftmax)] {
        check(SHAPES.map(|s| Case::images(op, &[s, s])));
    }
}

fn cut_cases() -> Vec<Case> {
    let x = Shape::new(3, 21, 10, 12);
    let alike = |op| Case::images(op, &[x, x]);
    let mut cases = vec![
        batch_norm_grad_sums(x),
        alike(Op::Gradient(Gradient::Unary(UnaryGrad(Unary::Ln)))),
        alike(Op::Gradient(Gradient::Unary(UnaryGrad(Unary::Gelu)))),
        alike(Op::Gradient(Gradient::Softmax)),
        alike(Op::Gradient(Gradient::LogSoftmax)),
        alike(Op::Binary(Binary::Equal)),
        Case::images(Op::Binary(Binary::DivNoNan), &[Shape::channels(12), x]),
        dropout(x, 0.4, 7),
    ];
    cases.extend(MASK.into_iter().flat_map(|scale| MASK.map(|batch| batch_norm_grad(x, scale, batch))));
    cases.extend(fused_batch_norm_grads(x));
    cases.extend(fused_batch_norms(x));
    cases.push(Case::images(Op::Fused(Fused::BatchStatistics), &[x]));
    cases.extend(cross_entropies(x, &[Some(1)]));
    cases.extend(lookups(Shape { c: 1, ..x }, &[21]));
    cases.extend(resized(Shape { h: 7, w: 4, ..x }, [60, 12], Coordinates::HalfPixel, &[Some(1)]));
    cases.extend(chains(x));
    cases.extend(resized(x, [8, 13], Coordinates::AlignCorners, &[Some(1)]));
    cases
}

fn check_with(change: impl Fn(&mut Limits)) {
    let devices = devices();
    for (case, device) in stored(cut_cases(), &devices[0].target()).iter().zip(devices.iter().cycle()) {
        let mut target = device.target();
        change(&mut target.limits);
        case.expect().check_variants(device, &target);
    }
}

#[test]
fn tensors_over_the_binding_limit_are_split() {
    // One sample has 21 × 10 × 12 × 4 = 10,080 bytes, its labels 3,360.
    check_with(|limits| limits.max_binding = 12_000);
    check_with(|limits| limits.max_binding = 6_000);
    check_with(|limits| (limits.alignment, limits.max_binding) = (256, 9_000));
}

#[test]
fn grids_beyond_one_dimension_are_folded() {
    check_with(|limits| limits.max_workgroups = 31);
}
