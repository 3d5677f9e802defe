use atrous_graph::op::{Broadcast, Flip, Gradient, Pad, PadGrad, PadMode, Padding, Place, Reduce, Reduction, Slice};
use atrous_graph::{Op, Shape};

use crate::check::{check, eval, noise};
use crate::table::{Read, Row, check_all};

const IMAGE: Shape = Shape::new(2, 4, 5, 3);

/// Flips are their own gradients; sums are the gradients of broadcasts.
#[test]
fn every_line() {
    let [vertical, horizontal, both] = [(true, false), (false, true), (true, true)]
        .map(|(vertical, horizontal)| Op::Flip(Flip { vertical, horizontal }));
    check_all([
        Row::linear(vertical, IMAGE, vertical),
        Row::linear(horizontal, IMAGE, horizontal),
        Row::linear(both, IMAGE, both),
        Row::linear(broadcast(IMAGE), Shape::new(1, 4, 5, 3), sum(true, false, false)),
        Row::linear(broadcast(IMAGE), Shape::new(2, 1, 1, 3), sum(false, true, true)),
        Row::linear(broadcast(IMAGE), Shape::channels(3), sum(true, true, true)),
        Row::linear(broadcast(IMAGE), Shape::new(2, 1, 5, 3), sum(false, true, false)),
    ]);
}

/// Place and slice are each other's gradients.
#[test]
fn boxes_and_padding() {
    check_all(
        boxes().flat_map(|(slice, place, size)| [Row::linear(slice, IMAGE, place), Row::linear(place, size, slice)]),
    );
    check_all(pads().map(|pad| Row::linear(Op::Pad(pad), IMAGE, pad_grad(pad))));
}

fn broadcast(shape: Shape) -> Op {
    Op::Broadcast(Broadcast { shape })
}

fn sum(n: bool, h: bool, w: bool) -> Op {
    Op::Reduce(Reduce { reduction: Reduction::Sum, n, h, w })
}

/// Slices of an image, the operations that put them back, and their sizes.
fn boxes() -> impl Iterator<Item = (Op, Op, Shape)> {
    let boxes = [
        ([0, 0, 0, 0], IMAGE),
        ([1, 0, 0, 0], Shape::new(1, 4, 5, 3)),
        ([0, 1, 2, 0], Shape::new(2, 3, 2, 3)),
        ([0, 0, 0, 1], Shape::new(2, 4, 5, 1)),
        ([1, 3, 0, 1], Shape::new(1, 1, 5, 2)),
    ];
    boxes
        .into_iter()
        .map(|(start, size)| (Op::Slice(Slice { start, size }), Op::Place(Place { start, shape: IMAGE }), size))
}

fn pads() -> impl Iterator<Item = Pad> {
    let sides = [[0; 4], [1; 4], [2, 0, 0, 3], [0, 3, 4, 1], [3, 3, 4, 4]];
    let modes = [PadMode::Constant(0.0), PadMode::Reflect, PadMode::Replicate];
    sides.into_iter().flat_map(move |[top, bottom, left, right]| {
        let padding = Padding { top, bottom, left, right };
        modes.map(|mode| Pad { padding, mode })
    })
}

fn pad_grad(pad: Pad) -> Op {
    Op::Gradient(Gradient::Pad(PadGrad { pad, h: IMAGE.h, w: IMAGE.w }))
}

/// A constant that is not zero has no gradient, but it shifts the result.
#[test]
fn padding_with_a_number() {
    let pad = Pad { padding: Padding { top: 1, bottom: 2, left: 3, right: 0 }, mode: PadMode::Constant(2.5) };
    check_all([Row::new(Op::Pad(pad), vec![noise(IMAGE, 1)], pad_grad(pad), [Read::Dy])]);
}

#[test]
fn concat_is_sliced() {
    let (a, c) = (noise(Shape::new(2, 4, 5, 2), 1), noise(Shape::new(2, 4, 5, 1), 2));
    let whole = Shape { c: 6, ..IMAGE };
    let part = Op::Slice(Slice::channels(whole, 2, 3));
    check("concat", &noise(IMAGE, 3), |b| eval(Op::Concat, &[&a, b, &c]), |u| eval(part, &[u]));
}
