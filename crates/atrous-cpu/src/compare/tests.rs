use atrous_graph::op::{Broadcast, Conv2d, Flip, Padding, Place, Reduce, Resize, Unary};
use atrous_graph::{Op, TensorType};

use super::*;
use crate::{evaluate, magnitude};

/// Values in -1..1 without a pattern, the same on every run.
fn noise(shape: Shape, seed: u64) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    Tensor::from_f32(shape, &(0..shape.len()).map(|_| next()).collect::<Vec<_>>())
}

/// A convolution of 5×6 pixels, its inputs, its result and the result's magnitude.
fn case() -> (Conv2d, Tensor, Tensor, Tensor, Tensor) {
    let padding = Padding { top: 2, bottom: 1, left: 0, right: 1 };
    let conv = Conv2d { padding, stride: [1, 2], ..Conv2d::default() };
    let (x, filter) = (noise(Shape::new(2, 5, 6, 8), 1), noise(Shape::new(3, 3, 8, 8), 2));
    let want = eval(conv, &x, &filter);
    let magnitude = magnitude(&Op::Conv2d(conv), &[&x, &filter], want.shape);
    (conv, x, filter, want, magnitude)
}

fn eval(conv: Conv2d, x: &Tensor, filter: &Tensor) -> Tensor {
    let types = [TensorType::image(x.shape), TensorType::filter(filter.shape)];
    let op = Op::Conv2d(conv);
    evaluate(&op, &[x, filter], op.infer(&types).unwrap().shape)
}

#[track_caller]
fn mismatch(got: &[f32], want: &Tensor, magnitude: &Tensor) -> Mismatch {
    match compare(got, want, magnitude, Tolerance::F32) {
        Err(CompareError::Values(mismatch)) => mismatch,
        other => panic!("accepted or refused for another reason: {other:?}"),
    }
}

#[test]
fn equal_results_pass() {
    let (.., want, magnitude) = case();
    assert_eq!(compare(&want.to_f32(), &want, &magnitude, Tolerance::F32), Ok(()));
}

#[test]
fn an_f32_kernel_passes() {
    let (_, x, filter, ..) = case();
    let conv = Conv2d::default();
    let want = eval(conv, &x, &filter);
    let magnitude = magnitude(&Op::Conv2d(conv), &[&x, &filter], want.shape);
    let mut got = vec![0f32; want.shape.len()];
    for (i, sum) in got.iter_mut().enumerate() {
        let [n, oy, ox, o] = position(want.shape, i);
        for c in (0..8).rev() {
            for (ky, kx) in (0..9).map(|k| (k / 3, k % 3)) {
                *sum += x.at(n, oy + ky, ox + kx, c) as f32 * filter.at(ky, kx, c, o) as f32;
            }
        }
    }
    assert_eq!(compare(&got, &want, &magnitude, Tolerance::F32), Ok(()));
}

#[test]
fn a_perturbed_element_fails_and_is_named() {
    let (.., want, magnitude) = case();
    let mut got = want.to_f32();
    let at = want.shape.index(1, 2, 1, 5);
    got[at] += 0.125;
    got[7] += 3e-4;
    let mismatch = mismatch(&got, &want, &magnitude);
    assert_eq!((mismatch.count, mismatch.total, mismatch.worst), (2, want.shape.len(), [1, 2, 1, 5]));
    let text = mismatch.to_string();
    assert!(
        text.starts_with(&format!("2 of {} values are off, worst at n 1, y 2, x 1, c 5: got ", got.len())),
        "{text}"
    );
    assert!(text.contains("off by 1.250e-1, allowed "), "{text}");
}

#[test]
fn numbers_that_are_not_finite_fail() {
    let (.., want, magnitude) = case();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut got = want.to_f32();
        got[3] = bad;
        assert_eq!(mismatch(&got, &want, &magnitude).error, f64::INFINITY);
        let mut reference = want.clone();
        reference.data[3] = f64::from(bad);
        assert_eq!(mismatch(&want.to_f32(), &reference, &magnitude).count, 1);
        assert_eq!(compare(&got, &reference, &magnitude, Tolerance::F32), Ok(()));
    }
}

#[test]
fn a_shifted_tensor_fails() {
    let (.., want, magnitude) = case();
    let mut got = want.to_f32();
    got.rotate_right(want.shape.c);
    assert!(mismatch(&got, &want, &magnitude).count > got.len() / 2);
}

#[test]
fn wrong_kernels_fail() {
    let (conv, x, filter, want, magnitude) = case();
    let Padding { top, bottom, left, right } = conv.padding;
    let swapped = Padding { top: bottom, bottom: top, left: right, right: left };
    let shifted = eval(Conv2d { padding: swapped, ..conv }, &x, &filter);
    let transposed = Tensor::from_fn(filter.shape, |ky, kx, i, o| filter.at(kx, ky, i, o));
    let mixed = Tensor::from_fn(filter.shape, |ky, kx, i, o| filter.at(ky, kx, o, i));
    let flipped = Tensor::from_fn(filter.shape, |ky, kx, i, o| filter.at(2 - ky, 2 - kx, i, o));
    let lost = Tensor::from_fn(filter.shape, |ky, kx, i, o| if i == 7 { 0.0 } else { filter.at(ky, kx, i, o) });
    let wrong = [transposed, mixed, flipped, lost].map(|filter| eval(conv, &x, &filter));
    for got in wrong.iter().chain([&shifted]) {
        assert!(mismatch(&got.to_f32(), &want, &magnitude).count > want.shape.len() / 2);
    }
}

#[test]
fn one_pass_variance_of_large_values_fails() {
    let x = noise(Shape::new(2, 8, 8, 3), 5).map(|v| f64::from((v + 1000.0) as f32));
    let shape = Shape::channels(3);
    let mean = evaluate(&Op::Reduce(Reduce::MEAN_NHW), &[&x], shape).rounded();
    let want = evaluate(&Op::ChannelVariance, &[&x, &mean], shape);
    let magnitude = magnitude(&Op::ChannelVariance, &[&x, &mean], shape);
    let mut got = [0f32; 3];
    for (c, var) in got.iter_mut().enumerate() {
        let squares: f32 = x.data[c..].iter().step_by(3).map(|v| *v as f32 * *v as f32).sum();
        *var = squares / 128.0 - (mean.data[c] as f32).powi(2);
    }
    assert_eq!(mismatch(&got, &want, &magnitude).count, 3);
}

#[test]
fn data_movement_must_be_exact() {
    let x = noise(Shape::new(1, 3, 3, 2), 3);
    for op in [
        Op::Flip(Flip { vertical: true, horizontal: false }),
        Op::Unary(Unary::Relu),
        Op::Resize(Resize::nearest(3, 3)),
        Op::Place(Place { start: [0; 4], shape: x.shape }),
        Op::Broadcast(Broadcast { shape: x.shape }),
        Op::StopGradient,
    ] {
        let want = evaluate(&op, &[&x], x.shape);
        let magnitude = magnitude(&op, &[&x], x.shape);
        let mut got = want.to_f32();
        assert_eq!(compare(&got, &want, &magnitude, Tolerance::F32), Ok(()));
        let i = got.iter().position(|v| *v > 0.0).unwrap();
        got[i] = got[i].next_up();
        assert_eq!(mismatch(&got, &want, &magnitude).allowed, 0.0);
    }
}

#[test]
fn maps_are_compared_exactly() {
    let want = Tensor::from_u32(Shape::new(1, 2, 2, 1), &[0, 5, u32::MAX, 7]);
    assert_eq!(compare_u32(&[0, 5, u32::MAX, 7], &want), Ok(()));
    match compare_u32(&[0, 5, u32::MAX - 1, 7], &want) {
        Err(CompareError::Values(m)) => assert_eq!((m.count, m.worst, m.error), (1, [0, 1, 0, 0], 1.0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sizes_must_agree() {
    let (.., want, magnitude) = case();
    let short = compare(&want.to_f32()[1..], &want, &magnitude, Tolerance::F32);
    assert!(matches!(short, Err(CompareError::Length { .. })));
    let other = compare(&want.to_f32(), &want, &Tensor::zeros(Shape::channels(1)), Tolerance::F32);
    assert!(matches!(other, Err(CompareError::Length { .. })));
    assert!(matches!(compare_u32(&[1], &want), Err(CompareError::Length { .. })));
}

#[test]
fn flushed_subnormals_pass_where_values_are_computed() {
    let op = Op::Unary(Unary::Sigmoid);
    let x = Tensor::channels(&[-88.0, -100.0]);
    let (want, magnitude) = (evaluate(&op, &[&x], x.shape), magnitude(&op, &[&x], x.shape));
    assert_eq!(compare(&[0.0, 0.0], &want, &magnitude, Tolerance::F32), Ok(()));
    assert_eq!(mismatch(&[0.0, 1e-30], &want, &magnitude).count, 1);
}

/// The sum of 1000 products, added up in f32 or in f16, stored in f16.
#[test]
fn a_sum_in_f16_is_told_from_one_in_f32() {
    let shape = Shape::channels(64);
    let (x, w) =
        (noise(Shape::new(1, 1, 1, 1000), 5).rounded_to_f16(), noise(Shape::new(1, 1, 1000, 64), 6).rounded_to_f16());
    let op = Op::Conv2d(Conv2d::default());
    let (want, magnitude) = (evaluate(&op, &[&x, &w], shape), magnitude(&op, &[&x, &w], shape));
    let sum = |round: fn(f32) -> f32| -> Vec<f32> {
        let products = |o: usize| (0..1000).map(move |i| (i, o));
        let add = |sum: f32, (i, o): (usize, usize)| round(sum + x.data[i] as f32 * w.data[i * 64 + o] as f32);
        (0..64).map(|o| half::f16::from_f32(products(o).fold(0.0, add)).to_f32()).collect()
    };
    assert_eq!(compare(&sum(|v| v), &want, &magnitude, Tolerance::F16), Ok(()));
    assert!(compare(&sum(|v| v), &want, &magnitude, Tolerance::F32).is_err());
    assert!(compare(&sum(|v| half::f16::from_f32(v).to_f32()), &want, &magnitude, Tolerance::F16).is_err());
}

#[test]
fn f16_results_are_rounded_once() {
    let (want, magnitude) = (Tensor::channels(&[1.0, 65530.0, 1e6, 1e-6]), Tensor::channels(&[1.0, 1.0, 1.0, 1.0]));
    let check = |got: [f32; 4]| compare(&got, &want, &magnitude, Tolerance::F16).is_ok();
    assert!(check([1.0, f32::INFINITY, f32::INFINITY, 0.0]));
    assert!(check([1.0 + 1.0 / 2048.0, 65504.0, f32::INFINITY, 1e-6]));
    assert!(!check([1.0 + 2.0 / 2048.0, 65504.0, f32::INFINITY, 0.0]));
    assert!(!check([1.0, -f32::INFINITY, f32::INFINITY, 0.0]));
    assert!(!check([1.0, 65504.0, 65440.0, 0.0]));
    assert!(!check([f32::NAN, 65504.0, f32::INFINITY, 0.0]));
    // Values that are only moved must be the nearest f16.
    let nothing = Tensor::zeros(Shape::channels(2));
    let third = Tensor::channels(&[1.0 / 3.0, 0.25]);
    let moved = |got: [f32; 2]| compare(&got, &third, &nothing, Tolerance::F16).is_ok();
    assert!(moved([half::f16::from_f32(1.0 / 3.0).to_f32(), 0.25]));
    assert!(!moved([1.0 / 3.0, 0.25]) && !moved([half::f16::from_f32(1.0 / 3.0).to_f32(), 0.250_1]));
}
