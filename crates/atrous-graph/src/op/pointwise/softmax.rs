//! Softmax over channels.

use crate::TensorType;
use crate::op::check;
use crate::op::definition::Definition;

/// Softmax over channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax;

impl Definition for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0])
    }
}

/// The gradient of [`Softmax`], `y * (dy - Σ_c dy*y)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SoftmaxGrad;

impl Definition for SoftmaxGrad {
    fn name(&self) -> &'static str {
        "softmax_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check::gradient(inputs[0], inputs[0], inputs[1])
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }
}

/// Logarithm of the softmax over channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogSoftmax;

impl Definition for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0])
    }
}

/// The gradient of [`LogSoftmax`], `dy - exp(y) * Σ_c dy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogSoftmaxGrad;

impl Definition for LogSoftmaxGrad {
    fn name(&self) -> &'static str {
        "log_softmax_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check::gradient(inputs[0], inputs[0], inputs[1])
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }
}
