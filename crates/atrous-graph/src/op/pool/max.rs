//! Max pooling.

use crate::TensorType;
use crate::op::check;
use crate::op::definition::Definition;

use super::window::Window;

/// Maximum over a window. Padding is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool {
    /// The window.
    pub window: Window,
}

impl Definition for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.window.infer(inputs[0]).map(TensorType::image)
    }

    fn attributes(&self) -> String {
        self.window.attributes()
    }
}

/// The position of each maximum of [`MaxPool`]: `y*W + x` in the input's plane, the first in row-major order on a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPoolIndices {
    /// The window.
    pub window: Window,
}

impl Definition for MaxPoolIndices {
    fn name(&self) -> &'static str {
        "max_pool2d_indices"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.window.infer(inputs[0]).map(TensorType::map)
    }

    fn attributes(&self) -> String {
        self.window.attributes()
    }
}

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

impl Definition for MaxPoolGrad {
    fn name(&self) -> &'static str {
        "max_pool2d_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let x = check::image(inputs[0], self.h, self.w)?;
        let y = self.window.infer(x)?;
        check::shape("dy", inputs[0].shape, y)?;
        check::shape("the indices", inputs[1].shape, y)?;
        Ok(x)
    }

    fn attributes(&self) -> String {
        format!("{} size {}×{}", self.window.attributes(), self.h, self.w)
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}
