//! A convolution fused with the operations right before and after it.

use crate::op::definition::{self, Definition};
use crate::op::pointwise::Unary;
use crate::{Shape, TensorType};

use super::forward::Conv2d;
use super::transposed::Conv2dGradInput;

/// `y = activation(conv(prologue(x), filter) + bias + residual)`: several operations that a pass has merged, so that no
/// intermediate result is stored. It has no gradient, since passes run after differentiation.
///
/// Inputs are `x`, `filter`, then `bias` (`1×1×1×Cout`) and `residual` if it has them. The residual has the result's
/// shape, or is one pixel for each sample, `N×1×1×Cout`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedConv {
    /// The convolution.
    pub conv: Convolution,
    /// A piecewise function of the image with `f(0) = 0`, so that the zeros around the image stay zeros. Transposed
    /// convolutions cannot have one.
    pub prologue: Option<Unary>,
    /// Whether there is a `bias` input.
    pub bias: bool,
    /// Whether there is a `residual` input; then there is a bias too.
    pub residual: bool,
    /// A function of the sum. It must be [piecewise](Unary::is_piecewise), and so has a bounded
    /// [steepness](Unary::steepness).
    pub activation: Option<Unary>,
}

/// A convolution or its adjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convolution {
    /// A convolution.
    Forward(Conv2d),
    /// A transposed convolution.
    Transposed(Conv2dGradInput),
}

impl Convolution {
    fn definition(&self) -> &dyn Definition {
        match self {
            Self::Forward(conv) => conv,
            Self::Transposed(conv) => conv,
        }
    }
}

impl FusedConv {
    /// A convolution without prologue, residual and activation.
    pub const fn plain(conv: Convolution, bias: bool) -> Self {
        Self { conv, prologue: None, bias, residual: false, activation: None }
    }

    /// Number of inputs of the convolution alone.
    pub const fn conv_inputs(&self) -> usize {
        2 + self.bias as usize
    }
}

impl Definition for FusedConv {
    fn name(&self) -> &'static str {
        match self.conv {
            Convolution::Forward(_) => "fused_conv2d",
            Convolution::Transposed(_) => "fused_conv_transpose2d",
        }
    }

    fn arity(&self) -> (usize, usize) {
        let inputs = self.conv_inputs() + usize::from(self.residual);
        (inputs, inputs)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let y = definition::infer(self.conv.definition(), &inputs[..self.conv_inputs()])?;
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

    fn attributes(&self) -> String {
        let function = |what: &str, f: Option<Unary>| f.map(|f| format!("{what} {}", f.name()));
        let parts = [
            function("of", self.prologue),
            Some(self.conv.definition().attributes()),
            self.residual.then(|| "with a residual".to_owned()),
            function("then", self.activation),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn stores(&self, input: usize) -> bool {
        input < 2 || input >= self.conv_inputs()
    }

    fn takes_filter(&self, input: usize) -> bool {
        input == 1
    }

    fn macs(&self, inputs: &[TensorType], output: TensorType) -> u64 {
        self.conv.definition().macs(inputs, output)
    }
}
