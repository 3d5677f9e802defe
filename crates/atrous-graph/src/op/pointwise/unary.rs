//! Functions of single elements.

use crate::TensorType;
use crate::op::check;
use crate::op::definition::Definition;

/// A function of each element. Formulas and constants are PyTorch's; Keras agrees where it has the function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` if positive, else `slope * x`
    LeakyRelu {
        /// Slope for negative values.
        slope: f32,
    },
    /// `x` if positive, else `alpha * (exp(x) - 1)`
    Elu {
        /// Limit for very negative values, negated.
        alpha: f32,
    },
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x/2 * (1 + erf(x / sqrt(2)))`
    Gelu,
    /// `x/2 * (1 + tanh(sqrt(2/π) * (x + 0.044715 x³)))`
    GeluTanh,
    /// `min(max(x + 3, 0), 6) / 6`
    HardSigmoid,
    /// `x * hard_sigmoid(x)`
    HardSwish,
    /// `ln(1 + exp(x))`, without overflow.
    Softplus,
    /// `scale * x + shift`
    Affine {
        /// Factor.
        scale: f32,
        /// Summand.
        shift: f32,
    },
    /// `|x|`; its derivative at 0 is 0.
    Abs,
    /// `x²`
    Square,
    /// Square root of `max(x, 0)`; its derivative at 0 is taken as 0.
    Sqrt,
    /// `exp(x)`
    Exp,
    /// `ln(x)`
    Ln,
    /// `max(x, 0)` to this power; its derivative at 0 is taken as 0 for exponents below 1.
    Pow {
        /// The exponent, positive.
        exponent: f32,
    },
    /// `x²/2` where `|x| < delta`, else `delta * (|x| - delta/2)` (Huber 1964).
    Huber {
        /// Where the parabola ends, positive.
        delta: f32,
    },
    /// 1 where `x > 0`, else 0; its derivative is 0.
    Step,
    /// `min(max(x, low), high)`, so `high` throughout if the limits cross; NaN stays NaN in the reference, and on adapters
    /// that keep it in comparisons. The derivative is 1 where `low ≤ x ≤ high`, else 0, as of PyTorch's `clamp` and
    /// Keras' `clip`.
    Clip {
        /// The least result, below infinity; `f32::NEG_INFINITY` for none.
        low: f32,
        /// The largest result, above negative infinity; `f32::INFINITY` for none.
        high: f32,
    },
}

impl Unary {
    /// One of each function, for tests that must not miss any.
    pub const EXAMPLES: [Self; 24] = [
        Self::Relu,
        Self::Relu6,
        Self::LeakyRelu { slope: 0.2 },
        Self::Elu { alpha: 1.5 },
        Self::Sigmoid,
        Self::Tanh,
        Self::Silu,
        Self::Gelu,
        Self::GeluTanh,
        Self::HardSigmoid,
        Self::HardSwish,
        Self::Softplus,
        Self::Affine { scale: -0.7, shift: 0.4 },
        Self::Abs,
        Self::Square,
        Self::Sqrt,
        Self::Exp,
        Self::Ln,
        Self::Pow { exponent: 1.5 },
        Self::Huber { delta: 0.5 },
        Self::Step,
        Self::Clip { low: -0.5, high: 1.0 },
        Self::Clip { low: -0.5, high: f32::INFINITY },
        Self::Clip { low: f32::NEG_INFINITY, high: 0.5 },
    ];

    /// The function's name in prints and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSwish => "hard_swish",
            Self::Softplus => "softplus",
            Self::Affine { .. } => "affine",
            Self::Abs => "abs",
            Self::Square => "square",
            Self::Sqrt => "sqrt",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Pow { .. } => "pow",
            Self::Huber { .. } => "huber",
            Self::Step => "step",
            Self::Clip { .. } => "clip",
        }
    }

    /// Whether it takes but comparisons, sums and products: what a kernel does beside other work at next to no cost.
    pub fn is_piecewise(self) -> bool {
        match self {
            Self::Relu
            | Self::Relu6
            | Self::LeakyRelu { .. }
            | Self::HardSigmoid
            | Self::HardSwish
            | Self::Affine { .. }
            | Self::Abs
            | Self::Huber { .. }
            | Self::Clip { .. } => true,
            Self::Elu { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::Softplus
            | Self::Square
            | Self::Sqrt
            | Self::Exp
            | Self::Ln
            | Self::Pow { .. }
            | Self::Step => false,
        }
    }

    /// The largest slope, rounded up; `None` where it has no bound, or the function jumps.
    pub fn steepness(self) -> Option<f32> {
        match self {
            Self::Relu
            | Self::Relu6
            | Self::Tanh
            | Self::Sigmoid
            | Self::HardSigmoid
            | Self::Softplus
            | Self::Abs
            | Self::Clip { .. } => Some(1.0),
            Self::LeakyRelu { slope } => Some(slope.abs().max(1.0)),
            Self::Elu { alpha } => Some(alpha.abs().max(1.0)),
            // 1.0998, 1.1290 and 1.1290 exactly.
            Self::Silu | Self::Gelu | Self::GeluTanh => Some(1.13),
            Self::HardSwish => Some(1.5),
            Self::Affine { scale, .. } => Some(scale.abs()),
            Self::Huber { delta } => Some(delta),
            Self::Square | Self::Sqrt | Self::Exp | Self::Ln | Self::Pow { .. } | Self::Step => None,
        }
    }

    /// Whether `f(0) = 0`.
    pub fn keeps_zero(self) -> bool {
        match self {
            Self::Relu
            | Self::Relu6
            | Self::LeakyRelu { .. }
            | Self::Elu { .. }
            | Self::Tanh
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::HardSwish
            | Self::Abs
            | Self::Square
            | Self::Sqrt
            | Self::Pow { .. }
            | Self::Huber { .. }
            | Self::Step => true,
            Self::Affine { shift, .. } => shift == 0.0,
            Self::Clip { low, high } => low <= 0.0 && high >= 0.0,
            Self::Sigmoid | Self::HardSigmoid | Self::Softplus | Self::Exp | Self::Ln => false,
        }
    }

    /// Whether `f'(x) = f'(f(x))`, so that a gradient may read the result in place of `x`.
    pub fn from_result(self) -> bool {
        match self {
            Self::Relu | Self::Relu6 => true,
            Self::LeakyRelu { slope } => slope > 0.0,
            Self::Elu { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::HardSigmoid
            | Self::HardSwish
            | Self::Softplus
            | Self::Affine { .. }
            | Self::Abs
            | Self::Square
            | Self::Sqrt
            | Self::Exp
            | Self::Ln
            | Self::Pow { .. }
            | Self::Huber { .. }
            | Self::Step
            | Self::Clip { .. } => false,
        }
    }

    /// Refuses parameters that define no function, or that kernels cannot take as constants.
    fn check(self) -> Result<(), String> {
        let rule = match self {
            Self::Clip { low, high } if !(low < f32::INFINITY && high > f32::NEG_INFINITY) => {
                "limits must be a low one below infinity and a high one above -infinity"
            }
            Self::LeakyRelu { slope } if !slope.is_finite() => "the slope must be finite",
            Self::Elu { alpha } if !alpha.is_finite() => "alpha must be finite",
            Self::Affine { scale, shift } if !(scale.is_finite() && shift.is_finite()) => {
                "scale and shift must be finite"
            }
            Self::Pow { exponent } if !(exponent > 0.0 && exponent.is_finite()) => {
                "the exponent must be positive and finite"
            }
            Self::Huber { delta } if !(delta > 0.0 && delta.is_finite()) => "delta must be positive and finite",
            _ => return Ok(()),
        };
        Err(format!("{rule}, got {}", self.attributes()))
    }
}

impl Definition for Unary {
    fn name(&self) -> &'static str {
        Self::name(*self)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.check()?;
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        match self {
            Self::LeakyRelu { slope } => format!("slope {slope}"),
            Self::Elu { alpha } => format!("alpha {alpha}"),
            Self::Affine { scale, shift } => format!("scale {scale} shift {shift}"),
            Self::Pow { exponent } => format!("exponent {exponent}"),
            Self::Huber { delta } => format!("delta {delta}"),
            Self::Clip { low, high } => format!("low {low} high {high}"),
            _ => String::new(),
        }
    }
}

/// `dy * f'(x)`. For functions of [`Unary::from_result`] `x` may also be `f(x)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnaryGrad(pub Unary);

impl Definition for UnaryGrad {
    fn name(&self) -> &'static str {
        "unary_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.0.check()?;
        check::gradient(inputs[0], inputs[0], inputs[1])
    }

    fn attributes(&self) -> String {
        format!("{} {}", self.0.name(), self.0.attributes()).trim_end().to_owned()
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Gradient;
    use crate::{Op, Shape};

    #[test]
    fn parameters_that_define_no_function_are_refused() {
        let x = [TensorType::image(Shape::channels(8))];
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        for (low, high) in [(-inf, inf), (0.0, inf), (-inf, 0.0), (1.0, -1.0)] {
            assert!(Op::Unary(Unary::Clip { low, high }).infer(&x).is_ok(), "{low} to {high}");
        }
        let limits = [(nan, 1.0), (0.0, nan), (inf, inf), (-inf, -inf)].map(|(low, high)| Unary::Clip { low, high });
        let not_finite = [nan, inf].into_iter().flat_map(|v| {
            [
                Unary::LeakyRelu { slope: v },
                Unary::Elu { alpha: v },
                Unary::Affine { scale: v, shift: 0.0 },
                Unary::Affine { scale: 1.0, shift: v },
                Unary::Pow { exponent: v },
                Unary::Huber { delta: v },
            ]
        });
        let not_positive = [Unary::Pow { exponent: 0.0 }, Unary::Huber { delta: -1.0 }];
        for function in not_finite.chain(limits).chain(not_positive) {
            let gradient = Op::Gradient(Gradient::Unary(UnaryGrad(function)));
            for refused in [Op::Unary(function).infer(&x), gradient.infer(&[x[0], x[0]])] {
                let error = refused.map(|_| ()).expect_err("no function");
                assert!(error.ends_with(&format!("got {}", function.attributes())), "{error}");
            }
        }
    }
}
