//! Average pooling.

use crate::TensorType;
use crate::op::check;
use crate::op::definition::Definition;

use super::window::Window;

/// Mean over a window, without dilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool {
    /// The window; its dilation must be 1.
    pub window: Window,
    /// Whether padded positions count in the divisor (PyTorch's default). Positions past the padding, which `ceil_mode`
    /// can reach, never count.
    pub count_include_pad: bool,
    /// Divisor instead of the number of positions.
    pub divisor: Option<usize>,
}

impl Definition for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if self.window.dilation != [1, 1] {
            return Err(format!("average pooling has no dilation, got {:?}", self.window.dilation));
        }
        if self.divisor == Some(0) {
            return Err("the divisor must not be zero".to_owned());
        }
        self.window.infer(inputs[0]).map(TensorType::image)
    }

    fn attributes(&self) -> String {
        let window = self.window.attributes();
        match (self.divisor, self.count_include_pad) {
            (Some(divisor), _) => format!("{window} divisor {divisor}"),
            (None, false) => format!("{window} excluding padding"),
            (None, true) => window,
        }
    }
}

/// The gradient of average pooling: each `dy`, divided by its window's divisor, is added to every pixel of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPoolGrad {
    /// The forward operation.
    pub pool: AvgPool,
    /// Rows of the pooled image.
    pub h: usize,
    /// Columns of the pooled image.
    pub w: usize,
}

impl Definition for AvgPoolGrad {
    fn name(&self) -> &'static str {
        "avg_pool2d_grad"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let dy = inputs[0];
        let x = check::image(dy, self.h, self.w)?;
        check::shape("dy", dy.shape, self.pool.infer(&[x])?.shape)?;
        Ok(x)
    }

    fn attributes(&self) -> String {
        format!("{} size {}×{}", self.pool.window.attributes(), self.h, self.w)
    }
}
