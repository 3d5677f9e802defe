//! The class map of a resized image.

use crate::TensorType;
use crate::op::definition::Definition;
use crate::op::reduce::ArgMax;

use super::interpolate::Resize;

/// [`ArgMax`] of a [`Resize`]: two operations that a pass has merged, so that the resized image is not stored. It has
/// no gradient, since passes run after differentiation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeArgMax(pub Resize);

impl Definition for ResizeArgMax {
    fn name(&self) -> &'static str {
        "resize_argmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        ArgMax.infer(&[self.0.infer(inputs)?])
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }
}
