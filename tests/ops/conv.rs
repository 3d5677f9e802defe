//! Convolution: each row of the table is a hazard, run by every variant that is legal for it.

use std::collections::BTreeSet;

use atrous_graph::op::{Conv2d, Padding};
use atrous_graph::{Op, Shape, TensorType};
use atrous_kernels::conv::CONV2D_VARIANTS;
use atrous_tests::{Case, device, is_reachable};

/// One convolution: image, output channels, kernel, and attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) image: [usize; 4],
    pub(crate) cout: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) conv: Conv2d,
    pub(crate) bias: bool,
}

/// A 3×3 convolution of a 9×7 image, 5 to 6 channels, padding 1.
pub(crate) const BASE: Row = Row {
    image: [1, 9, 7, 5],
    cout: 6,
    kernel: [3, 3],
    conv: Conv2d { stride: [1, 1], dilation: [1, 1], padding: Padding::symmetric(1, 1), groups: 1 },
    bias: true,
};

impl Row {
    pub(crate) fn case(&self) -> Case {
        let [n, h, w, c] = self.image;
        let [kh, kw] = self.kernel;
        let filter = Shape::new(kh, kw, c / self.conv.groups, self.cout);
        let mut inputs = vec![TensorType::image(Shape::new(n, h, w, c)), TensorType::filter(filter)];
        if self.bias {
            inputs.push(TensorType::image(Shape::channels(self.cout)));
        }
        Case { op: Op::Conv2d(self.conv), inputs }
    }
}

/// Of equal sides.
pub(crate) fn conv(stride: usize, dilation: usize, padding: usize, groups: usize) -> Conv2d {
    Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding: Padding::symmetric(padding, padding), groups }
}

/// Runs the rows by every variant and returns the names of those that served.
fn check(rows: &[Row]) -> BTreeSet<&'static str> {
    let device = device();
    rows.iter().flat_map(|row| row.case().expect().check_variants(&device, &device.target())).collect()
}

#[test]
fn kernels_of_every_size() {
    let same = |kernel: [usize; 2]| Row {
        kernel,
        conv: Conv2d { padding: Padding::symmetric(kernel[0] / 2, kernel[1] / 2), ..BASE.conv },
        ..BASE
    };
    check(&[[1, 1], [3, 3], [5, 5], [7, 7], [1, 7], [7, 1], [2, 2], [4, 3]].map(same));
}

#[test]
fn small_and_odd_images() {
    check(&[
        Row { image: [1, 1, 1, 3], ..BASE },
        Row { image: [1, 1, 1, 3], kernel: [1, 1], conv: conv(1, 1, 0, 1), ..BASE },
        Row { image: [1, 1, 1, 64], cout: 64, kernel: [1, 1], conv: conv(2, 1, 0, 1), bias: false },
        Row { image: [1, 13, 11, 3], conv: conv(2, 1, 1, 1), ..BASE },
        Row { image: [1, 12, 15, 8], cout: 16, conv: conv(3, 1, 0, 1), ..BASE },
        Row { image: [3, 7, 5, 4], cout: 4, ..BASE },
        Row { image: [3, 17, 9, 20], cout: 36, conv: conv(2, 1, 1, 1), bias: false, ..BASE },
        Row { image: [1, 1, 40, 6], kernel: [1, 7], conv: conv(1, 1, 0, 1), ..BASE },
    ]);
}

#[test]
fn channels_of_every_remainder() {
    let with = |c: usize, cout: usize| Row { image: [1, 5, 6, c], cout, ..BASE };
    check(&[
        with(1, 1),
        with(3, 21),
        with(21, 3),
        with(2, 5),
        with(257, 7),
        with(7, 257),
        Row { image: [1, 3, 3, 728], cout: 728, kernel: [1, 1], conv: conv(1, 1, 0, 1), bias: false },
        Row { image: [2, 4, 4, 728], cout: 20, bias: false, ..BASE },
    ]);
}

#[test]
fn dilations_inside_and_beyond_the_image() {
    let rows =
        [1, 2, 4, 6, 12, 18, 24, 36].map(|d| Row { image: [1, 13, 14, 8], cout: 12, conv: conv(1, d, d, 1), ..BASE });
    check(&rows);
    check(&[
        Row { conv: Conv2d { dilation: [2, 3], padding: Padding::symmetric(2, 0), ..BASE.conv }, ..BASE },
        Row { image: [1, 33, 33, 4], cout: 4, conv: conv(2, 6, 6, 1), ..BASE },
    ]);
}

#[test]
fn padding_of_four_sides_and_beyond_the_kernels_reach() {
    let padded = |top, bottom, left, right| Row {
        conv: Conv2d { padding: Padding { top, bottom, left, right }, ..BASE.conv },
        ..BASE
    };
    check(&[
        padded(0, 1, 0, 1),
        padded(2, 3, 3, 2),
        padded(5, 5, 5, 5),
        padded(9, 0, 0, 11),
        Row { kernel: [1, 1], ..padded(2, 1, 0, 3) },
        Row {
            image: [1, 16, 15, 3],
            kernel: [7, 7],
            conv: Conv2d { stride: [2, 2], ..padded(2, 3, 3, 3).conv },
            ..BASE
        },
        Row { conv: Conv2d { stride: [2, 1], ..padded(0, 1, 4, 0).conv }, ..BASE },
    ]);
}

#[test]
fn groups_and_depthwise() {
    let grouped = |c: usize, cout: usize, groups: usize| Row {
        image: [2, 6, 7, c],
        cout,
        conv: Conv2d { groups, ..BASE.conv },
        ..BASE
    };
    check(&[
        grouped(6, 4, 2),
        grouped(9, 6, 3),
        grouped(8, 16, 4),
        grouped(14, 21, 7),
        grouped(32, 64, 2),
        grouped(1, 4, 1),
        grouped(5, 5, 5),
        grouped(12, 12, 12),
        grouped(6, 12, 6),
        grouped(5, 15, 5),
        grouped(3, 24, 3),
        Row { image: [1, 19, 19, 728], bias: false, ..grouped(728, 728, 728) },
        Row { image: [2, 40, 43, 260], conv: conv(1, 2, 1, 260), ..grouped(260, 260, 260) },
        Row { kernel: [5, 5], conv: Conv2d { stride: [2, 2], groups: 7, ..BASE.conv }, ..grouped(7, 7, 7) },
        Row { conv: conv(1, 12, 12, 6), ..grouped(6, 6, 6) },
        Row { conv: conv(2, 2, 2, 6), ..grouped(6, 18, 6) },
        Row { kernel: [7, 1], conv: Conv2d { groups: 10, ..BASE.conv }, ..grouped(10, 10, 10) },
    ]);
}

#[test]
fn sizes_at_the_edges_of_the_tiles() {
    let with = |h: usize, w: usize, c: usize, cout: usize, k: usize| Row {
        image: [1, h, w, c],
        cout,
        kernel: [k, k],
        conv: conv(1, 1, k / 2, 1),
        bias: true,
    };
    check(&[
        with(8, 8, 16, 64, 3),
        with(8, 8, 16, 65, 3),
        with(16, 17, 15, 63, 1),
        with(33, 31, 32, 128, 1),
        with(11, 29, 68, 132, 3),
        with(25, 25, 8, 3, 1),
        with(23, 23, 5, 7, 3),
        Row { image: [3, 21, 13, 36], cout: 100, ..with(1, 1, 1, 1, 3) },
        Row { image: [1, 19, 20, 48], cout: 72, conv: conv(1, 1, 1, 2), ..with(1, 1, 1, 1, 3) },
    ]);
}

#[test]
fn every_variant_has_served() {
    let served = check(&[
        BASE,
        Row { image: [1, 16, 16, 3], cout: 64, ..BASE },
        Row { image: [1, 16, 16, 32], cout: 64, ..BASE },
        Row { image: [1, 16, 16, 32], cout: 64, kernel: [1, 1], conv: conv(1, 1, 0, 1), bias: false },
        Row { image: [1, 9, 9, 8], cout: 8, conv: conv(1, 1, 1, 8), ..BASE },
        Row { image: [1, 9, 9, 8], cout: 16, conv: conv(1, 1, 1, 8), ..BASE },
    ]);
    let target = device().target();
    let all = CONV2D_VARIANTS.iter().filter(|name| is_reachable(name, &target));
    let never: Vec<_> = all.filter(|name| !served.contains(*name)).collect();
    assert!(never.is_empty(), "variants that no row reaches: {never:?}; served: {served:?}");
}
