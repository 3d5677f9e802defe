//! The comparison of gradients with central differences and adjoints.

use atrous_cpu::{Tensor, evaluate};
use atrous_graph::{Op, Shape, TensorType};

/// Half the distance between the two points of a central difference.
const STEP: f64 = 1e-4;

/// Largest error of a derivative, relative to the largest derivative of the tensor. A central difference is off by
/// `STEP²/6` times the third derivative and by `1e-16 / STEP` times the value, together about 1e-8.
const RTOL: f64 = 1e-6;

/// Evaluates `op` with the output shape that its rule infers.
pub(crate) fn eval(op: Op, inputs: &[&Tensor]) -> Tensor {
    evaluate(&op, inputs, inferred(&op, inputs).unwrap_or_else(|e| panic!("{}: {e}", op.name())))
}

/// The shape of the result, for the first types of inputs (images, maps or filters) that the operation accepts.
fn inferred(op: &Op, inputs: &[&Tensor]) -> Result<Shape, String> {
    let types = [TensorType::image, TensorType::map, TensorType::filter];
    let choice = |number: usize| -> Vec<TensorType> {
        let digit = |i: usize| number / types.len().pow(i as u32) % types.len();
        inputs.iter().enumerate().map(|(i, x)| types[digit(i)](x.shape)).collect()
    };
    let choices = 0..types.len().pow(inputs.len() as u32);
    let shape = choices.map(choice).find_map(|types| op.infer(&types).ok()).map(|ty| ty.shape);
    shape.ok_or_else(|| op.infer(&choice(0)).expect_err("no choice is accepted"))
}

/// Values in -1..1 without a pattern, the same on every run.
pub(crate) fn noise(shape: Shape, seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    Tensor::new(shape, (0..shape.len()).map(|_| next()).collect())
}

/// Values without a pattern, no two of which are closer than 0.01, so that a step of a difference changes no maximum.
pub(crate) fn distinct(shape: Shape, seed: u64) -> Tensor {
    let keys = noise(shape, seed);
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.sort_by(|a, b| keys.data[*a].total_cmp(&keys.data[*b]));
    let mut values = vec![0.0; shape.len()];
    for (rank, i) in order.into_iter().enumerate() {
        values[i] = (rank as f64 - shape.len() as f64 / 2.0) * 0.01;
    }
    Tensor::new(shape, values)
}

pub(crate) fn dot(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape, b.shape);
    a.data.iter().zip(&b.data).map(|(a, b)| a * b).sum()
}

/// The gradient of `Σ f(x) * u` with respect to `x` by central differences.
fn differences(f: impl Fn(&Tensor) -> Tensor, x: &Tensor, u: &Tensor) -> Tensor {
    let mut at = x.clone();
    let mut slopes = Tensor::zeros(x.shape);
    for (i, slope) in slopes.data.iter_mut().enumerate() {
        at.data[i] = x.data[i] + STEP;
        let above = dot(&f(&at), u);
        at.data[i] = x.data[i] - STEP;
        let below = dot(&f(&at), u);
        at.data[i] = x.data[i];
        *slope = (above - below) / (2.0 * STEP);
    }
    slopes
}

/// Whether two gradients are the same within [`RTOL`].
fn agree(got: &Tensor, want: &Tensor) -> Result<(), String> {
    if got.shape != want.shape {
        return Err(format!("the gradient is {}, not {}", got.shape, want.shape));
    }
    let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (got, want)) in got.data.iter().zip(&want.data).enumerate() {
        let error = (got - want).abs();
        if error.is_nan() || error > RTOL * largest {
            return Err(format!("at {i}: {got}, by differences {want} (largest {largest})"));
        }
    }
    Ok(())
}

/// Compares `gradient`, which maps `u` to the gradient of `Σ f(x) * u`, with central differences at `x`. Fails if all
/// differences are zero, since an error of sign would then pass.
pub(crate) fn compared(
    x: &Tensor,
    f: impl Fn(&Tensor) -> Tensor,
    gradient: impl FnOnce(&Tensor) -> Tensor,
) -> Result<(), String> {
    let u = noise(f(x).shape, 77);
    let (got, want) = (gradient(&u), differences(f, x, &u));
    agree(&got, &want)?;
    match agree(&got.map(|v| -v), &want) {
        Ok(()) => Err(format!("the sign is not seen, differences are {want:?}")),
        Err(_) => Ok(()),
    }
}

/// Asserts [`compared`].
#[track_caller]
pub(crate) fn check(what: &str, x: &Tensor, f: impl Fn(&Tensor) -> Tensor, gradient: impl FnOnce(&Tensor) -> Tensor) {
    compared(x, f, gradient).unwrap_or_else(|reason| panic!("{what}: {reason}"));
}

/// Checks `<forward(x), y> = <x, backward(y)>` for tensors without a pattern.
pub(crate) fn adjoined(
    x: Shape,
    forward: impl Fn(&Tensor) -> Tensor,
    backward: impl Fn(&Tensor) -> Tensor,
) -> Result<(), String> {
    let x = noise(x, 5);
    let image = forward(&x);
    let y = noise(image.shape, 6);
    let (left, right) = (dot(&image, &y), dot(&x, &backward(&y)));
    let scale = dot(&image.abs(), &y.abs());
    if scale <= 0.0 {
        return Err("there is nothing to compare".to_owned());
    }
    if (left - right).abs() <= 1e-12 * scale { Ok(()) } else { Err(format!("{left} and {right}")) }
}

/// Asserts [`adjoined`].
#[track_caller]
pub(crate) fn adjoint(what: &str, x: Shape, forward: impl Fn(&Tensor) -> Tensor, backward: impl Fn(&Tensor) -> Tensor) {
    adjoined(x, forward, backward).unwrap_or_else(|reason| panic!("{what}: {reason}"));
}

/// [`adjoint`] and [`check`] for a linear operation.
#[track_caller]
pub(crate) fn linear(what: &str, x: Shape, forward: impl Fn(&Tensor) -> Tensor, backward: impl Fn(&Tensor) -> Tensor) {
    adjoint(what, x, &forward, &backward);
    check(what, &noise(x, 7), &forward, &backward);
}

fn cubes(x: &Tensor) -> Tensor {
    x.map(|v| v * v * v)
}

fn product(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::new(a.shape, a.data.iter().zip(&b.data).map(|(a, b)| a * b).collect())
}

#[test]
fn a_right_gradient_passes() {
    let x = noise(Shape::new(1, 2, 3, 4), 1);
    check("cubes", &x, cubes, |u| product(u, &x.map(|v| 3.0 * v * v)));
}

#[test]
fn wrong_gradients_are_noticed() {
    let x = noise(Shape::new(1, 2, 3, 4), 1);
    let u = noise(x.shape, 2);
    let (want, right) = (differences(cubes, &x, &u), product(&u, &x.map(|v| 3.0 * v * v)));
    assert_eq!(agree(&right, &want), Ok(()));
    let mut one_off = right.clone();
    one_off.data[13] += 1e-5;
    let mut shifted = right.clone();
    shifted.data.rotate_right(1);
    let mut lost = right.clone();
    lost.data[3] = f64::NAN;
    let reshaped = Tensor::new(Shape::channels(24), right.data.clone());
    let wrong = [right.map(|v| -v), right.map(|v| v * 1.00001), product(&u, &x), one_off, shifted, lost, reshaped];
    for (i, wrong) in wrong.iter().enumerate() {
        assert!(agree(wrong, &want).is_err(), "wrong gradient {i} passed");
    }
}

#[test]
#[should_panic(expected = "the sign is not seen")]
fn a_check_that_cannot_fail_is_refused() {
    check("nothing", &noise(Shape::channels(3), 1), |x| x.map(|_| 1.0), |u| u.map(|_| 0.0));
}

#[test]
#[should_panic(expected = "twice")]
fn a_wrong_adjoint_is_noticed() {
    adjoint("twice", Shape::channels(5), |x| x.map(|v| 2.0 * v), |y| y.map(|v| 2.000001 * v));
}
