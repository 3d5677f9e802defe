//! A loss together with the interpolation right before it.

use crate::{Shape, TensorType};

use super::{CrossEntropy, Interpolation, Resize, ResizeGrad};

/// [`CrossEntropy`] of resized logits: what a pass over the graph makes of the end of a segmentation network, so that nothing of the
/// full resolution and all classes is stored. Nothing flows back through it: passes run after differentiation.
///
/// Inputs are those of the loss and of its gradient, with the logits as they are before the interpolation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeCrossEntropy {
    /// What brings the logits to the size of the labels; bilinear.
    pub resize: Resize,
    /// The loss.
    pub loss: CrossEntropy,
}

impl ResizeCrossEntropy {
    /// The gradient of the interpolation of an image of this shape.
    pub const fn resize_grad(&self, x: Shape) -> ResizeGrad {
        ResizeGrad { resize: self.resize, h: x.h, w: x.w }
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.loss.infer(&self.resized(inputs)?)
    }

    pub(super) fn infer_grad(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.loss.infer_grad(&self.resized(inputs)?)?;
        Ok(inputs[0])
    }

    /// The inputs of the loss alone.
    fn resized(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, String> {
        if !matches!(self.resize.interpolation, Interpolation::Bilinear(_)) {
            return Err(format!("{:?} cannot be fused with a loss", self.resize.interpolation));
        }
        let mut inputs = inputs.to_vec();
        inputs[0] = self.resize.infer(inputs[0])?;
        Ok(inputs)
    }
}
