//! Random cases. A failure prints the whole case; set `PROPTEST_CASES` for more.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::device;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::adjoint::{check_chosen, check_products};
use super::cases::{Forward, RULES};

/// Checks the gradient with the adapter's limits and with tight ones, and that it is the adjoint of the forward operation.
fn run<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, forward: impl Fn(&T) -> Forward) {
    let device = device();
    let mut tight = device.target();
    tight.limits.max_binding = 16 << 10;
    tight.limits.max_workgroups = 63;
    let chosen = std::env::var_os("PROPTEST_CASES").map_or_else(|| Config::with_cases(32), |_| Config::default());
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 64, ..chosen });
    let result = runner.run(&strategy, |value| {
        let forward = forward(&value);
        if forward.op.infer(&[TensorType::image(forward.x)]).is_err() {
            return Err(TestCaseError::reject("not a legal op"));
        }
        if matches!(forward.op, Op::MaxPool(_) | Op::ChannelMaxPool(_)) {
            check_chosen(&device, &device.target(), &[forward]);
        } else {
            let expected = forward.gradient().expect();
            expected.check_variants(&device, &device.target());
            if expected.fits(&tight) {
                expected.check_variants(&device, &tight);
            }
        }
        check_products(&device, [forward]);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn image() -> impl Strategy<Value = Shape> {
    (1..4_usize, 1..24_usize, 1..24_usize, 1..24_usize).prop_map(|(n, h, w, c)| Shape::new(n, h, w, c))
}

fn padding() -> impl Strategy<Value = Padding> {
    let side = || 0..4_usize;
    (side(), side(), side(), side()).prop_map(|(top, bottom, left, right)| Padding { top, bottom, left, right })
}

#[test]
fn pools() {
    let window = (1..6_usize, 1..6_usize, 1..5_usize, 1..4_usize, 1..3_usize, padding(), any::<bool>());
    run((image(), window, 0..4_usize), |(x, (kh, kw, sy, sx, d, padding, ceil_mode), kind)| {
        let dilation = if *kind == 0 { [*d, *d] } else { [1, 1] };
        let window =
            Window { kernel: [*kh, *kw], stride: [*sy, *sx], dilation, padding: *padding, ceil_mode: *ceil_mode };
        let divisor = (*kind == 3).then_some(5);
        let op = match kind {
            0 => Op::MaxPool(MaxPool { window }),
            _ => Op::AvgPool(AvgPool { window, count_include_pad: *kind == 1, divisor }),
        };
        Forward { op, x: *x }
    });
}

#[test]
fn resizes_and_bins() {
    run(
        (image(), 0..7_usize, 1..50_usize, 1..50_usize, 0.3..4.0_f64, any::<bool>()),
        |(x, rule, h, w, step, given)| {
            let step = given.then_some([*step, 1.0 / *step]);
            let op = match RULES.get(*rule) {
                Some(&interpolation) => Op::Resize(Resize { h: *h, w: *w, interpolation, step }),
                None => Op::AdaptiveAvgPool(AdaptiveAvgPool { h: *h, w: *w }),
            };
            Forward { op, x: *x }
        },
    );
}

#[test]
fn movements() {
    let modes = [PadMode::Constant(0.0), PadMode::Reflect, PadMode::Replicate];
    run((image(), padding(), 0..5_usize, any::<[u8; 8]>()), |(x, padding, kind, at)| {
        let start = [0, 1, 2, 3].map(|i| usize::from(at[i]) % x.dims()[i]);
        let [n, h, w, c] = [0, 1, 2, 3].map(|i| 1 + usize::from(at[i + 4]) % (x.dims()[i] - start[i]));
        let op = match kind {
            0 | 1 => Op::Slice(Slice { start, size: Shape::new(n, h, w, c) }),
            _ => Op::Pad(Pad { padding: *padding, mode: modes[kind - 2] }),
        };
        Forward { op, x: *x }
    });
}

#[test]
fn windows_of_channels() {
    run((image(), 1..9_usize, 1..9_usize), |(x, window, stride)| Forward {
        op: Op::ChannelMaxPool(ChannelMaxPool { window: *window, stride: *stride }),
        x: *x,
    });
}
