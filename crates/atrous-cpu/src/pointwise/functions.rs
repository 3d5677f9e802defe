//! Functions of an element, and their error scales.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use atrous_graph::op::Unary;

use crate::numbers::{at_least, at_most};

/// The cubic coefficient of [`Unary::GeluTanh`].
pub(super) const CUBIC: f64 = 0.044715;

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn hard_sigmoid(x: f64) -> f64 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn softplus(x: f64) -> f64 {
    at_least(x, 0.0) + (-x.abs()).exp().ln_1p()
}

/// See [`Unary`] for the formulas.
pub(super) fn value(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Relu => at_least(x, 0.0),
        Unary::Relu6 => x.clamp(0.0, 6.0),
        Unary::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Unary::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * x.exp_m1()
            }
        }
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => x / 2.0 * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
        Unary::GeluTanh => x / 2.0 * (1.0 + (FRAC_2_PI.sqrt() * (x + CUBIC * x.powi(3))).tanh()),
        Unary::HardSigmoid => hard_sigmoid(x),
        Unary::HardSwish => x * hard_sigmoid(x),
        Unary::Softplus => softplus(x),
        Unary::Affine { scale, shift } => f64::from(scale) * x + f64::from(shift),
        Unary::Abs => x.abs(),
        Unary::Square => x * x,
        Unary::Sqrt => at_least(x, 0.0).sqrt(),
        Unary::Exp => x.exp(),
        Unary::Ln => x.ln(),
        Unary::Pow { exponent } => at_least(x, 0.0).powf(f64::from(exponent)),
        Unary::Huber { delta } => {
            let delta = f64::from(delta);
            if x.abs() < delta { x * x / 2.0 } else { delta * (x.abs() - delta / 2.0) }
        }
        Unary::Step if x.is_nan() => x,
        Unary::Step => f64::from(u8::from(x > 0.0)),
        Unary::Clip { low, high } => at_most(at_least(x, low.into()), high.into()),
    }
}

/// The error scale of [`value`], with `s = sigmoid(x)`:
///
/// * relu, relu6, abs, step, clip, and the positive side of leaky relu and elu: 0, exact.
/// * leaky relu: `|slope x|`, one product.
/// * elu: `|alpha| (exp(x) (1 + |x|) + 1)`; `exp(x) - 1` may be computed as it stands.
/// * sigmoid: `s (1 + |x| (1 - s))`, its value and what rounding `x` in the exponential makes of it.
/// * tanh: 1; WGSL promises no more than an absolute 1e-5.
/// * silu: `|x|` times that of sigmoid.
/// * gelu: `|x|/2 (1 + |erf z| + |z| erf'(z))` with `z = x/√2`; `1 + erf` may cancel.
/// * gelu tanh: `|x|/2 (2 + 3 |z| (1 - tanh² z))` with `z` its argument, a cubic; `1 + tanh` may cancel.
/// * hard sigmoid: `(min(|x|, 3) + 3) / 6`, the sum on absolute values.
/// * hard swish: `|x|` times that.
/// * softplus: `softplus(|x|)`; `1 + exp(-|x|)` may be rounded.
/// * affine: `|scale x| + |shift|`.
/// * square, sqrt: the value.
/// * exp: `exp(x) (1 + |x|)`.
/// * ln: `1 + |ln x|`; WGSL bounds the error near 1 absolutely.
/// * pow: `f(x) (1 + exponent (1 + |ln x|))`, as `exp(exponent * ln x)`.
/// * huber: `x²/2`, or `delta (|x| + delta/2)`.
pub(super) fn scale(op: Unary, x: f64) -> f64 {
    let sigmoid_scale = |x: f64| sigmoid(x) * (1.0 + x.abs() * sigmoid(-x));
    let hard_sigmoid_scale = |x: f64| (x.abs().min(3.0) + 3.0) / 6.0;
    match op {
        Unary::Relu | Unary::Relu6 | Unary::Abs | Unary::Step | Unary::Clip { .. } => 0.0,
        Unary::LeakyRelu { .. } | Unary::Elu { .. } if x > 0.0 => 0.0,
        Unary::LeakyRelu { slope } => (f64::from(slope) * x).abs(),
        Unary::Elu { alpha } => f64::from(alpha).abs() * (x.exp() * (1.0 + x.abs()) + 1.0),
        Unary::Sigmoid => sigmoid_scale(x),
        Unary::Tanh => 1.0,
        Unary::Silu => x.abs() * sigmoid_scale(x),
        Unary::Gelu => {
            let z = (x * FRAC_1_SQRT_2).abs();
            x.abs() / 2.0 * (1.0 + libm::erf(z) + z * FRAC_2_SQRT_PI * (-z * z).exp())
        }
        Unary::GeluTanh => {
            let z = FRAC_2_PI.sqrt() * (x + CUBIC * x.powi(3)).abs();
            x.abs() / 2.0 * (2.0 + 3.0 * z * (1.0 - z.tanh().powi(2)))
        }
        Unary::HardSigmoid => hard_sigmoid_scale(x),
        Unary::HardSwish => x.abs() * hard_sigmoid_scale(x),
        Unary::Softplus => softplus(x.abs()),
        Unary::Affine { scale, shift } => (f64::from(scale) * x).abs() + f64::from(shift).abs(),
        Unary::Square => x * x,
        Unary::Sqrt => x.max(0.0).sqrt(),
        Unary::Exp => x.exp() * (1.0 + x.abs()),
        Unary::Ln | Unary::Pow { .. } if x <= 0.0 => 0.0,
        Unary::Ln => 1.0 + x.ln().abs(),
        Unary::Pow { exponent } => {
            let exponent = f64::from(exponent);
            x.powf(exponent) * (1.0 + exponent * (1.0 + x.ln().abs()))
        }
        Unary::Huber { delta } => {
            let delta = f64::from(delta);
            if x.abs() < delta { x * x / 2.0 } else { delta * (x.abs() + delta / 2.0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(op: Unary, values: &[(f64, f64)]) {
        for (x, want) in values {
            let got = value(op, *x);
            assert!((got - want).abs() <= 1e-14 * want.abs().max(1e-3), "{}({x}) = {got}, not {want}", op.name());
        }
    }

    #[test]
    fn piecewise_linear_functions() {
        check(Unary::Relu, &[(-1.0, 0.0), (2.0, 2.0)]);
        check(Unary::Relu6, &[(-1.0, 0.0), (2.0, 2.0), (7.0, 6.0)]);
        check(Unary::LeakyRelu { slope: 0.25 }, &[(-2.0, -0.5), (2.0, 2.0)]);
        check(Unary::HardSigmoid, &[(-4.0, 0.0), (0.0, 0.5), (1.5, 0.75), (4.0, 1.0)]);
        check(Unary::HardSwish, &[(-4.0, 0.0), (-1.5, -0.375), (1.5, 1.125), (4.0, 4.0)]);
    }

    #[test]
    fn functions_of_losses() {
        check(Unary::Affine { scale: -2.0, shift: 0.5 }, &[(3.0, -5.5)]);
        check(Unary::Abs, &[(-3.0, 3.0), (0.0, 0.0), (2.0, 2.0)]);
        check(Unary::Square, &[(-3.0, 9.0)]);
        check(Unary::Sqrt, &[(-3.0, 0.0), (9.0, 3.0)]);
        check(Unary::Exp, &[(0.0, 1.0), (3f64.ln(), 3.0)]);
        check(Unary::Ln, &[(1.0, 0.0), (std::f64::consts::E, 1.0)]);
        check(Unary::Pow { exponent: 1.5 }, &[(-4.0, 0.0), (0.0, 0.0), (4.0, 8.0)]);
        check(Unary::Huber { delta: 2.0 }, &[(-1.0, 0.5), (2.0, 2.0), (-5.0, 8.0)]);
        check(Unary::Clip { low: -1.5, high: f32::INFINITY }, &[(-2.0, -1.5), (1.0, 1.0)]);
        check(Unary::Step, &[(-1.0, 0.0), (0.0, 0.0), (1e-300, 1.0)]);
        check(Unary::Clip { low: -1.0, high: 0.5 }, &[(-1e300, -1.0), (-0.75, -0.75), (7.0, 0.5)]);
        check(Unary::Clip { low: f32::NEG_INFINITY, high: 0.5 }, &[(-1e300, -1e300), (1e300, 0.5)]);
        assert!(value(Unary::Clip { low: -1.0, high: 0.5 }, f64::NAN).is_nan());
        check(Unary::Clip { low: 2.0, high: 1.0 }, &[(0.0, 1.0), (1.5, 1.0), (3.0, 1.0)]);
    }

    /// Values from tables of the functions (DLMF 7.23 for erf), to 16 digits.
    #[test]
    fn transcendental_functions() {
        check(Unary::Elu { alpha: 2.0 }, &[(3.0, 3.0), (-1.0, -1.264_241_117_657_115_3)]);
        check(Unary::Sigmoid, &[(0.0, 0.5), (3f64.ln(), 0.75), (-800.0, 0.0), (800.0, 1.0)]);
        check(Unary::Tanh, &[(0.5, 0.462_117_157_260_009_76), (-20.0, -1.0)]);
        check(Unary::Silu, &[(3f64.ln(), 0.75 * 3f64.ln()), (-3f64.ln(), -0.25 * 3f64.ln())]);
        check(Unary::Gelu, &[(1.0, 0.841_344_746_068_542_9), (-1.0, -0.158_655_253_931_457_05)]);
        check(Unary::GeluTanh, &[(1.0, 0.841_191_990_608_276_6), (-1.0, -0.158_808_009_391_723_4)]);
        check(Unary::Softplus, &[(0.0, std::f64::consts::LN_2), (800.0, 800.0), (-800.0, 0.0)]);
    }
}
