//! Derivatives of functions of an element, and their error scales.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, TAU};

use atrous_graph::op::Unary;

use super::functions::{CUBIC, hard_sigmoid, sigmoid};

/// The roundings of a difference from 1, in units of those an error scale stands for: a few, where an error scale
/// allows for the sums of a large convolution.
const DIFFERENCE: f64 = 1.0 / 16.0;

/// The argument of the hyperbolic tangent in [`Unary::GeluTanh`], and its derivative.
fn gelu_argument(x: f64) -> (f64, f64) {
    let factor = FRAC_2_PI.sqrt();
    (factor * (x + CUBIC * x.powi(3)), factor * (1.0 + 3.0 * CUBIC * x * x))
}

/// The density of the standard normal distribution.
fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / TAU.sqrt()
}

/// Whether `x` is where the function is constant, or at a kink where its derivative is taken as 0: gradients are 0 there, also of
/// infinite `dy` and of NaN. NaN is nowhere of that.
pub(super) fn is_flat(op: Unary, x: f64) -> bool {
    match op {
        Unary::Relu | Unary::Sqrt | Unary::Pow { .. } => x <= 0.0,
        Unary::Relu6 => x <= 0.0 || x >= 6.0,
        Unary::HardSigmoid => x.abs() >= 3.0,
        Unary::Abs => x == 0.0,
        Unary::Clip { low, high } => x < f64::from(low) || x > f64::from(high),
        Unary::Step => true,
        Unary::LeakyRelu { .. }
        | Unary::Elu { .. }
        | Unary::Sigmoid
        | Unary::Tanh
        | Unary::Silu
        | Unary::Gelu
        | Unary::GeluTanh
        | Unary::HardSwish
        | Unary::Softplus
        | Unary::Affine { .. }
        | Unary::Square
        | Unary::Exp
        | Unary::Ln
        | Unary::Huber { .. } => false,
    }
}

/// `f'(x)`. Where the function has a kink, the derivative is the one on the left, with these exceptions: 0 at both
/// ends of relu6 and hard sigmoid (and of the hard sigmoid in hard swish), and what [`Unary`] says.
pub(super) fn derivative(op: Unary, x: f64) -> f64 {
    match op {
        _ if is_flat(op, x) => 0.0,
        Unary::Relu | Unary::Relu6 | Unary::Clip { .. } => 1.0,
        Unary::LeakyRelu { .. } | Unary::Elu { .. } if x > 0.0 => 1.0,
        Unary::LeakyRelu { slope } => f64::from(slope),
        Unary::Elu { alpha } => f64::from(alpha) * x.exp(),
        Unary::Sigmoid => sigmoid(x) * sigmoid(-x),
        Unary::Tanh => x.cosh().powi(-2),
        Unary::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
        Unary::Gelu => (1.0 + libm::erf(x * FRAC_1_SQRT_2)) / 2.0 + x * density(x),
        Unary::GeluTanh => {
            let (z, slope) = gelu_argument(x);
            (1.0 + z.tanh()) / 2.0 + x / 2.0 * z.cosh().powi(-2) * slope
        }
        Unary::HardSigmoid => 1.0 / 6.0,
        Unary::HardSwish => hard_sigmoid(x) + if x.abs() >= 3.0 { 0.0 } else { x / 6.0 },
        Unary::Softplus => sigmoid(x),
        Unary::Affine { scale, .. } => f64::from(scale),
        Unary::Abs if x.is_nan() => 1.0,
        Unary::Abs => x.signum(),
        Unary::Square => 2.0 * x,
        Unary::Sqrt => 0.5 / x.sqrt(),
        Unary::Exp => x.exp(),
        Unary::Ln => 1.0 / x,
        Unary::Pow { exponent } => f64::from(exponent) * x.powf(f64::from(exponent) - 1.0),
        Unary::Huber { delta } => x.clamp(-f64::from(delta), f64::from(delta)),
        Unary::Step => 0.0,
    }
}

/// The error scale of [`derivative`], with `s = sigmoid(x)` and `σ = s (1 + |x| (1 - s))` its error scale:
///
/// * relu, relu6, abs, step, clip, the positive side of leaky relu and elu, hard swish beyond ±3: 0, exact.
/// * leaky relu, affine, hard sigmoid, square, sqrt, huber: the derivative, one product or two.
/// * elu: `|alpha| exp(x) (1 + |x|)`.
/// * sigmoid: `s (1 - s) (1 + |x|)`, and a few roundings of `1 - s`.
/// * tanh: `1 + 2 |tanh x|`, an absolute error of the function squared.
/// * silu: `σ + s (1 - s) |x| (1 + |x|)`, and a few roundings of `1 - s`, times `|x|`.
/// * gelu: `(1 + |erf z| + |z| erf'(z)) / 2 + |x| φ(x) (1 + x²)` with `z = x/√2` and `φ` the normal density.
/// * gelu tanh: `(2 + 3 |z| (1 - t²)) / 2 + |x|/2 z' ((1 - t²) (1 + 6 |z|) + a few roundings)` with `z` its argument and
///   `t = tanh z`.
/// * hard swish: `(|x| + 3) / 6 + |x| / 6`.
/// * softplus: `σ`.
/// * exp: `exp(x) (1 + |x|)`. ln: `1/|x|`.
/// * pow: the derivative times `1 + |exponent - 1| (1 + |ln x|)`.
pub(super) fn scale(op: Unary, x: f64) -> f64 {
    let a = x.abs();
    let bell = sigmoid(x) * sigmoid(-x);
    match op {
        Unary::Relu | Unary::Relu6 | Unary::Abs | Unary::Step | Unary::Clip { .. } => 0.0,
        Unary::LeakyRelu { .. } | Unary::Elu { .. } if x > 0.0 => 0.0,
        Unary::LeakyRelu { .. }
        | Unary::Affine { .. }
        | Unary::HardSigmoid
        | Unary::Square
        | Unary::Sqrt
        | Unary::Ln
        | Unary::Huber { .. } => derivative(op, x).abs(),
        Unary::Elu { .. } | Unary::Exp => derivative(op, x).abs() * (1.0 + a),
        Unary::Sigmoid => bell * (1.0 + a) + DIFFERENCE * sigmoid(x),
        Unary::Tanh => 1.0 + 2.0 * x.tanh().abs(),
        Unary::Silu => sigmoid(x) + bell * a * (2.0 + a) + DIFFERENCE * a * sigmoid(x),
        Unary::Gelu => {
            let z = a * FRAC_1_SQRT_2;
            (1.0 + libm::erf(z) + z * FRAC_2_SQRT_PI * (-z * z).exp()) / 2.0 + a * density(x) * (1.0 + x * x)
        }
        Unary::GeluTanh => {
            let (z, slope) = gelu_argument(a);
            let bell = z.cosh().powi(-2);
            (2.0 + 3.0 * z * bell) / 2.0 + a / 2.0 * slope * (bell * (1.0 + 6.0 * z) + DIFFERENCE)
        }
        Unary::HardSwish if a >= 3.0 => 0.0,
        Unary::HardSwish => (a + 3.0) / 6.0 + a / 6.0,
        Unary::Softplus => sigmoid(x) + bell * a,
        Unary::Pow { .. } if x <= 0.0 => 0.0,
        Unary::Pow { exponent } => derivative(op, x) * (1.0 + (f64::from(exponent) - 1.0).abs() * (1.0 + x.ln().abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(op: Unary, values: &[(f64, f64)]) {
        for (x, want) in values {
            assert_eq!(derivative(op, *x), *want, "{} at {x}", op.name());
        }
    }

    #[test]
    fn derivatives_at_kinks() {
        check(Unary::Relu, &[(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]);
        check(Unary::Relu6, &[(0.0, 0.0), (3.0, 1.0), (6.0, 0.0), (7.0, 0.0)]);
        check(Unary::LeakyRelu { slope: 0.25 }, &[(0.0, 0.25), (-1.0, 0.25), (1.0, 1.0)]);
        check(Unary::Elu { alpha: 0.5 }, &[(0.0, 0.5), (1.0, 1.0)]);
        check(Unary::HardSigmoid, &[(-3.0, 0.0), (0.0, 1.0 / 6.0), (3.0, 0.0)]);
        check(Unary::HardSwish, &[(-3.0, 0.0), (0.0, 0.5), (3.0, 1.0), (4.0, 1.0)]);
        check(Unary::Abs, &[(-2.0, -1.0), (0.0, 0.0), (-0.0, 0.0), (2.0, 1.0)]);
        check(Unary::Sqrt, &[(-1.0, 0.0), (0.0, 0.0), (4.0, 0.25)]);
        check(Unary::Pow { exponent: 0.5 }, &[(-1.0, 0.0), (0.0, 0.0), (4.0, 0.25)]);
        check(Unary::Huber { delta: 0.5 }, &[(-2.0, -0.5), (0.25, 0.25), (0.5, 0.5)]);
        check(Unary::Clip { low: 1.0, high: f32::INFINITY }, &[(0.5, 0.0), (1.0, 1.0), (1.5, 1.0)]);
        check(Unary::Step, &[(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)]);
        check(Unary::Clip { low: -1.0, high: 0.5 }, &[(-1.5, 0.0), (-1.0, 1.0), (0.0, 1.0), (0.5, 1.0), (0.75, 0.0)]);
        check(Unary::Clip { low: 2.0, high: 1.0 }, &[(0.0, 0.0), (1.0, 0.0), (1.5, 0.0), (2.0, 0.0)]);
    }
}
