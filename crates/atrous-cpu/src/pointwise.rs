//! Functions of single elements.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use atrous_graph::Shape;
use atrous_graph::op::{Binary, Unary};

use crate::Tensor;

/// The cubic coefficient of [`Unary::GeluTanh`].
const CUBIC: f64 = 0.044715;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid(x: f64) -> f64 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// See [`Unary`] for the formulas.
pub(crate) fn unary(op: Unary, x: &Tensor) -> Tensor {
    x.map(|x| match op {
        Unary::Relu => x.max(0.0),
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
    })
}

/// The error scale of [`unary`], with `s = sigmoid(x)`:
///
/// * relu, relu6, and the positive side of leaky relu and elu: 0, exact.
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
pub(crate) fn unary_magnitude(op: Unary, x: &Tensor) -> Tensor {
    let sigmoid_scale = |x: f64| sigmoid(x) * (1.0 + x.abs() * sigmoid(-x));
    let hard_sigmoid_scale = |x: f64| (x.abs().min(3.0) + 3.0) / 6.0;
    x.map(|x| match op {
        Unary::Relu | Unary::Relu6 => 0.0,
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
    })
}

/// `a + b`, `a - b` or `a * b`; sides of 1 are repeated.
pub(crate) fn binary(op: Binary, a: &Tensor, b: &Tensor, output: Shape) -> Tensor {
    let repeated = |t: &Tensor, at: [usize; 4]| {
        let dims = t.shape.dims();
        let [n, y, x, c] = std::array::from_fn(|i| if dims[i] == 1 { 0 } else { at[i] });
        t.at(n, y, x, c)
    };
    Tensor::from_fn(output, |n, y, x, c| {
        let (a, b) = (repeated(a, [n, y, x, c]), repeated(b, [n, y, x, c]));
        match op {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(op: Unary, values: &[(f64, f64)]) {
        for (x, want) in values {
            let got = unary(op, &Tensor::new(Shape::channels(1), vec![*x])).data[0];
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

    #[test]
    fn magnitudes_cover_the_value() {
        let x = Tensor::new(Shape::channels(81), (-40..=40).map(|i| f64::from(i) / 4.0).collect());
        let ops = [
            Unary::Sigmoid,
            Unary::Tanh,
            Unary::Silu,
            Unary::Gelu,
            Unary::GeluTanh,
            Unary::HardSigmoid,
            Unary::HardSwish,
            Unary::Softplus,
        ];
        for op in ops {
            for (m, y) in unary_magnitude(op, &x).data.iter().zip(unary(op, &x).data) {
                assert!(*m >= y.abs() && m.is_finite(), "{}: {m} {y}", op.name());
            }
        }
    }

    #[test]
    fn broadcasting() {
        let a = Tensor::new(Shape::new(2, 1, 2, 2), (1..=8).map(f64::from).collect());
        let per_channel = Tensor::channels(&[10.0, 20.0]);
        let per_sample = Tensor::new(Shape::new(2, 1, 1, 2), vec![1.0, 2.0, 3.0, 4.0]);
        let single = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, -1.0]);
        let sum = binary(Binary::Add, &a, &per_channel, a.shape);
        assert_eq!(sum.data, [11.0, 22.0, 13.0, 24.0, 15.0, 26.0, 17.0, 28.0]);
        let product = binary(Binary::Mul, &per_sample, &a, a.shape);
        assert_eq!(product.data, [1.0, 4.0, 3.0, 8.0, 15.0, 24.0, 21.0, 32.0]);
        let difference = binary(Binary::Sub, &per_channel, &single, Shape::new(1, 1, 2, 2));
        assert_eq!(difference.data, [9.0, 19.0, 11.0, 21.0]);
    }
}
