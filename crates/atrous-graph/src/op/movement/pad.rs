//! Padding of images.

use crate::op::check;
use crate::op::definition::Definition;
use crate::op::padding::{Padding, check_steps};
use crate::{Shape, TensorType};

/// What the added pixels hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// The same number everywhere.
    Constant(f32),
    /// The image mirrored at its edge pixel, which is not repeated. The padding must be smaller than the image.
    Reflect,
    /// Copies of the nearest edge pixel.
    Replicate,
}

/// Adds rows and columns around the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pad {
    /// How many rows and columns are added on each side.
    pub padding: Padding,
    /// What the added pixels hold.
    pub mode: PadMode,
}

impl Definition for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let x = inputs[0];
        let Shape { n, h, w, c } = x.shape;
        let p = self.padding;
        check_steps([1, 1], [1, 1], p)?;
        if self.mode == PadMode::Reflect && (p.top.max(p.bottom) >= h || p.left.max(p.right) >= w) {
            return Err(format!("reflection of {p} needs more pixels than the {h}×{w} there are"));
        }
        if let PadMode::Constant(v) = self.mode
            && !v.is_finite()
        {
            return Err(format!("the padding value must be finite, got {v}"));
        }
        Ok(TensorType { shape: Shape::new(n, h + p.top + p.bottom, w + p.left + p.right, c), ..x })
    }

    fn attributes(&self) -> String {
        format!("{} {:?}", self.padding, self.mode)
    }
}

/// The gradient of padding: each `dy` is added to the pixel it was copied from, if any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PadGrad {
    /// The forward operation.
    pub pad: Pad,
    /// Rows of the image that was padded.
    pub h: usize,
    /// Columns of the image that was padded.
    pub w: usize,
}

impl Definition for PadGrad {
    fn name(&self) -> &'static str {
        "pad_grad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let dy = inputs[0];
        let x = check::image(dy, self.h, self.w)?;
        check::shape("dy", dy.shape, self.pad.infer(&[x])?.shape)?;
        Ok(x)
    }

    fn attributes(&self) -> String {
        self.pad.attributes()
    }
}
