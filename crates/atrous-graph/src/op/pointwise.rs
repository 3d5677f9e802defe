//! Functions of single elements.

use crate::{Shape, TensorType};

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
}

impl Unary {
    /// One of each function, for tests that must not miss any.
    pub const EXAMPLES: [Self; 12] = [
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
        }
    }
}

/// A function of two elements. Sides of 1 are repeated to the other's size: `1×1×1×C` is per channel, `N×1×1×C` per
/// sample and channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
}

impl Binary {
    /// The function's name in prints and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
        }
    }
}

pub(super) fn infer_binary(inputs: &[TensorType]) -> Result<TensorType, String> {
    let (a, b) = (inputs[0].shape, inputs[1].shape);
    let mut out = [0; 4];
    for (i, (da, db)) in a.dims().into_iter().zip(b.dims()).enumerate() {
        out[i] = match (da, db) {
            _ if da == db => da,
            (1, d) | (d, 1) => d,
            _ => {
                return Err(format!("{a} and {b} do not broadcast: {da} against {db} in {}", ["N", "H", "W", "C"][i]));
            }
        };
    }
    Ok(TensorType::image(Shape::new(out[0], out[1], out[2], out[3])))
}

pub(super) fn infer_dropout(x: TensorType, rate: f32) -> Result<TensorType, String> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(format!("the rate must lie in 0..=1, got {rate}"));
    }
    Ok(x)
}
