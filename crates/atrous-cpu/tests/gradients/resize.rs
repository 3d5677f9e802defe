use atrous_graph::op::{Coordinates, Gradient, Interpolation, Resize, ResizeGrad};
use atrous_graph::{Op, Shape};

use crate::table::{Row, check_all};

const RULES: [Interpolation; 6] = [
    Interpolation::Nearest,
    Interpolation::NearestExact,
    Interpolation::Bilinear(Coordinates::HalfPixel),
    Interpolation::Bilinear(Coordinates::AlignCorners),
    Interpolation::Bilinear(Coordinates::Asymmetric),
    Interpolation::BilinearAntialias,
];

fn row(resize: Resize, x: Shape) -> Row {
    Row::linear(Op::Resize(resize), x, Op::Gradient(Gradient::Resize(ResizeGrad { resize, h: x.h, w: x.w })))
}

/// Both sides enlarged, both reduced, one of each; integer and other ratios; from and to a single pixel.
#[test]
fn every_rule_between_many_sizes() {
    for interpolation in RULES {
        for (from, to) in [
            ([3, 4], [6, 8]),
            ([3, 4], [7, 9]),
            ([7, 9], [3, 4]),
            ([8, 6], [4, 3]),
            ([5, 4], [3, 10]),
            ([4, 4], [4, 4]),
            ([1, 1], [3, 4]),
            ([5, 6], [1, 1]),
            ([2, 1], [5, 1]),
            ([11, 12], [2, 3]),
        ] {
            let resize = Resize { h: to[0], w: to[1], interpolation, step: None };
            check_all([row(resize, Shape::new(2, from[0], from[1], 3))]);
        }
    }
}

#[test]
fn every_rule_with_a_given_step() {
    for interpolation in RULES {
        for step in [[0.4, 0.7], [0.5, 1.0], [1.7, 2.3]] {
            let resize = Resize { h: 6, w: 3, interpolation, step: Some(step) };
            check_all([row(resize, Shape::new(1, 5, 4, 2))]);
        }
    }
}
