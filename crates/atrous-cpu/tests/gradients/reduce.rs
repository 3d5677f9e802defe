use atrous_cpu::Tensor;
use atrous_graph::op::{Binary, Broadcast, Reduce, Reduction};
use atrous_graph::{Op, Shape};

use crate::check::{check, distinct, eval, linear, noise};
use crate::table::{Row, check_all};

const IMAGE: Shape = Shape::new(2, 4, 5, 3);

/// The gradient of a sum is a broadcast.
#[test]
fn every_line() {
    let repeated = Op::Broadcast(Broadcast { shape: IMAGE });
    let sum = |n, h, w| Op::Reduce(Reduce { reduction: Reduction::Sum, n, h, w });
    check_all([
        Row::linear(sum(true, false, false), IMAGE, repeated),
        Row::linear(sum(false, true, true), IMAGE, repeated),
        Row::linear(sum(true, true, true), IMAGE, repeated),
        Row::linear(sum(false, true, false), IMAGE, repeated),
        Row::linear(Op::ChannelSum, IMAGE, repeated),
    ]);
}

#[test]
fn means() {
    for (n, h, w) in [(true, false, false), (false, true, true), (true, true, true), (false, true, false)] {
        let mean = Op::Reduce(Reduce { reduction: Reduction::Mean, n, h, w });
        let count = (IMAGE.len() / eval(mean, &[&noise(IMAGE, 1)]).shape.len()) as f64;
        let spread = |u: &Tensor| eval(Op::Broadcast(Broadcast { shape: IMAGE }), &[u]).map(|v| v / count);
        linear("mean", IMAGE, |x| eval(mean, &[x]), spread);
    }
}

/// A maximum passes its gradient to the place where it was found.
#[test]
fn maxima_over_sides() {
    let x = distinct(Shape::new(3, 4, 5, 2), 3);
    for (n, h, w) in [(false, true, true), (true, true, true), (true, false, false)] {
        let op = Op::Reduce(Reduce { reduction: Reduction::Max, n, h, w });
        let y = eval(op, &[&x]);
        let mask = eval(Op::Binary(Binary::Equal), &[&x, &y]);
        check("max", &x, |x| eval(op, &[x]), |u| eval(Op::Binary(Binary::Mul), &[&mask, u]));
    }
}
