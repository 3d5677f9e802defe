//! A loss fused with the interpolation right before it.

use crate::op::definition::Definition;
use crate::op::resize::{Interpolation, Resize, ResizeGrad};
use crate::{Shape, TensorType};

use super::cross_entropy::{CrossEntropy, CrossEntropyGrad};

/// [`CrossEntropy`] of resized logits, merged by a pass so that the logits of all classes are not stored at full
/// resolution. It has no gradient, since passes run after differentiation.
///
/// Inputs are those of the loss or of its gradient, with the logits as they are before the interpolation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeCrossEntropy {
    /// The bilinear interpolation of the logits to the size of the labels.
    pub resize: Resize,
    /// The loss.
    pub loss: CrossEntropy,
}

impl ResizeCrossEntropy {
    /// The gradient of the interpolation, for an image of shape `x`.
    pub const fn resize_grad(&self, x: Shape) -> ResizeGrad {
        ResizeGrad { resize: self.resize, h: x.h, w: x.w }
    }

    /// The inputs of the loss alone: `inputs` with the logits resized.
    fn resized(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, String> {
        if !matches!(self.resize.interpolation, Interpolation::Bilinear(_)) {
            return Err(format!("{:?} cannot be fused with a loss", self.resize.interpolation));
        }
        let mut inputs = inputs.to_vec();
        inputs[0] = self.resize.infer(&inputs[..1])?;
        Ok(inputs)
    }
}

impl Definition for ResizeCrossEntropy {
    fn name(&self) -> &'static str {
        "resize_cross_entropy"
    }

    fn arity(&self) -> (usize, usize) {
        self.loss.arity()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.loss.infer(&self.resized(inputs)?)
    }

    fn attributes(&self) -> String {
        format!("of {} {}", self.resize.attributes(), self.loss.attributes())
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}

/// The gradient of [`ResizeCrossEntropy`] with respect to the logits before the interpolation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeCrossEntropyGrad(pub ResizeCrossEntropy);

impl Definition for ResizeCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "resize_cross_entropy_grad"
    }

    fn arity(&self) -> (usize, usize) {
        CrossEntropyGrad(self.0.loss).arity()
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        CrossEntropyGrad(self.0.loss).infer(&self.0.resized(inputs)?)?;
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}
