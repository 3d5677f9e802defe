//! Gradients that need to know the size of what they are the gradient of.

use crate::{Shape, TensorType};

use super::{AvgPool, Pad, Resize, Window};

/// The gradient of max pooling: `dx[n,y,x,c] = Σ dy[n,oy,ox,c]` over the windows whose stored maximum lies at `(y, x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPoolGrad {
    /// The forward window.
    pub window: Window,
    /// Rows of the pooled image.
    pub h: usize,
    /// Columns of the pooled image.
    pub w: usize,
}

impl MaxPoolGrad {
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let x = image(inputs[0], self.h, self.w)?;
        let y = self.window.infer(x)?;
        check("dy", inputs[0].shape, y)?;
        check("the indices", inputs[1].shape, y)?;
        Ok(x)
    }
}

/// The gradient of average pooling: every `dy`, divided as its window's sum was, goes to each pixel of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPoolGrad {
    /// The forward operation.
    pub pool: AvgPool,
    /// Rows of the pooled image.
    pub h: usize,
    /// Columns of the pooled image.
    pub w: usize,
}

impl AvgPoolGrad {
    pub(super) fn infer(&self, dy: TensorType) -> Result<TensorType, String> {
        let x = image(dy, self.h, self.w)?;
        check("dy", dy.shape, self.pool.infer(x)?.shape)?;
        Ok(x)
    }
}

/// The gradient of interpolation: every `dy` goes to the pixels it was made of, by their weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeGrad {
    /// The forward operation.
    pub resize: Resize,
    /// Rows of the image that was resized.
    pub h: usize,
    /// Columns of the image that was resized.
    pub w: usize,
}

impl ResizeGrad {
    pub(super) fn infer(&self, dy: TensorType) -> Result<TensorType, String> {
        let x = image(dy, self.h, self.w)?;
        check("dy", dy.shape, self.resize.infer(x)?.shape)?;
        Ok(x)
    }
}

/// The gradient of padding: every `dy` goes to the pixel it was copied from, if any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PadGrad {
    /// The forward operation.
    pub pad: Pad,
    /// Rows of the image that was padded.
    pub h: usize,
    /// Columns of the image that was padded.
    pub w: usize,
}

impl PadGrad {
    pub(super) fn infer(&self, dy: TensorType) -> Result<TensorType, String> {
        let x = image(dy, self.h, self.w)?;
        check("dy", dy.shape, self.pad.infer(x)?.shape)?;
        Ok(x)
    }
}

/// The type of `x`, once `dy` is known to have the type of the forward result `y`.
pub(super) fn infer_like(x: TensorType, y: TensorType, dy: TensorType) -> Result<TensorType, String> {
    check("dy", dy.shape, y.shape)?;
    Ok(x)
}

fn image(dy: TensorType, h: usize, w: usize) -> Result<TensorType, String> {
    if h == 0 || w == 0 {
        return Err(format!("the image must be at least 1×1, got {h}×{w}"));
    }
    Ok(TensorType::image(Shape { h, w, ..dy.shape }))
}

fn check(what: &str, got: Shape, wanted: Shape) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what} must be {wanted}, got {got}")) }
}
