use atrous_cpu::Tensor;
use atrous_graph::op::{
    Broadcast, Dropout, DropoutUnit, Flip, Gradient, Pad, PadGrad, PadMode, Padding, Place, Reduce, Reduction, Slice,
};
use atrous_graph::{Op, Shape};

use crate::check::{eval, linear, noise};

const IMAGE: Shape = Shape::new(2, 4, 5, 3);

#[test]
fn padding() {
    for [top, bottom, left, right] in [[0; 4], [1; 4], [2, 0, 0, 3], [0, 3, 4, 1], [3, 3, 4, 4]] {
        let padding = Padding { top, bottom, left, right };
        for mode in [PadMode::Constant(0.0), PadMode::Reflect, PadMode::Replicate] {
            let pad = Pad { padding, mode };
            let grad = PadGrad { pad, h: IMAGE.h, w: IMAGE.w };
            linear(
                &format!("{pad:?}"),
                IMAGE,
                |x| eval(Op::Pad(pad), &[x]),
                |u| eval(Op::Gradient(Gradient::Pad(grad)), &[u]),
            );
        }
    }
}

/// A constant that is not zero has no gradient, but it shifts the result.
#[test]
fn padding_with_a_number() {
    let pad = Pad { padding: Padding { top: 1, bottom: 2, left: 3, right: 0 }, mode: PadMode::Constant(2.5) };
    let grad = PadGrad { pad, h: IMAGE.h, w: IMAGE.w };
    let x = noise(IMAGE, 1);
    crate::check::check("pad", &x, |x| eval(Op::Pad(pad), &[x]), |u| eval(Op::Gradient(Gradient::Pad(grad)), &[u]));
}

#[test]
fn place_and_slice_are_each_others_gradients() {
    let boxes = [
        ([0, 0, 0, 0], IMAGE),
        ([1, 0, 0, 0], Shape::new(1, 4, 5, 3)),
        ([0, 1, 2, 0], Shape::new(2, 3, 2, 3)),
        ([0, 0, 0, 1], Shape::new(2, 4, 5, 1)),
        ([1, 3, 0, 1], Shape::new(1, 1, 5, 2)),
    ];
    for (start, size) in boxes {
        let (slice, place) = (Op::Slice(Slice { start, size }), Op::Place(Place { start, shape: IMAGE }));
        linear("slice", IMAGE, |x| eval(slice, &[x]), |u| eval(place, &[u]));
        linear("place", size, |x| eval(place, &[x]), |u| eval(slice, &[u]));
    }
}

#[test]
fn concat_is_sliced() {
    let (a, c) = (noise(Shape::new(2, 4, 5, 2), 1), noise(Shape::new(2, 4, 5, 1), 2));
    let whole = Shape { c: 6, ..IMAGE };
    let part = Op::Slice(Slice::channels(whole, 2, 3));
    crate::check::check("concat", &noise(IMAGE, 3), |b| eval(Op::Concat, &[&a, b, &c]), |u| eval(part, &[u]));
}

#[test]
fn flips_are_their_own_gradients() {
    for (vertical, horizontal) in [(true, false), (false, true), (true, true)] {
        let op = Op::Flip(Flip { vertical, horizontal });
        linear("flip", IMAGE, |x| eval(op, &[x]), |u| eval(op, &[u]));
    }
}

#[test]
fn dropout_replays_its_mask() {
    let seed = Tensor::from_u32(Shape::channels(1), &[4_000_000_000]);
    let small = [(0.0, 0), (0.3, 1), (0.9, u32::MAX)].map(|at| (at, [DropoutUnit::Element, DropoutUnit::Channel]));
    // Of two samples this drops one; and it does not drop the batch.
    let large = [((0.5, 1), [DropoutUnit::Sample, DropoutUnit::Batch])];
    for ((rate, stream), units) in small.into_iter().chain(large) {
        for unit in units {
            let op = Op::Dropout(Dropout { rate, stream, unit });
            linear(unit.name(), Shape::new(2, 4, 5, 6), |x| eval(op, &[x, &seed]), |u| eval(op, &[u, &seed]));
        }
    }
}

/// Repetition and sums are adjoint.
#[test]
fn broadcast_and_sums_are_each_others_gradients() {
    for (n, h, w) in [(true, false, false), (false, true, true), (true, true, true), (false, true, false)] {
        let sum = Op::Reduce(Reduce { reduction: Reduction::Sum, n, h, w });
        linear("sum", IMAGE, |x| eval(sum, &[x]), |u| eval(Op::Broadcast(Broadcast { shape: IMAGE }), &[u]));
        let small = eval(sum, &[&noise(IMAGE, 1)]).shape;
        linear("broadcast", small, |x| eval(Op::Broadcast(Broadcast { shape: IMAGE }), &[x]), |u| eval(sum, &[u]));
        let mean = Op::Reduce(Reduce { reduction: Reduction::Mean, n, h, w });
        let count = (IMAGE.len() / small.len()) as f64;
        let spread = |u: &Tensor| eval(Op::Broadcast(Broadcast { shape: IMAGE }), &[u]).map(|v| v / count);
        linear("mean", IMAGE, |x| eval(mean, &[x]), spread);
    }
    linear(
        "channel sum",
        IMAGE,
        |x| eval(Op::ChannelSum, &[x]),
        |u| eval(Op::Broadcast(Broadcast { shape: IMAGE }), &[u]),
    );
}
