//! Convolutions with what surrounds them, by every variant that is legal: functions that are not 0 at 0, residuals in parts and
//! in pieces, functions of the image.

use std::collections::BTreeSet;

use atrous_graph::op::{Conv2d, Conv2dGradInput, Convolution, Fused, FusedConv, Padding, Unary};
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::{Case, checked, conv_variants, device};

use crate::conv::{BASE, Row};

/// A fused convolution of the case's image and filter, with a bias.
pub(crate) fn fused(case: &Case, prologue: Option<Unary>, residual: bool, activation: Option<Unary>) -> Case {
    let plain = FusedConv::of(&case.op, 3).expect("a convolution");
    let op = Op::Fused(Fused::Conv(FusedConv { prologue, residual, activation, ..plain }));
    let mut inputs = case.inputs[..2].to_vec();
    let y = case.op.infer(&inputs).expect("a legal convolution");
    inputs.push(TensorType::image(Shape::channels(y.shape.c)));
    inputs.extend(residual.then_some(y));
    Case { op, inputs }
}

fn grouped(groups: usize, c: usize, cout: usize) -> Row {
    Row { image: [2, 9, 7, c], cout, conv: Conv2d { groups, ..BASE.conv }, bias: false, ..BASE }
}

fn depthwise() -> Vec<Row> {
    let apart = Conv2d { dilation: [1, 2], padding: Padding::symmetric(1, 2), ..grouped(5, 5, 5).conv };
    vec![grouped(5, 5, 5), grouped(5, 5, 15), Row { conv: apart, ..grouped(5, 5, 5) }]
}

fn forward() -> Vec<Row> {
    let pointwise = Row { kernel: [1, 1], conv: Conv2d::default(), image: [2, 5, 7, 21], cout: 70, bias: false };
    let large = Row { image: [2, 9, 9, 20], cout: 37, ..BASE };
    let picture = Row { image: [2, 9, 21, 3], cout: 21, kernel: [5, 3], ..BASE };
    [vec![BASE, pointwise, large, picture, grouped(3, 6, 9), grouped(2, 8, 24)], depthwise()].concat()
}

fn transposed() -> Vec<Case> {
    let case = |(groups, c, channels): (usize, usize, usize)| {
        let conv = Conv2d { stride: [2, 2], groups, ..Conv2d::default() };
        let op = Conv2dGradInput::transposed(conv, [4, 3], [3, 3], [0, 0]).expect("a legal size");
        let filter = TensorType::filter(Shape::new(3, 3, channels / groups, c));
        Case { op: Op::Conv2dGradInput(op), inputs: vec![TensorType::image(Shape::new(2, 4, 3, c)), filter] }
    };
    [(1, 20, 37), (3, 6, 9), (2, 8, 16), (5, 5, 5)].map(case).to_vec()
}

pub(crate) fn all() -> Vec<Case> {
    let convolutions: Vec<Case> = forward().iter().map(Row::case).chain(transposed()).collect();
    let ends = [(true, Some(Unary::Relu)), (false, Some(Unary::HardSigmoid))];
    let with = |(residual, activation)| convolutions.iter().map(move |case| fused(case, None, residual, activation));
    let mut cases: Vec<Case> = ends.into_iter().flat_map(with).collect();
    cases.extend(forward().iter().map(|row| fused(&row.case(), Some(Unary::HardSwish), true, None)));
    cases
}

#[test]
fn every_variant_serves_whole_and_in_parts() {
    let device = checked();
    let mut tight = device.target();
    tight.limits.max_binding = 4_000;
    let mut served = BTreeSet::new();
    let mut parts = 0;
    for case in all() {
        let expected = case.expect();
        served.extend(expected.check_variants(&device, &device.target()));
        if expected.fits(&tight) {
            parts += 1;
            expected.check_variants(&device, &tight);
        }
    }
    assert!(parts > 10, "{parts} cases fit");
    let missing: Vec<_> = conv_variants(&device.target()).filter(|name| !served.contains(name)).collect();
    assert!(missing.is_empty(), "no case reached {missing:?}");
}

/// A residual that is one pixel of each sample.
fn with_vector(case: &Case) -> Case {
    let mut case = fused(case, None, true, Some(Unary::HardSigmoid));
    let residual = case.inputs.last_mut().expect("a residual");
    residual.shape = Shape { h: 1, w: 1, ..residual.shape };
    case
}

#[test]
fn every_variant_adds_a_vector_of_each_sample() {
    let device = device();
    let mut tight = device.target();
    tight.limits.max_binding = 4_000;
    let mut served = BTreeSet::new();
    for case in forward().iter().map(Row::case).chain(transposed()) {
        let expected = with_vector(&case).expect();
        served.extend(expected.check_variants(&device, &device.target()));
        if expected.fits(&tight) {
            expected.check_variants(&device, &tight);
        }
    }
    assert!(conv_variants(&device.target()).all(|name| served.contains(name)), "{served:?}");
}

#[test]
fn every_function_that_can_be_fused() {
    let device = device();
    let row = Row { image: [1, 5, 5, 6], cout: 6, ..BASE };
    for function in Unary::EXAMPLES.into_iter().filter(|f| f.is_piecewise()) {
        fused(&row.case(), None, true, Some(function)).expect().check(&device, &device.target());
        if function.keeps_zero() {
            let row = Row { image: [1, 5, 5, 6], ..grouped(6, 6, 6) };
            fused(&row.case(), Some(function), false, None).expect().check(&device, &device.target());
        }
    }
}

#[test]
fn what_cannot_be_fused_is_refused() {
    let case = fused(&BASE.case(), None, true, Some(Unary::Relu));
    let refused = |change: &dyn Fn(&mut FusedConv)| {
        let Op::Fused(Fused::Conv(mut op)) = case.op else { panic!("a fused convolution") };
        change(&mut op);
        let count = 2 + usize::from(op.bias) + usize::from(op.residual);
        Op::Fused(Fused::Conv(op)).infer(&case.inputs[..count]).expect_err("an error")
    };
    assert!(refused(&|op| op.activation = Some(Unary::Exp)).contains("too costly"));
    assert!(refused(&|op| op.prologue = Some(Unary::Sigmoid)).contains("not 0 outside"));
    assert!(refused(&|op| op.bias = false).contains("without a bias"));
    let y = Conv2dGradInput { conv: Conv2d::default(), h: 9, w: 7 };
    let op = FusedConv { prologue: Some(Unary::Relu), ..FusedConv::plain(Convolution::Transposed(y), false) };
    let filter = TensorType::filter(Shape::new(1, 1, 6, 5));
    let error = Op::Fused(Fused::Conv(op)).infer(&[case.inputs[0], filter]).expect_err("an error");
    assert!(error.contains("transposed"), "{error}");
}
