use atrous_cpu::Tensor;
use atrous_graph::op::{Binary, Dropout, DropoutUnit, Gradient, Reduce, Reduction, Unary, UnaryGrad};
use atrous_graph::{Op, Shape};

use crate::check::{check, eval, noise};
use crate::table::{Read, Row, check_all};

#[test]
fn every_line() {
    let logits = || noise(Shape::new(2, 3, 2, 5), 1).map(|v| 3.0 * v);
    check_all([
        Row::new(Op::Softmax, vec![logits()], Op::Gradient(Gradient::Softmax), [Read::Result, Read::Dy]),
        Row::new(Op::LogSoftmax, vec![logits()], Op::Gradient(Gradient::LogSoftmax), [Read::Result, Read::Dy]),
    ]);
}

/// The gradient uses the same mask.
#[test]
fn dropout() {
    let small = [(0.0, 0), (0.3, 1), (0.9, u32::MAX)].map(|at| (at, [DropoutUnit::Element, DropoutUnit::Channel]));
    // With this rate and stream, one of the two samples is dropped, and the batch is not.
    let large = [((0.5, 1), [DropoutUnit::Sample, DropoutUnit::Batch])];
    check_all(small.into_iter().chain(large).flat_map(|((rate, stream), units)| {
        units.map(|unit| {
            let seed = Tensor::from_u32(Shape::channels(1), &[4_000_000_000]);
            let op = Op::Dropout(Dropout { rate, stream, unit });
            Row::linear_in(op, vec![noise(Shape::new(2, 4, 5, 6), 7), seed], op, [Read::Dy, Read::Input(1)])
        })
    }));
}

/// Kinks of a function. A difference across a kink is no derivative.
fn kinks(op: Unary) -> Vec<f64> {
    match op {
        Unary::Relu6 => vec![0.0, 6.0],
        Unary::HardSigmoid | Unary::HardSwish => vec![-3.0, 3.0],
        Unary::Huber { delta } => vec![-f64::from(delta), f64::from(delta)],
        Unary::Clip { low, high } => vec![f64::from(low), f64::from(high)],
        _ => vec![0.0],
    }
}

/// Arguments from -4.5 to 8, from 0.3 for the logarithm, away from the function's kinks.
fn arguments(op: Unary) -> Tensor {
    let far = |x: &f64| kinks(op).iter().all(|kink| (x - kink).abs() > 0.2);
    let defined = |x: &f64| op != Unary::Ln || *x > 0.3;
    let values: Vec<f64> = (0..120).map(|i| -4.5 + f64::from(i) * 0.1037).filter(|x| far(x) && defined(x)).collect();
    Tensor::new(Shape::channels(values.len()), values)
}

/// One example of each function, and others with parameters that change its shape.
fn functions() -> impl Iterator<Item = Unary> {
    let more = [
        Unary::LeakyRelu { slope: -0.5 },
        Unary::LeakyRelu { slope: 1.5 },
        Unary::Elu { alpha: 0.3 },
        Unary::Pow { exponent: 0.5 },
        Unary::Pow { exponent: 1.0 },
        Unary::Pow { exponent: 3.0 },
        Unary::Huber { delta: 2.0 },
        Unary::Clip { low: 1.0, high: f32::INFINITY },
    ];
    Unary::EXAMPLES.into_iter().chain(more).filter(|op| *op != Unary::Step)
}

/// Arguments are checked in parts, each relative to its own largest derivative: exp reaches 3000 at the end of the
/// range.
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
    check_all(functions().filter(|op| op.from_result()).map(|op| {
        let gradient = Op::Gradient(Gradient::Unary(UnaryGrad(op)));
        Row::new(Op::Unary(op), vec![arguments(op)], gradient, [Read::Result, Read::Dy])
    }));
}

/// Sums over the sides that were broadcast: the adjoint of broadcasting from the shape `like`.
fn reduced(u: &Tensor, like: Shape) -> Tensor {
    let one = |size: usize| size == 1;
    let reduce = Reduce { reduction: Reduction::Sum, n: one(like.n), h: one(like.h), w: one(like.w) };
    let sum = eval(Op::Reduce(reduce), &[u]);
    if like.c == 1 { eval(Op::ChannelSum, &[&sum]) } else { sum }
}

fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    eval(Op::Binary(op), &[a, b])
}

/// The formulas that gradients of binary functions consist of, for every kind of broadcasting.
#[test]
fn functions_of_two_elements() {
    let full = Shape::new(2, 3, 4, 3);
    for small in [full, Shape::channels(3), Shape::new(2, 1, 1, 3), Shape::new(2, 3, 4, 1), Shape::channels(1)] {
        // Away from zero, the pole of division, on both sides of it.
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
