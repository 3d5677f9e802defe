//! Gradients of the convolution with respect to its filter and its input: each row of the table is a hazard, run by every variant
//! of both families that is legal for it; then random rows.

use std::collections::BTreeSet;

use atrous_graph::op::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Gradient, Padding};
use atrous_graph::{Op, TensorType};
use atrous_kernels::conv::{GRAD_INPUT_VARIANTS, GRAD_WEIGHT_VARIANTS};
use atrous_kernels::{Limits, Target};
use atrous_tests::{Case, device, is_reachable, stored};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::conv::{BASE, Row};

/// The gradient with respect to the filter.
pub(crate) fn weight(row: &Row) -> Case {
    let forward = Row { bias: false, ..*row }.case();
    let y = forward.op.infer(&forward.inputs).unwrap_or_else(|e| panic!("{row:?}: {e}"));
    let op = Conv2dGradWeight { conv: row.conv, kernel: row.kernel };
    Case { op: Op::Gradient(Gradient::Conv2dWeight(op)), inputs: vec![forward.inputs[0], y] }
}

/// The gradient with respect to the image.
pub(crate) fn input(row: &Row) -> Case {
    let forward = Row { bias: false, ..*row }.case();
    let y = forward.op.infer(&forward.inputs).unwrap_or_else(|e| panic!("{row:?}: {e}"));
    let op = Conv2dGradInput { conv: row.conv, h: row.image[1], w: row.image[2] };
    Case { op: Op::Conv2dGradInput(op), inputs: vec![y, forward.inputs[1]] }
}

const ROW: Row = Row { bias: false, ..BASE };

fn conv(stride: usize, dilation: usize, padding: usize, groups: usize) -> Conv2d {
    Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding: Padding::symmetric(padding, padding), groups }
}

fn check_on(rows: &[Row], change: impl Fn(&mut Limits)) -> BTreeSet<&'static str> {
    let device = device();
    let mut target = device.target();
    change(&mut target.limits);
    let run = |case: Case| case.expect().check_variants(&device, &target);
    stored(rows.iter().flat_map(|row| [weight(row), input(row)]), &target).into_iter().flat_map(run).collect()
}

/// Both gradients of the rows in both types by every variant; the names of those that served.
fn check(rows: &[Row]) -> BTreeSet<&'static str> {
    check_on(rows, |_| ())
}

#[test]
fn kernels_of_every_size() {
    let same = |kernel: [usize; 2]| Row {
        kernel,
        conv: Conv2d { padding: Padding::symmetric(kernel[0] / 2, kernel[1] / 2), ..ROW.conv },
        ..ROW
    };
    check(&[[1, 1], [3, 3], [5, 5], [7, 7], [1, 7], [7, 1], [2, 2], [4, 3]].map(same));
}

#[test]
fn tiny_images_and_kernels_larger_than_they() {
    check(&[
        Row { image: [1, 1, 1, 3], ..ROW },
        Row { image: [5, 1, 1, 3], kernel: [1, 1], conv: conv(1, 1, 0, 1), ..ROW },
        Row { image: [1, 1, 1, 64], cout: 64, kernel: [1, 1], conv: conv(2, 1, 0, 1), ..ROW },
        Row { image: [2, 2, 3, 6], kernel: [7, 5], conv: conv(1, 1, 4, 1), ..ROW },
        Row { image: [1, 3, 3, 8], cout: 8, kernel: [3, 3], conv: conv(1, 6, 6, 1), ..ROW },
        Row { image: [2, 1, 40, 6], kernel: [1, 7], conv: conv(1, 1, 0, 1), ..ROW },
        Row { image: [2, 40, 1, 6], kernel: [7, 1], conv: conv(1, 1, 0, 1), ..ROW },
    ]);
}

#[test]
fn strides_that_skip_pixels_and_shortcuts() {
    check(&[
        Row { image: [1, 13, 11, 3], conv: conv(2, 1, 1, 1), ..ROW },
        Row { image: [3, 17, 9, 20], cout: 36, conv: conv(2, 1, 1, 1), ..ROW },
        Row { image: [2, 14, 15, 16], cout: 24, kernel: [1, 1], conv: conv(2, 1, 0, 1), ..ROW },
        Row { image: [1, 12, 15, 8], cout: 16, conv: conv(3, 1, 0, 1), ..ROW },
        Row { image: [1, 19, 20, 4], cout: 8, kernel: [2, 2], conv: conv(5, 1, 0, 1), ..ROW },
        Row { image: [1, 10, 11, 5], conv: Conv2d { stride: [1, 3], ..ROW.conv }, ..ROW },
        Row { image: [2, 16, 15, 3], cout: 64, kernel: [7, 7], conv: conv(2, 1, 3, 1), ..ROW },
        // The stride skips the last rows and columns: their gradient is zero.
        Row { image: [1, 9, 10, 4], cout: 4, kernel: [2, 2], conv: conv(4, 1, 0, 1), ..ROW },
    ]);
}

#[test]
fn channels_of_every_remainder() {
    let with = |c: usize, cout: usize| Row { image: [2, 5, 6, c], cout, ..ROW };
    check(&[
        with(1, 1),
        with(1, 21),
        with(3, 21),
        with(21, 3),
        with(2, 5),
        with(257, 7),
        with(7, 257),
        with(36, 68),
        Row { image: [1, 3, 3, 728], cout: 728, kernel: [1, 1], conv: conv(1, 1, 0, 1), ..ROW },
        Row { image: [2, 4, 4, 728], cout: 20, ..ROW },
    ]);
}

#[test]
fn dilations_inside_and_beyond_the_image() {
    let rows = [1, 2, 4, 6, 12, 18, 24].map(|d| Row { image: [1, 13, 14, 8], cout: 12, conv: conv(1, d, d, 1), ..ROW });
    check(&rows);
    check(&[
        Row { conv: Conv2d { dilation: [2, 3], padding: Padding::symmetric(2, 0), ..ROW.conv }, ..ROW },
        Row { image: [2, 33, 33, 4], cout: 4, conv: conv(2, 6, 6, 1), ..ROW },
        Row { image: [1, 15, 16, 4], cout: 4, conv: conv(3, 2, 2, 1), ..ROW },
    ]);
}

#[test]
fn padding_of_four_sides_and_beyond_the_kernels_reach() {
    let padded = |top, bottom, left, right| Row {
        conv: Conv2d { padding: Padding { top, bottom, left, right }, ..ROW.conv },
        ..ROW
    };
    check(&[
        padded(0, 1, 0, 1),
        padded(2, 3, 3, 2),
        padded(5, 5, 5, 5),
        padded(9, 0, 0, 11),
        Row { kernel: [1, 1], ..padded(2, 1, 0, 3) },
        Row { image: [1, 16, 15, 3], conv: Conv2d { stride: [2, 2], ..padded(0, 1, 0, 1).conv }, ..ROW },
        Row { conv: Conv2d { stride: [2, 1], ..padded(0, 1, 4, 0).conv }, ..ROW },
    ]);
}

#[test]
fn groups_of_every_size() {
    let grouped =
        |c: usize, cout: usize, groups: usize| Row { image: [2, 6, 7, c], cout, conv: conv(1, 1, 1, groups), ..ROW };
    check(&[
        grouped(6, 4, 2),
        grouped(9, 6, 3),
        grouped(8, 16, 4),
        grouped(14, 21, 7),
        grouped(32, 64, 2),
        grouped(128, 128, 32),
        grouped(40, 24, 2),
        Row { conv: conv(2, 2, 2, 2), ..grouped(16, 8, 2) },
    ]);
}

#[test]
fn depthwise_and_its_multiplier() {
    let depthwise = |c: usize, stride: usize, dilation: usize| Row {
        image: [2, 12, 13, c],
        cout: c,
        conv: conv(stride, dilation, dilation, c),
        ..ROW
    };
    check(&[
        depthwise(5, 1, 1),
        depthwise(12, 2, 1),
        depthwise(6, 1, 2),
        depthwise(6, 2, 2),
        depthwise(6, 3, 2),
        depthwise(6, 1, 12),
        Row { image: [1, 19, 19, 728], ..depthwise(728, 1, 1) },
        Row { kernel: [5, 5], conv: Conv2d { groups: 7, ..conv(2, 1, 2, 7) }, ..depthwise(7, 1, 1) },
        Row { kernel: [7, 1], ..depthwise(10, 1, 1) },
        Row { kernel: [2, 4], ..depthwise(9, 2, 1) },
        Row { image: [1, 2, 2, 8], conv: conv(40, 1, 1, 8), ..depthwise(8, 1, 1) },
        Row {
            conv: Conv2d { padding: Padding { top: 0, bottom: 1, left: 0, right: 1 }, ..conv(2, 1, 0, 8) },
            ..depthwise(8, 1, 1)
        },
        Row { cout: 12, ..depthwise(6, 1, 1) },
        Row { cout: 15, ..depthwise(5, 2, 1) },
        Row { cout: 24, ..depthwise(3, 1, 1) },
    ]);
}

#[test]
fn sizes_at_the_edges_of_the_tiles() {
    let with = |h: usize, w: usize, c: usize, cout: usize, k: usize| Row {
        image: [1, h, w, c],
        cout,
        kernel: [k, k],
        conv: conv(1, 1, k / 2, 1),
        bias: false,
    };
    check(&[
        with(8, 8, 16, 64, 3),
        with(8, 8, 16, 65, 3),
        with(16, 17, 15, 63, 1),
        with(33, 31, 32, 128, 1),
        with(11, 29, 68, 132, 3),
        Row { image: [3, 21, 13, 36], cout: 100, ..with(1, 1, 1, 1, 3) },
    ]);
}

/// A million terms in one sum, also where all of them lie in one row.
#[test]
fn rounding_does_not_grow_with_the_image() {
    check(&[
        Row { image: [4, 500, 500, 3], cout: 2, kernel: [1, 1], conv: conv(1, 1, 0, 1), ..ROW },
        Row { image: [1, 1, 300_000, 1], cout: 1, kernel: [1, 3], conv: conv(1, 1, 1, 1), ..ROW },
        Row { image: [3, 200, 201, 2], cout: 2, conv: conv(1, 1, 1, 2), ..ROW },
    ]);
}

/// Terms of one sign, all equal: every addition is rounded the same way.
#[test]
fn rounding_of_equal_terms_does_not_add_up() {
    let device = device();
    for (c, groups, kernel) in [(4, 1, [1, 1]), (4, 4, [3, 3]), (6, 3, [1, 3])] {
        let conv = conv(1, 1, 0, groups);
        let case = weight(&Row { image: [2, 400, 401, c], cout: c, kernel, conv, ..ROW });
        let values = [0.1, 0.7].iter().zip(&case.inputs).map(|(v, ty)| vec![*v; ty.shape.len()]);
        case.expect_with(values.collect()).check_variants(&device, &device.target());
    }
}

/// Samples, then rows, that no binding shows at once; sums of all windows, also where they share their partial sums.
#[test]
fn tensors_over_the_binding_limit() {
    let rows = [
        Row { image: [3, 21, 10, 12], cout: 12, ..ROW },
        Row { image: [3, 21, 10, 12], cout: 12, conv: conv(2, 1, 1, 1), ..ROW },
        Row { image: [3, 21, 10, 12], cout: 12, conv: conv(1, 4, 4, 1), ..ROW },
        Row { image: [3, 21, 10, 12], cout: 12, conv: conv(1, 1, 1, 12), ..ROW },
        Row { image: [2, 21, 10, 12], cout: 12, conv: conv(1, 1, 1, 3), ..ROW },
        Row { image: [3, 21, 10, 12], cout: 16, kernel: [1, 1], conv: conv(1, 1, 0, 1), ..ROW },
        Row { image: [2, 21, 10, 12], cout: 16, kernel: [1, 1], conv: conv(2, 1, 0, 1), ..ROW },
        Row {
            image: [1, 21, 10, 12],
            cout: 4,
            kernel: [2, 3],
            conv: Conv2d { padding: Padding { top: 7, bottom: 9, left: 1, right: 0 }, ..ROW.conv },
            ..ROW
        },
    ];
    check_on(&rows, |limits| limits.max_binding = 6_000);
    check_on(&rows, |limits| (limits.alignment, limits.max_binding) = (256, 12_000));
    check_on(&rows[..3], |limits| limits.max_workgroups = 31);
}

/// Random rows, under the adapter's limits and under tight ones. A failure prints the whole case.
#[test]
fn random_rows() {
    let device = device();
    let mut tight = device.target();
    (tight.limits.max_binding, tight.limits.max_workgroups) = (16 << 10, 63);
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default() } else { Config::with_cases(24) };
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 64, ..cases });
    let result = runner.run(&row(), |row| {
        let forward = row.case();
        if forward.op.infer(&forward.inputs).is_err() {
            return Err(TestCaseError::reject("the kernel is larger than the padded image"));
        }
        for case in stored([weight(&row), input(&row)], &tight) {
            let expected = case.expect();
            expected.check_variants(&device, &device.target());
            if expected.fits(&tight) {
                expected.check_variants(&device, &tight);
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn row() -> impl Strategy<Value = Row> {
    let side = || prop_oneof![4 => 0..3_usize, 1 => 0..9_usize];
    let padding = (side(), side(), side(), side());
    let image = (1..4_usize, 1..20_usize, 1..20_usize);
    let channels = (prop_oneof![3 => Just(1), 2 => 1..9_usize], 1..13_usize, 1..13_usize);
    let steps = (1..4_usize, 1..4_usize, 1..4_usize, 1..4_usize);
    let all = (image, channels, 1..6_usize, 1..6_usize, steps, padding);
    all.prop_map(|((n, h, w), (groups, cin, cout), kh, kw, (sy, sx, dy, dx), (top, bottom, left, right))| Row {
        image: [n, h, w, groups * cin],
        cout: groups * cout,
        kernel: [kh, kw],
        conv: Conv2d { stride: [sy, sx], dilation: [dy, dx], padding: Padding { top, bottom, left, right }, groups },
        bias: false,
    })
}

#[test]
fn a_row_over_the_binding_limit_is_refused_with_both_numbers() {
    let case = weight(&Row { image: [1, 4, 64, 512], cout: 4, kernel: [1, 1], conv: conv(1, 1, 0, 1), ..ROW });
    let target = Target::new(Limits { max_binding: 64 << 10, ..Limits::WEBGPU }, false);
    let y = case.op.infer(&case.inputs).expect("a legal case");
    let refused = atrous_kernels::plan_node(&case.op, &case.inputs, y, &target).expect_err("128 KiB in a row");
    assert_eq!(refused.to_string(), "needs 131072 bytes in one binding, the adapter allows 65536");
    let filter = TensorType::filter(atrous_graph::Shape::new(3, 3, 64, 64));
    let case = weight(&Row { image: [1, 4, 4, 64], cout: 64, ..ROW });
    let refused = atrous_kernels::plan_node(&case.op, &case.inputs, filter, &target).expect_err("144 KiB of filter");
    assert_eq!(refused.to_string(), "needs 147456 bytes in one binding, the adapter allows 65536");
}

#[test]
fn every_variant_has_served() {
    let served = check(&[
        ROW,
        Row { image: [1, 16, 16, 32], cout: 64, ..ROW },
        Row { image: [1, 9, 9, 8], cout: 8, conv: conv(1, 1, 1, 8), ..ROW },
    ]);
    let target = device().target();
    let all = GRAD_WEIGHT_VARIANTS.iter().chain(GRAD_INPUT_VARIANTS).copied();
    let all: BTreeSet<&str> = all.filter(|name| is_reachable(name, &target)).collect();
    let never: Vec<_> = all.difference(&served).collect();
    assert!(never.is_empty(), "variants that no row reaches: {never:?}; served: {served:?}");
}
