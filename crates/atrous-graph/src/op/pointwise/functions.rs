//! The functions of single elements, and what is known of them.

/// A function of each element. Formulas and constants are PyTorch's; Keras agrees where it has the function. Of NaN it is NaN.
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
    /// `min(max(x, low), high)`, so `high` throughout if the limits cross. The derivative is 1 where `low ≤ x ≤ high`, else 0, as of
    /// PyTorch's `clamp` and Keras' `clip`.
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

    /// Its parameters, by name.
    pub(super) fn parameters(self) -> Vec<(&'static str, f32)> {
        match self {
            Self::LeakyRelu { slope } => vec![("slope", slope)],
            Self::Elu { alpha } => vec![("alpha", alpha)],
            Self::Affine { scale, shift } => vec![("scale", scale), ("shift", shift)],
            Self::Pow { exponent } => vec![("exponent", exponent)],
            Self::Huber { delta } => vec![("delta", delta)],
            Self::Clip { low, high } => vec![("low", low), ("high", high)],
            Self::Relu
            | Self::Relu6
            | Self::Sigmoid
            | Self::Tanh
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::HardSigmoid
            | Self::HardSwish
            | Self::Softplus
            | Self::Abs
            | Self::Square
            | Self::Sqrt
            | Self::Exp
            | Self::Ln
            | Self::Step => Vec::new(),
        }
    }
}
