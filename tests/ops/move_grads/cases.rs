//! The table of hazards, by family.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::Case;

use crate::others::SHAPES;

/// A forward operation of one image. Its gradient is what is tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward {
    pub(super) op: Op,
    pub(super) x: Shape,
}

impl Forward {
    /// The result of the forward operation.
    pub(super) fn result(&self) -> TensorType {
        self.op.infer(&[TensorType::image(self.x)]).unwrap_or_else(|e| panic!("{self:?}: {e}"))
    }

    /// The operation that computes the gradient from `dy` and, for maxima, one more input.
    pub(super) fn grad_op(&self) -> Op {
        let Shape { h, w, .. } = self.x;
        match self.op {
            Op::MaxPool(MaxPool { window }) => Op::Gradient(Gradient::MaxPool(MaxPoolGrad { window, h, w })),
            Op::ChannelMaxPool(pool) => Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(pool))),
            Op::AvgPool(pool) => Op::Gradient(Gradient::AvgPool(AvgPoolGrad { pool, h, w })),
            Op::AdaptiveAvgPool(_) => Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h, w })),
            Op::Resize(resize) => Op::Gradient(Gradient::Resize(ResizeGrad { resize, h, w })),
            Op::Pad(pad) => Op::Gradient(Gradient::Pad(PadGrad { pad, h, w })),
            Op::Slice(slice) => Op::Place(Place { start: slice.start, shape: self.x }),
            other => panic!("no case for {}", other.name()),
        }
    }

    /// The gradient of a linear operation, as a case of its own.
    pub(super) fn gradient(&self) -> Case {
        Case { op: self.grad_op(), inputs: vec![self.result()] }
    }
}

fn all(ops: impl IntoIterator<Item = Op>, images: &[Shape]) -> Vec<Forward> {
    ops.into_iter().flat_map(|op| images.iter().map(move |x| Forward { op, x: *x })).collect()
}

fn windows() -> Vec<Window> {
    let w = |kernel: usize, stride: usize, pad: usize, dilation: usize, ceil_mode| Window {
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [dilation; 2],
        padding: Padding::symmetric(pad, pad),
        ceil_mode,
    };
    let uneven = Padding { top: 0, bottom: 1, left: 2, right: 0 };
    vec![
        w(1, 1, 0, 1, false),
        w(2, 2, 0, 1, false),
        w(3, 2, 1, 1, false),
        w(3, 2, 0, 1, true),
        w(3, 2, 1, 1, true),
        w(3, 1, 1, 2, false),
        w(2, 3, 0, 2, false),
        w(5, 3, 2, 1, true),
        // Pixels that no window covers.
        w(1, 3, 0, 1, false),
        w(2, 4, 1, 1, true),
        Window { kernel: [2, 3], stride: [2, 1], padding: uneven, ..w(2, 2, 0, 1, false) },
        // The whole map.
        Window { kernel: [6, 7], ..w(1, 1, 0, 1, false) },
    ]
}

const IMAGES: [Shape; 3] = [Shape::new(1, 9, 7, 3), Shape::new(2, 12, 10, 21), Shape::new(1, 6, 13, 257)];

pub(super) fn max_pools() -> Vec<Forward> {
    all(windows().into_iter().map(|window| Op::MaxPool(MaxPool { window })), &IMAGES)
}

pub(super) fn average_pools() -> Vec<Forward> {
    let windows = windows().into_iter().filter(|w| w.dilation == [1, 1]);
    let divisors = [(true, None), (false, None), (true, Some(7)), (false, Some(2))];
    let pool = |window, (count_include_pad, divisor)| Op::AvgPool(AvgPool { window, count_include_pad, divisor });
    all(windows.flat_map(|window| divisors.map(|d| pool(window, d))), &IMAGES[..2])
}

pub(super) fn channel_max_pools() -> Vec<Forward> {
    let pools = [(4, 4, 12), (3, 3, 9), (7, 7, 7), (2, 1, 21), (5, 3, 257), (1, 2, 6), (3, 5, 30), (6, 1, 6)];
    let forward = |(window, stride, c)| Forward {
        op: Op::ChannelMaxPool(ChannelMaxPool { window, stride }),
        x: Shape::new(2, 3, 5, c),
    };
    pools.map(forward).to_vec()
}

pub(super) fn bins() -> Vec<Forward> {
    let bins = [(1, 1), (2, 2), (3, 5), (6, 6), (13, 17), (20, 17), (20, 40)];
    let one = Forward { op: Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 6, w: 5 }), x: Shape::new(2, 1, 1, 6) };
    let mut cases = all(bins.map(|(h, w)| Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w })), &[Shape::new(2, 13, 17, 5)]);
    cases.push(one);
    cases
}

pub(super) const RULES: [Interpolation; 6] = [
    Interpolation::Nearest,
    Interpolation::NearestExact,
    Interpolation::Bilinear(Coordinates::HalfPixel),
    Interpolation::Bilinear(Coordinates::AlignCorners),
    Interpolation::Bilinear(Coordinates::Asymmetric),
    Interpolation::BilinearAntialias,
];

pub(super) fn resizes() -> Vec<Forward> {
    let sizes = [
        (7, 9, 13, 20),
        (33, 31, 17, 8),
        (1, 1, 6, 7),
        (1, 5, 9, 9),
        (9, 1, 4, 5),
        (6, 8, 6, 8),
        (6, 8, 12, 16),
        (5, 4, 1, 1),
        (3, 2, 48, 32),
        (40, 3, 3, 40),
    ];
    let resize = |interpolation, h, w, step| Op::Resize(Resize { h, w, interpolation, step });
    let mut cases = Vec::new();
    for rule in RULES {
        let of = |(ih, iw, h, w)| Forward { op: resize(rule, h, w, None), x: Shape::new(2, ih, iw, 5) };
        cases.extend(sizes.map(of));
        for (step, h, w) in [([1.0 / 2.3; 2], 16, 20), ([1.7, 0.6], 4, 15), ([3.0, 2.0], 7, 9)] {
            cases.push(Forward { op: resize(rule, h, w, Some(step)), x: Shape::new(1, 7, 9, 2) });
        }
    }
    cases
}

pub(super) fn pads() -> Vec<Forward> {
    let paddings = [
        Padding::symmetric(0, 0),
        Padding { top: 1, bottom: 2, left: 0, right: 3 },
        Padding::symmetric(5, 5),
        Padding { top: 6, bottom: 0, left: 5, right: 5 },
    ];
    let modes = [PadMode::Constant(0.0), PadMode::Reflect, PadMode::Replicate];
    let ops = paddings.into_iter().flat_map(|padding| modes.map(|mode| Op::Pad(Pad { padding, mode })));
    let mut cases = all(ops, &[Shape::new(3, 7, 6, 11)]);
    let wide = Padding::symmetric(3, 2);
    cases.extend(
        [0, 2].map(|i| Forward { op: Op::Pad(Pad { padding: wide, mode: modes[i] }), x: Shape::new(2, 1, 1, 3) }),
    );
    cases
}

pub(super) fn slices() -> Vec<Forward> {
    let x = Shape::new(3, 7, 6, 11);
    let boxes = [
        Slice { start: [0; 4], size: x },
        Slice::crop(x, 2, 1, 4, 5),
        Slice::channels(x, 3, 5),
        Slice::channels(x, 4, 4),
        Slice::channels(x, 4, 7),
        Slice::channels(x, 6, 1),
        Slice::channels(x, 1, 10),
        Slice::channels(x, 2, 3),
        Slice { start: [1, 6, 5, 10], size: Shape::new(2, 1, 1, 1) },
        Slice { start: [2, 0, 3, 7], size: Shape::new(1, 7, 2, 4) },
    ];
    all(boxes.map(Op::Slice), &[x])
}

pub(super) fn places() -> Vec<Case> {
    let far = Place { start: [1, 2, 3, 300], shape: Shape::new(2, 4, 5, 400) };
    let mut cases: Vec<Case> = slices().iter().map(Forward::gradient).collect();
    cases.push(Case::images(Op::Place(far), &[Shape::new(1, 2, 1, 97)]));
    cases
}

pub(super) fn broadcasts() -> Vec<Case> {
    let full = Shape::new(2, 3, 5, 6);
    let mut cases: Vec<Case> = (0..16)
        .map(|mask| {
            let side = |bit: usize, size: usize| if mask >> bit & 1 == 1 { 1 } else { size };
            let x = Shape::new(side(0, full.n), side(1, full.h), side(2, full.w), side(3, full.c));
            Case::images(Op::Broadcast(Broadcast { shape: full }), &[x])
        })
        .collect();
    cases.extend(SHAPES.map(|s| Case::images(Op::Broadcast(Broadcast { shape: s }), &[Shape::new(1, 1, 1, 1)])));
    cases.extend(SHAPES.map(|s| Case::images(Op::Broadcast(Broadcast { shape: s }), &[Shape::channels(s.c)])));
    cases
}

pub(super) fn fills() -> Vec<Case> {
    let values = [0.0, 1.0, -2.5, 1e-30, 3e38];
    SHAPES
        .into_iter()
        .flat_map(|shape| values.map(|value| Case::images(Op::Fill(Fill { shape, value }), &[])))
        .collect()
}

pub(super) fn channel_sums() -> Vec<Case> {
    let shapes = SHAPES.into_iter().chain([Shape::new(1, 1, 1, 4099), Shape::new(2, 33, 31, 64)]);
    shapes.map(|s| Case::images(Op::ChannelSum, &[s])).collect()
}

/// Cases whose tensors pass tight limits, whatever way they are cut.
pub(super) fn large() -> Vec<Case> {
    let x = Shape::new(3, 21, 10, 12);
    let window = Window { padding: Padding::symmetric(1, 1), ceil_mode: true, ..Window::new([3, 3], [2, 2]) };
    let sparse = Window::new([1, 1], [4, 4]);
    let average = |window, count_include_pad, divisor| Op::AvgPool(AvgPool { window, count_include_pad, divisor });
    let resize = |h, w, interpolation| Op::Resize(Resize { h, w, interpolation, step: None });
    let pad = |mode| Op::Pad(Pad { padding: Padding { top: 2, bottom: 1, left: 4, right: 0 }, mode });
    let linear = [
        average(window, true, None),
        average(window, false, None),
        average(sparse, false, Some(3)),
        Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 5, w: 3 }),
        Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 30, w: 12 }),
        resize(33, 19, Interpolation::Bilinear(Coordinates::HalfPixel)),
        resize(9, 19, Interpolation::Bilinear(Coordinates::AlignCorners)),
        resize(8, 4, Interpolation::BilinearAntialias),
        resize(40, 7, Interpolation::Nearest),
        resize(5, 3, Interpolation::NearestExact),
        pad(PadMode::Constant(0.5)),
        pad(PadMode::Reflect),
        Op::Slice(Slice { start: [1, 3, 2, 5], size: Shape::new(2, 15, 7, 6) }),
        Op::Slice(Slice { start: [2, 18, 0, 0], size: Shape::new(1, 2, 10, 12) }),
        Op::Slice(Slice { start: [0, 5, 0, 3], size: Shape::new(3, 1, 10, 9) }),
    ];
    let mut cases: Vec<Case> = linear.map(|op| Forward { op, x }.gradient()).to_vec();
    cases.extend(
        [Shape::channels(12), Shape { h: 1, ..x }, Shape { n: 1, ..x }, Shape { c: 1, ..x }]
            .map(|small| Case::images(Op::Broadcast(Broadcast { shape: x }), &[small])),
    );
    cases.push(Case::images(Op::Fill(Fill { shape: x, value: 0.75 }), &[]));
    cases.push(Case::images(Op::ChannelSum, &[x]));
    cases
}

/// Maxima whose tensors pass tight limits.
pub(super) fn large_pools() -> Vec<Forward> {
    let x = Shape::new(3, 21, 10, 12);
    let window = Window { padding: Padding::symmetric(1, 1), ceil_mode: true, ..Window::new([3, 3], [2, 2]) };
    let dilated = Window { dilation: [3, 2], ..Window::new([3, 3], [1, 2]) };
    let windows = [window, dilated, Window::new([2, 2], [2, 2]), Window::new([1, 2], [4, 4])]
        .map(|window| Op::MaxPool(MaxPool { window }));
    all(windows.into_iter().chain([Op::ChannelMaxPool(ChannelMaxPool { window: 3, stride: 2 })]), &[x])
}
