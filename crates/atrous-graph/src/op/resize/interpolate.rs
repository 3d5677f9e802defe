//! Interpolation of images.

use crate::op::check;
use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Where output pixel `i` lies in the input, for `n` input and `m` output pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coordinates {
    /// `(i + 0.5) * n/m - 0.5`: PyTorch's `align_corners=False`, TensorFlow 2, Keras.
    HalfPixel,
    /// `i * (n-1)/(m-1)`, 0 if `m` is 1: `align_corners=True`, TensorFlow's DeepLab.
    AlignCorners,
    /// `i * n/m`: TensorFlow 1 without `align_corners`.
    Asymmetric,
}

/// How values between pixels are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The pixel at `floor(i * n/m)`, with ratio and product in f32 as in PyTorch and Keras.
    Nearest,
    /// The pixel at `floor((i + 0.5) * n/m)`: PyTorch's `nearest-exact`.
    NearestExact,
    /// The two nearest pixels of each axis, edges repeated.
    Bilinear(Coordinates),
    /// A triangle filter at half-pixel coordinates, which is widened by the factor of reduction if the image shrinks:
    /// Pillow's bilinear filter, PyTorch's `antialias=True`.
    BilinearAntialias,
}

/// Resizes rows and columns to `h×w`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resize {
    /// Rows of the result.
    pub h: usize,
    /// Columns of the result.
    pub w: usize,
    /// How values between pixels are computed.
    pub interpolation: Interpolation,
    /// Input pixels per output pixel, (rows, columns), used instead of `n/m`: what PyTorch does when a `scale_factor` is
    /// given (its reciprocal). Not used with aligned corners.
    pub step: Option<[f64; 2]>,
}

impl Resize {
    /// Bilinear interpolation to `h×w`.
    pub const fn bilinear(h: usize, w: usize, coordinates: Coordinates) -> Self {
        Self { h, w, interpolation: Interpolation::Bilinear(coordinates), step: None }
    }

    /// Nearest neighbour to `h×w`.
    pub const fn nearest(h: usize, w: usize) -> Self {
        Self { h, w, interpolation: Interpolation::Nearest, step: None }
    }
}

impl Definition for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if self.h == 0 || self.w == 0 {
            return Err(format!("the size must be at least 1×1, got {}×{}", self.h, self.w));
        }
        if let Some(step) = self.step
            && !step.iter().all(|s| s.is_finite() && *s > 0.0)
        {
            return Err(format!("the step must be positive and finite, got {step:?}"));
        }
        Ok(TensorType::image(Shape { h: self.h, w: self.w, ..inputs[0].shape }))
    }

    fn attributes(&self) -> String {
        format!("{}×{} {:?}", self.h, self.w, self.interpolation)
    }
}

/// The gradient of interpolation: each `dy` is added to the pixels it was interpolated from, times their weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeGrad {
    /// The forward operation.
    pub resize: Resize,
    /// Rows of the image that was resized.
    pub h: usize,
    /// Columns of the image that was resized.
    pub w: usize,
}

impl Definition for ResizeGrad {
    fn name(&self) -> &'static str {
        "resize_grad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let dy = inputs[0];
        let x = check::image(dy, self.h, self.w)?;
        check::shape("dy", dy.shape, self.resize.infer(&[x])?.shape)?;
        Ok(x)
    }

    fn attributes(&self) -> String {
        format!("{:?} size {}×{}", self.resize.interpolation, self.h, self.w)
    }
}
