//! The identity, in another type or without gradient.

use atrous_graph::op::{Cast, StopGradient};
use atrous_graph::{DType, Shape};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

impl Reference for StopGradient {
    /// `x`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].clone()
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for Cast {
    /// `x`; the reference rounds nothing.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].clone()
    }

    /// The value where it is rounded to f16, zero for f32.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        match self.dtype {
            DType::F16 => on_absolutes(self, inputs, output),
            DType::F32 | DType::U32 => Tensor::zeros(output),
        }
    }
}
