//! Average pooling to a given size.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Mean over bins: bin `i` of `b` along a side of `n` pixels covers `floor(i*n/b) .. ceil((i+1)*n/b)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdaptiveAvgPool {
    /// Rows of bins.
    pub h: usize,
    /// Columns of bins.
    pub w: usize,
}

impl Definition for AdaptiveAvgPool {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        resized(inputs[0], self.h, self.w)
    }

    fn attributes(&self) -> String {
        format!("bins {}×{}", self.h, self.w)
    }
}

/// The gradient of [`AdaptiveAvgPool`]: each `dy`, divided by the size of its bin, is added to every pixel of the bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdaptiveAvgPoolGrad {
    /// Rows of the result.
    pub h: usize,
    /// Columns of the result.
    pub w: usize,
}

impl Definition for AdaptiveAvgPoolGrad {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d_grad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        resized(inputs[0], self.h, self.w)
    }

    fn attributes(&self) -> String {
        format!("size {}×{}", self.h, self.w)
    }
}

fn resized(x: TensorType, h: usize, w: usize) -> Result<TensorType, String> {
    if h == 0 || w == 0 {
        return Err(format!("bins must be at least 1×1, got {h}×{w}"));
    }
    Ok(TensorType::image(Shape::new(x.shape.n, h, w, x.shape.c)))
}
