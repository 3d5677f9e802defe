//! Functions of elements and their gradients where they are difficult: kinks, tails, digits; and functions that losses are made of.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape};
use atrous_tests::{Case, Expected, device};

use crate::grads::{check, check_all};
use crate::others::SHAPES;

#[test]
fn functions_of_elements() {
    check(
        Unary::EXAMPLES
            .into_iter()
            .flat_map(|f| SHAPES.map(|s| Case::images(Op::Gradient(Gradient::Unary(UnaryGrad(f))), &[s, s]))),
    );
}

/// `f` and its gradient at these values, the gradient with a few values of `dy`.
fn at(f: Unary, values: &[f32]) -> [Expected; 2] {
    let shape = Shape::new(1, 1, values.len(), 5);
    let x: Vec<f32> = values.iter().flat_map(|x| [*x; 5]).collect();
    let dy = [1.0, -0.5, 0.0, 3.0, -7.25].repeat(values.len());
    let forward = Case::images(Op::Unary(f), &[shape]).expect_with(vec![x.clone()]);
    [forward, Case::images(Op::Gradient(Gradient::Unary(UnaryGrad(f))), &[shape, shape]).expect_with(vec![x, dy])]
}

#[test]
fn functions_of_elements_at_their_kinks() {
    let kinks = [0.0, -0.0, 6.0, 3.0, -3.0, 0.5, -0.5, -0.3, 1.0, -1.0];
    let beside = kinks.map(|x: f32| [x, x.next_up(), x.next_down()]).concat();
    // The smallest numbers that are not subnormal: those may be taken for zero.
    let values: Vec<f32> = beside.into_iter().map(|x| if x.is_subnormal() { x.signum() * 1e-30 } else { x }).collect();
    let positive: Vec<f32> = values.iter().map(|x| if *x == 0.0 { 1e-30 } else { x.abs() }).collect();
    check_all(Unary::EXAMPLES.into_iter().flat_map(|f| at(f, if f == Unary::Ln { &positive } else { &values })));
}

/// One magnitude at a time: what a case may be off grows with its largest value.
#[test]
fn functions_of_elements_in_their_tails() {
    let sizes = [1e-20, 1e-6, 1e-3, 0.02, 5.0, 9.4, 12.0, 13.5, 20.0, 44.0, 60.0, 86.0, 88.0, 130.0, 1e3, 1e4];
    check_all(Unary::EXAMPLES.into_iter().flat_map(|f| sizes.map(|size| (f, size))).flat_map(|(f, size)| match f {
        Unary::Ln => at(f, &[size, 0.97 * size, 0.9 * size]),
        Unary::Exp if size > 86.0 => at(f, &[-size, -0.97 * size]),
        _ => at(f, &[size, -size, 0.97 * size, -0.97 * size]),
    }));
}

/// Beyond their curved part the derivatives are 0 or 1, and nothing is infinite times zero.
#[test]
fn slopes_far_out_are_those_of_lines() {
    use Unary::*;
    let device = device();
    let rising = [Silu, Gelu, GeluTanh, HardSwish, Softplus, Relu, Elu { alpha: 1.5 }];
    for f in rising.into_iter().chain([Sigmoid, Tanh]) {
        for x in [120.0, 1e3, 1e4, 1e20] {
            let got = at(f, &[x, -x])[1].result(&device, &device.target());
            let up = if rising.contains(&f) { [1.0, -0.5, 0.0, 3.0, -7.25] } else { [0.0; 5] };
            assert_eq!(got, [up, [0.0; 5]].concat(), "{f:?} at {x}");
        }
    }
}

#[test]
fn exponentials_and_powers_keep_their_digits() {
    let device = device();
    let relative = |f: Unary, values: &[f32], limit: f64| {
        for case in at(f, values) {
            for (got, want) in case.result(&device, &device.target()).iter().zip(&case.want().data) {
                let error = (f64::from(*got) - want).abs();
                assert!(error <= limit * want.abs() + 1.2e-38, "{f:?} of {values:?}: got {got}, want {want}");
            }
        }
    };
    relative(Unary::Exp, &[-86.9, -40.0, -1.0, -1e-4, 0.0, 1e-4, 1.0, 40.0, 86.7], 4e-7);
    relative(Unary::Ln, &[1e-37, 1e-3, 0.5, 0.7, 0.71, 0.99, 1.0, 1.000_001, 1.01, 1.41, 1.42, 2.0, 1e9, 3e38], 4e-7);
    for exponent in [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.3] {
        let f = Unary::Pow { exponent };
        relative(f, &[1e-4, 0.1, 0.7, 0.999, 1.0, 1.001, 1.5, 10.0, 1e4], 2e-6);
    }
}

#[test]
fn division_and_equality() {
    let full = Shape::new(2, 3, 5, 6);
    let others = [full, Shape::channels(6), Shape { c: 1, ..full }, Shape::channels(1), Shape::new(2, 1, 5, 1)];
    for op in [Binary::DivNoNan, Binary::Equal] {
        check(others.map(|other| Case::images(Op::Binary(op), &[full, other])));
        check(others.map(|other| Case::images(Op::Binary(op), &[other, full])));
        check(SHAPES.map(|s| Case::images(Op::Binary(op), &[s, s])));
    }
}
