//! A convolution together with what comes right before and after it.

use crate::{Op, Shape, TensorType};

use super::{Conv2d, Conv2dGradInput, Unary};

/// `y = activation(conv(prologue(x), filter) + bias + residual)`: what a pass over the graph makes of several operations, so that
/// nothing in between is stored. Nothing flows back through it: passes run after differentiation.
///
/// Inputs are `x`, `filter`, then `bias` (`1×1×1×Cout`) and `residual` (of the result's shape, or one pixel of it for each
/// sample) if it has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedConv {
    /// The convolution.
    pub conv: Convolution,
    /// A function of the image with `f(0) = 0`, so that the zeros around the image stay zeros. Not for transposed convolutions.
    pub prologue: Option<Unary>,
    /// Whether there is a `bias` input.
    pub bias: bool,
    /// Whether there is a `residual` input; then there is a bias too.
    pub residual: bool,
    /// A function of the sum, one that [is piecewise](Unary::is_piecewise), and so of bounded [steepness](Unary::steepness).
    pub activation: Option<Unary>,
}

/// A convolution or its adjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convolution {
    /// [`Op::Conv2d`]
    Forward(Conv2d),
    /// [`Op::Conv2dGradInput`]
    Transposed(Conv2dGradInput),
}

impl Convolution {
    /// The convolution as an operation of its own.
    pub const fn op(&self) -> Op {
        match self {
            Self::Forward(conv) => Op::Conv2d(*conv),
            Self::Transposed(conv) => Op::Conv2dGradInput(*conv),
        }
    }
}

impl FusedConv {
    /// Nothing but a convolution.
    pub const fn plain(conv: Convolution, bias: bool) -> Self {
        Self { conv, prologue: None, bias, residual: false, activation: None }
    }

    /// The convolution in an operation that is one, of so many inputs.
    pub const fn of(op: &Op, inputs: usize) -> Option<Self> {
        match op {
            Op::Conv2d(conv) => Some(Self::plain(Convolution::Forward(*conv), inputs > 2)),
            Op::Conv2dGradInput(conv) => Some(Self::plain(Convolution::Transposed(*conv), inputs > 2)),
            Op::FusedConv(fused) => Some(*fused),
            _ => None,
        }
    }

    /// Number of inputs of the convolution alone.
    pub const fn conv_inputs(&self) -> usize {
        2 + self.bias as usize
    }

    pub(super) const fn inputs(&self) -> usize {
        self.conv_inputs() + self.residual as usize
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let y = self.conv.op().infer(&inputs[..self.conv_inputs()])?;
        if self.residual && !self.bias {
            return Err("a residual without a bias".to_owned());
        }
        let pixel = TensorType { shape: Shape { h: 1, w: 1, ..y.shape }, ..y };
        if self.residual && ![y, pixel].contains(&inputs[self.conv_inputs()]) {
            return Err(format!("the residual must be {y} or {pixel}, got {}", inputs[self.conv_inputs()]));
        }
        if let Some(f) = self.activation.filter(|f| !f.is_piecewise()) {
            return Err(format!("{} is too costly or too steep to be fused", f.name()));
        }
        match (self.prologue, self.conv) {
            (Some(_), Convolution::Transposed(_)) => Err("a transposed convolution of a function".to_owned()),
            (Some(f), _) if !f.keeps_zero() || !f.is_piecewise() => {
                Err(format!("{} of the image is not 0 outside of it, or too costly or steep", f.name()))
            }
            _ => Ok(y),
        }
    }
}
