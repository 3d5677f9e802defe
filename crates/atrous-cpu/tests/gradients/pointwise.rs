use atrous_cpu::Tensor;
use atrous_graph::op::{Binary, Gradient, Reduce, Reduction, Unary, UnaryGrad};
use atrous_graph::{Op, Shape};

use crate::check::{check, distinct, eval, noise};

/// Where a function bends, so that a difference across it is no derivative.
fn kinks(op: Unary) -> Vec<f64> {
    match op {
        Unary::Relu6 => vec![0.0, 6.0],
        Unary::HardSigmoid | Unary::HardSwish => vec![-3.0, 3.0],
        Unary::Huber { delta } => vec![-f64::from(delta), f64::from(delta)],
        Unary::AtLeast { floor } => vec![f64::from(floor)],
        _ => vec![0.0],
    }
}

/// Arguments from -4.5 to 8 off the function's kinks, for the logarithm from 0.3.
fn arguments(op: Unary) -> Tensor {
    let far = |x: &f64| kinks(op).iter().all(|kink| (x - kink).abs() > 0.2);
    let defined = |x: &f64| op != Unary::Ln || *x > 0.3;
    let values: Vec<f64> = (0..120).map(|i| -4.5 + f64::from(i) * 0.1037).filter(|x| far(x) && defined(x)).collect();
    Tensor::new(Shape::channels(values.len()), values)
}

/// One of each function, and parameters that change its course.
fn functions() -> impl Iterator<Item = Unary> {
    let more = [
        Unary::LeakyRelu { slope: -0.5 },
        Unary::LeakyRelu { slope: 1.5 },
        Unary::Elu { alpha: 0.3 },
        Unary::Pow { exponent: 0.5 },
        Unary::Pow { exponent: 1.0 },
        Unary::Pow { exponent: 3.0 },
        Unary::Huber { delta: 2.0 },
        Unary::AtLeast { floor: 1.0 },
    ];
    Unary::EXAMPLES.into_iter().chain(more).filter(|op| *op != Unary::Step)
}

/// In parts, each judged by its own largest derivative: exp reaches 3000 at the end of the range.
#[test]
fn every_function_of_one_element() {
    for op in functions() {
        for part in arguments(op).data.chunks(20) {
            let x = Tensor::new(Shape::channels(part.len()), part.to_vec());
            let grad = |u: &Tensor| eval(Op::Gradient(Gradient::Unary(UnaryGrad(op))), &[&x, u]);
            let y = |x: &Tensor| eval(Op::Unary(op), &[x]);
            if grad(&x.map(|_| 1.0)).data.iter().all(|v| *v == 0.0) {
                assert_eq!(y(&x), y(&x.map(|v| v + 0.1)), "{op:?} is not flat at {:?}", x.data);
            } else {
                check(&format!("{op:?}"), &x, y, grad);
            }
        }
    }
}

#[test]
fn a_step_is_flat() {
    let (x, u) = (arguments(Unary::Step), noise(arguments(Unary::Step).shape, 1));
    assert!(eval(Op::Gradient(Gradient::Unary(UnaryGrad(Unary::Step))), &[&x, &u]).data.iter().all(|v| *v == 0.0));
}

#[test]
fn results_stand_in_for_arguments_where_promised() {
    for op in functions().filter(|op| op.from_result()) {
        let x = arguments(op);
        let y = eval(Op::Unary(op), &[&x]);
        check(
            &format!("{op:?}"),
            &x,
            |x| eval(Op::Unary(op), &[x]),
            |u| eval(Op::Gradient(Gradient::Unary(UnaryGrad(op))), &[&y, u]),
        );
    }
}

/// Sums what was repeated: the adjoint of broadcasting to the shape of `like`.
fn reduced(u: &Tensor, like: Shape) -> Tensor {
    let one = |size: usize| size == 1;
    let reduce = Reduce { reduction: Reduction::Sum, n: one(like.n), h: one(like.h), w: one(like.w) };
    let sum = eval(Op::Reduce(reduce), &[u]);
    if like.c == 1 { eval(Op::ChannelSum, &[&sum]) } else { sum }
}

fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    eval(Op::Binary(op), &[a, b])
}

/// The formulas that a gradient of a function of two elements is composed of, under every kind of broadcasting.
#[test]
fn functions_of_two_elements() {
    let full = Shape::new(2, 3, 4, 3);
    for small in [full, Shape::channels(3), Shape::new(2, 1, 1, 3), Shape::new(2, 3, 4, 1), Shape::channels(1)] {
        // Away from zero, where division has a pole, on both sides of it.
        let a = noise(full, 1);
        let b = noise(small, 2).map(|v| v + v.signum());
        let square = binary(Binary::Mul, &b, &b);
        let one = a.map(|_| 1.0);
        for (op, da, db) in [
            (Binary::Add, one.clone(), one.clone()),
            (Binary::Sub, one.clone(), one.map(|v| -v)),
            (Binary::Mul, binary(Binary::Mul, &one, &b), a.clone()),
            (Binary::DivNoNan, binary(Binary::DivNoNan, &one, &b), binary(Binary::DivNoNan, &a, &square).map(|v| -v)),
        ] {
            let what = format!("{op:?} of {full} and {small}");
            check(&what, &a, |a| binary(op, a, &b), |u| binary(Binary::Mul, u, &da));
            check(&what, &b, |b| binary(op, &a, b), |u| reduced(&binary(Binary::Mul, u, &db), small));
        }
    }
}

/// A maximum passes its gradient to the place where it was found.
#[test]
fn maxima_over_sides() {
    let x = distinct(Shape::new(3, 4, 5, 2), 3);
    for (n, h, w) in [(false, true, true), (true, true, true), (true, false, false)] {
        let op = Op::Reduce(Reduce { reduction: Reduction::Max, n, h, w });
        let y = eval(op, &[&x]);
        let mask = binary(Binary::Equal, &x, &y);
        check("max", &x, |x| eval(op, &[x]), |u| binary(Binary::Mul, &mask, u));
    }
}

/// Around a given mean, which stays where it is.
#[test]
fn variance() {
    let (x, mean) = (noise(Shape::new(2, 3, 4, 3), 1), noise(Shape::channels(3), 2));
    let distance = binary(Binary::Sub, &x, &mean).map(|v| 2.0 * v / 24.0);
    check("variance", &x, |x| eval(Op::ChannelVariance, &[x, &mean]), |u| binary(Binary::Mul, &distance, u));
}
