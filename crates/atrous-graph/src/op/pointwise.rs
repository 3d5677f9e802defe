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
    /// `max(x, floor)`; its derivative is 1 where `x > floor`, else 0.
    AtLeast {
        /// The least result.
        floor: f32,
    },
    /// 1 where `x > 0`, else 0; its derivative is 0.
    Step,
}

impl Unary {
    /// One of each function, for tests that must not miss any.
    pub const EXAMPLES: [Self; 22] = [
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
        Self::AtLeast { floor: -0.3 },
        Self::Step,
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
            Self::AtLeast { .. } => "at_least",
            Self::Step => "step",
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
            | Self::AtLeast { .. } => true,
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
            | Self::AtLeast { .. } => Some(1.0),
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
            Self::AtLeast { floor } => floor <= 0.0,
            Self::Sigmoid | Self::HardSigmoid | Self::Softplus | Self::Exp | Self::Ln => false,
        }
    }

    /// Whether the derivative at `x` can be told from `f(x)` in the place of `x`: the function keeps the sign, or clips.
    pub fn from_result(self) -> bool {
        match self {
            Self::Relu | Self::Relu6 => true,
            Self::LeakyRelu { slope } => slope > 0.0,
            _ => false,
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
    /// `a / b`, and 0 where `b` is 0 (TensorFlow's `divide_no_nan`).
    DivNoNan,
    /// 1 where `a` and `b` are equal, else 0; no gradient flows through it.
    Equal,
}

impl Binary {
    /// The function's name in prints and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::DivNoNan => "div_no_nan",
            Self::Equal => "equal",
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
    Ok(TensorType { shape: Shape::new(out[0], out[1], out[2], out[3]), ..inputs[0] })
}

pub(super) fn infer_broadcast(x: TensorType, shape: Shape) -> Result<TensorType, String> {
    let fits = x.shape.dims().into_iter().zip(shape.dims()).all(|(have, want)| have == want || have == 1);
    if fits { Ok(TensorType::image(shape)) } else { Err(format!("{} cannot be repeated to {shape}", x.shape)) }
}

pub(super) fn infer_fill(shape: Shape, value: f32) -> Result<TensorType, String> {
    if value.is_finite() { Ok(TensorType::image(shape)) } else { Err(format!("the value must be finite, got {value}")) }
}

/// With a seed: `x * mask / (1 - rate)`, where the mask drops each [unit](DropoutUnit) with probability `rate` (Srivastava et al. 2014).
/// The mask is a function of the seed, the stream and the unit's position alone, so that the gradient replays it: a unit is dropped
/// if its word of Philox4x32-10 with key `(seed, stream)` and counter `(i, 0, 0, 0)` is below `rate * 2^32` (Salmon et al. 2011).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of units that training drops, below 1.
    pub rate: f32,
    /// Tells the dropouts of one network apart.
    pub stream: u32,
    /// Which elements are dropped together.
    pub unit: DropoutUnit,
}

/// What a dropout decides of at once, and which word of which counter `i` decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DropoutUnit {
    /// An element. Element `e` of the vec4 `i` of the tensor in device layout: word `e`.
    #[default]
    Element,
    /// A channel of a sample: PyTorch's `Dropout2d`, Keras' `SpatialDropout2D` (Tompson et al. 2015). Element `e` of the vec4 `i` of
    /// an `N×1×1×C` tensor: word `e`.
    Channel,
    /// A sample, such as a residual branch in stochastic depth (Huang et al. 2016): torchvision's `StochasticDepth` of mode `row`.
    /// Sample `i`: word 0.
    Sample,
    /// Everything, or nothing: torchvision's `StochasticDepth` of mode `batch`. Word 0 of counter 0.
    Batch,
}

impl DropoutUnit {
    /// One of each, for tests that must not miss any.
    pub const ALL: [Self; 4] = [Self::Element, Self::Channel, Self::Sample, Self::Batch];

    /// The unit's name in prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Sample => "sample",
            Self::Batch => "batch",
        }
    }
}

impl Dropout {
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("the rate must lie in 0..1, got {}", self.rate));
        }
        match inputs.get(1) {
            Some(seed) if seed.shape != Shape::channels(1) => {
                Err(format!("the seed must be 1×1×1×1, got {}", seed.shape))
            }
            _ => Ok(inputs[0]),
        }
    }
}
