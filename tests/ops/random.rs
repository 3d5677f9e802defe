//! Random cases, by every variant. A failure prints the whole case; set `PROPTEST_CASES` for more.

use std::cell::Cell;

use atrous_graph::op::*;
use atrous_graph::{Op, Shape};
use atrous_tests::{Case, device};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::conv::Row;

fn run<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, case: impl Fn(&T) -> Option<Case>) {
    let device = device();
    let adapter = device.target();
    let tight = |max_binding: u64| {
        let mut tight = adapter.clone();
        (tight.limits.max_binding, tight.limits.max_workgroups) = (max_binding, 63);
        tight
    };
    let split = Cell::new((0, 0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 64, ..cases() });
    let result = runner.run(&strategy, |value| {
        let Some(case) = case(&value) else { return Err(TestCaseError::reject("not a legal op")) };
        let expected = case.expect();
        expected.check_variants(&device, &adapter);
        // In as many parts as it can be. A filter, or one row, may be too large for all of these limits; most cases must not be.
        let tightest = [16 << 10, 32 << 10, 64 << 10].map(tight).into_iter().find(|target| expected.fits(target));
        if let Some(tightest) = &tightest {
            expected.check_variants(&device, tightest);
        }
        let fits = tightest.is_some();
        split.set((split.get().0 + u32::from(fits), split.get().1 + 1));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (fitting, all) = split.get();
    assert!(fitting * 2 > all, "only {fitting} of {all} cases fit the tight limits");
}

/// 48 cases, unless `PROPTEST_CASES` asks for another number.
fn cases() -> Config {
    if std::env::var_os("PROPTEST_CASES").is_some() { Config::default() } else { Config::with_cases(48) }
}

fn padding() -> impl Strategy<Value = Padding> {
    let side = || prop_oneof![4 => 0..3_usize, 1 => 0..9_usize];
    (side(), side(), side(), side()).prop_map(|(top, bottom, left, right)| Padding { top, bottom, left, right })
}

fn image() -> impl Strategy<Value = [usize; 4]> {
    (1..4_usize, 1..24_usize, 1..24_usize, 1..40_usize).prop_map(|(n, h, w, c)| [n, h, w, c])
}

fn legal(case: Case) -> Option<Case> {
    case.op.infer(&case.inputs).ok().filter(|ty| ty.shape.len() < 200_000 && !ty.shape.is_empty()).map(|_| case)
}

#[test]
fn convolutions() {
    let conv = (1..4_usize, 1..4_usize, 1..5_usize, 1..4_usize, padding());
    let strategy = (image(), 1..48_usize, 1..6_usize, 1..6_usize, conv, any::<bool>());
    run(strategy, |(image, cout, kh, kw, (sy, sx, dy, dx, padding), bias)| {
        let conv = Conv2d { stride: [*sy, *sx], dilation: [*dy, *dx], padding: *padding, groups: 1 };
        legal(Row { image: *image, cout: *cout, kernel: [*kh, *kw], conv, bias: *bias }.case())
    });
}

#[test]
fn grouped_convolutions() {
    let conv = (1..4_usize, 1..5_usize, padding());
    let strategy = (image(), 1..7_usize, 1..7_usize, 1..5_usize, 1..5_usize, conv, any::<bool>());
    run(strategy, |(image, per_in, per_out, kh, kw, (s, d, padding), bias)| {
        let groups = image[3].min(24);
        let image = [image[0], image[1], image[2], groups * per_in.saturating_sub(3).max(1)];
        let conv = Conv2d { stride: [*s, *s], dilation: [*d, *d], padding: *padding, groups };
        legal(Row { image, cout: groups * per_out, kernel: [*kh, *kw], conv, bias: *bias }.case())
    });
}

#[test]
fn transposed_convolutions() {
    let conv = (1..4_usize, 1..4_usize, 1..3_usize, padding(), 1..4_usize);
    let strategy = (image(), 1..20_usize, 1..5_usize, 1..5_usize, conv, 1..40_usize, 1..40_usize);
    run(strategy, |(y, channels, kh, kw, (sy, sx, d, padding, groups), h, w)| {
        let conv = Conv2d { stride: [*sy, *sx], dilation: [*d, *d], padding: *padding, groups: *groups };
        let op = Op::Conv2dGradInput(Conv2dGradInput { conv, h: *h, w: *w });
        let y = Shape::new(y[0], y[1].min(12), y[2].min(12), y[3].next_multiple_of(*groups));
        let filter = Shape::new(*kh, *kw, *channels, y.c);
        let inputs = vec![atrous_graph::TensorType::image(y), atrous_graph::TensorType::filter(filter)];
        legal(Case { op, inputs })
    });
}

#[test]
fn pools() {
    let window = (1..5_usize, 1..5_usize, 1..4_usize, 1..3_usize, padding(), any::<bool>());
    run((image(), window, 0..4_usize), |(image, (kh, kw, s, d, padding, ceil_mode), kind)| {
        let mut window = Window {
            kernel: [*kh, *kw],
            stride: [*s, *s],
            dilation: [*d, *d],
            padding: *padding,
            ceil_mode: *ceil_mode,
        };
        let op = match kind {
            0 => Op::MaxPool(MaxPool { window }),
            1 => Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })),
            _ => {
                window.dilation = [1, 1];
                Op::AvgPool(AvgPool { window, count_include_pad: *kind == 2, divisor: None })
            }
        };
        let [n, h, w, c] = *image;
        legal(Case::images(op, &[Shape::new(n, h, w, c)]))
    });
}

#[test]
fn resizes() {
    let rule = prop_oneof![
        Just(Interpolation::Nearest),
        Just(Interpolation::NearestExact),
        Just(Interpolation::Bilinear(Coordinates::HalfPixel)),
        Just(Interpolation::Bilinear(Coordinates::AlignCorners)),
        Just(Interpolation::Bilinear(Coordinates::Asymmetric)),
        Just(Interpolation::BilinearAntialias),
    ];
    run((image(), rule, 1..50_usize, 1..50_usize), |([n, h, w, c], interpolation, oh, ow)| {
        let op = Op::Resize(Resize { h: *oh, w: *ow, interpolation: *interpolation, step: None });
        legal(Case::images(op, &[Shape::new(*n, *h, *w, (*c).min(9))]))
    });
}

#[test]
fn movements() {
    let strategy = (image(), prop::collection::vec(1..30_usize, 1..6), padding(), 0..4_usize, any::<[u8; 4]>());
    run(strategy, |([n, h, w, c], channels, padding, kind, at)| {
        let x = Shape::new(*n, *h, *w, *c);
        let start = [0, 1, 2, 3].map(|i| usize::from(at[i]) % x.dims()[i]);
        let size = Shape::new(x.n - start[0], x.h - start[1], x.w - start[2], x.c - start[3]);
        legal(match kind {
            0 => Case::images(Op::Concat, &channels.iter().map(|c| Shape { c: *c, ..x }).collect::<Vec<_>>()),
            1 => Case::images(Op::Slice(Slice { start, size }), &[x]),
            2 => Case::images(Op::Pad(Pad { padding: *padding, mode: PadMode::Reflect }), &[x]),
            _ => Case::images(Op::Flip(Flip { vertical: at[0] % 2 == 0, horizontal: at[1] % 2 == 0 }), &[x]),
        })
    });
}

#[test]
fn reductions() {
    let strategy = (image(), any::<[bool; 3]>(), 0..5_usize);
    run(strategy, |([n, h, w, c], [rn, rh, rw], kind)| {
        let x = Shape::new(*n, *h, *w, *c);
        let reduction = [Reduction::Sum, Reduction::Mean, Reduction::Max][*kind % 3];
        legal(match kind {
            4 => Case::images(Op::Fused(Fused::BatchStatistics), &[x]),
            3 => Case::images(Op::ChannelVariance, &[x, Shape::channels(*c)]),
            _ => Case::images(Op::Reduce(Reduce { reduction, n: *rn, h: *rh, w: *rw }), &[x]),
        })
    });
}
